"""`a2p bench steps` and `a2p bench length`, on networks small enough to be instant."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from a2p_backend.bench import steps
from a2p_backend.bench.length import speeds_of
from a2p_backend.bench.steps import Distance, fewest_as_near
from a2p_backend.cli import app
from a2p_backend.motion.windows import lay_windows
from tests.tiny_actor import write_tiny_actor, write_tone

CHANGES = ("velocity", "acceleration")


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("A2P_ACTORS", str(tmp_path))
    write_tiny_actor(tmp_path / "tiny")
    return write_tone(tmp_path / "tone.wav", seconds=2)


def test_distances_are_from_the_same_noise(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "FULL_STEPS", 20)
    arguments = ["bench", "steps", "--actor", "tiny", "--clip", str(clip), "--takes", "1"]
    result = CliRunner().invoke(app, [*arguments, "--precision", "full", "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    distances = {(point["solver"], point["steps"]): point["body"] for point in report["curve"]}
    assert distances.pop(("ddim", 20)) == 0
    assert min(distances.values()) > 0


def test_few_steps_are_enough_where_all_more_are() -> None:
    def curve(*bodies: float) -> tuple[Distance, ...]:
        counts = (5, 10, 15, 20)
        return (
            Distance("ddim", 100, 0.1, 0.1),
            *(Distance("dpm++2m", n, body, 0.05) for n, body in zip(counts, bodies, strict=True)),
        )

    assert fewest_as_near(curve(0.3, 0.1, 0.09, 0.08)) == 10
    assert fewest_as_near(curve(0.05, 0.2, 0.09, 0.08)) == 15
    assert fewest_as_near(curve(0.3, 0.3, 0.3, 0.2)) is None


def test_a_long_clip_is_measured(clip: Path) -> None:
    arguments = ["bench", "length", "--actor", "tiny", "--clip", str(clip), "--seconds", "40"]
    result = CliRunner().invoke(app, [*arguments, "--preset", "draft", "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["clip_seconds"], report["windows"]) == (40, 3)
    assert set(report["speeds"]) == {f"{part} {of}" for part in ("body", "face") for of in CHANGES}


@pytest.mark.parametrize("order", [1, 2])
def test_a_jump_shows_where_it_is(order: int) -> None:
    motion = np.random.default_rng(0).normal(0, 0.01, (1200, 3)).cumsum(axis=0).astype(np.float32)
    border = lay_windows(1200)[1].start
    assert speeds_of(motion, order).at_borders < 0.2
    motion[border:] += 1
    at_border = speeds_of(motion, order)
    assert at_border.at_borders > 0.9 > 0.2 > at_border.elsewhere
    motion[border + 30 :] += 1
    assert speeds_of(motion, order).at_borders == at_border.at_borders
