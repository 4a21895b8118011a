"""Errors in the user's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy

from kinematics.errors import A2PError

NO_TAKE = "There is no take here yet: generate one first"
"""Why a button is greyed that works on one."""


@contextmanager
def reported(operator: bpy.types.Operator) -> Iterator[None]:
    """Turn what the user can mend into the operator's error report; from Python it raises RuntimeError."""
    try:
        yield
    except A2PError as error:
        operator.report({"ERROR"}, str(error))


def possible(cls: type[bpy.types.Operator], condition: object, otherwise: str) -> bool:
    """What an operator's poll answers; where its button is greyed, the tooltip says why."""
    if not condition:
        cls.poll_message_set(otherwise)
    return bool(condition)


def chosen_path(text: str, what: str) -> Path:
    """The absolute path of a file property. Raises A2PError where it is empty."""
    if not text:
        raise A2PError(f"Choose {what} first.")
    return Path(bpy.path.abspath(text)).resolve()
