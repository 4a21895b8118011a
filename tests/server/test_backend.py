"""The real service, as far as it can be asked without its networks."""

from __future__ import annotations

from pathlib import Path

import pytest

from a2p_backend.actors.manifest import MANIFEST_NAME
from a2p_backend.actors.registry import HOME_VARIABLE, find_actor
from a2p_backend.server.backend import Backend


def test_one_damaged_actor_does_not_hide_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    whole = (find_actor("default") / MANIFEST_NAME).read_text(encoding="utf-8")
    for name, content in {"broken": "{}", "renamed": whole}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / MANIFEST_NAME).write_text(content, encoding="utf-8")
    # By the names of their folders, which are what a request to generate may ask for.
    assert [actor.name for actor in Backend("cpu").actors()] == ["default", "renamed"]
    assert "broken" in caplog.text
