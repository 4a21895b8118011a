"""How far the program is, for whoever runs it."""

from __future__ import annotations

import json


def tell(stage: str, done: int, total: int) -> None:
    """A line of JSON."""
    print(json.dumps({"stage": stage, "done": done, "total": total}), flush=True)
