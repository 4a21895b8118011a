"""`a2p bench steps` and `a2p bench length`, on networks small enough to be instant."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from a2p_backend.bench import length, steps
from a2p_backend.bench.length import BORDER, speeds_of, windows_between
from a2p_backend.bench.steps import Distance, fewest_as_near
from a2p_backend.cli import app
from a2p_backend.motion.windows import Window, lay_in_pauses, lay_windows
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
    result = CliRunner().invoke(app, [*arguments, "--preset", "draft", "--takes", "2", "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["clip_seconds"], report["windows"]) == (40, 3)
    assert set(report["speeds"]) == {f"{part} {of}" for part in ("body", "face") for of in CHANGES}


def test_in_pieces_memory_alone_is_measured(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = (Window(0, 1000), Window(760, 1800))
    monkeypatch.setattr(length, "pieces_of", lambda frames: parts)
    arguments = ["bench", "length", "--actor", "tiny", "--clip", str(clip), "--seconds", "60"]
    result = CliRunner().invoke(app, [*arguments, "--preset", "draft"])
    assert result.exit_code == 0, result.output
    assert "60 s in 2 pieces" in result.stderr
    assert "99th percentile" not in result.stderr


@pytest.mark.parametrize("order", [1, 2])
def test_a_jump_shows_where_it_is(order: int) -> None:
    motion = np.random.default_rng(0).normal(0, 0.01, (1200, 3)).cumsum(axis=0).astype(np.float32)
    windows = lay_windows(1200)
    smooth, border = motion.copy(), windows[1].start
    assert speeds_of([motion], [smooth], windows, order).at_borders < 0.2
    motion[border:] += 1
    at_border = speeds_of([motion], [smooth], windows, order)
    assert at_border.at_borders > 0.9 > 0.2 > max(at_border.elsewhere, at_border.without_borders)
    assert at_border.means[0] > at_border.means[1]
    assert at_border.by_chance[1] < 0.2
    motion[border + 30 :] += 1
    elsewhere = speeds_of([motion], [smooth], windows, order)
    assert elsewhere.at_borders == at_border.at_borders
    assert elsewhere.by_chance[1] > 0.9


def test_takes_are_pooled() -> None:
    motion = np.random.default_rng(0).normal(0, 0.01, (1200, 3)).cumsum(axis=0).astype(np.float32)
    faster = speeds_of([motion, 10 * motion], [motion], lay_windows(1200), order=1)
    assert faster.at_borders > 5 * faster.without_borders


@pytest.mark.parametrize("frames", [601, 660, 700, 1080, 1081, 1250, 18_000, 17_999])
def test_the_other_windows_meet_elsewhere(frames: int) -> None:
    loudness = np.random.default_rng(frames).random(-(-frames // 30) + 1)
    windows = lay_in_pauses(frames, loudness)
    moved = windows_between(windows)
    assert (moved[0].start, moved[-1].stop) == (0, frames)
    for before, after in pairwise(moved):
        assert before.stop - after.start >= 120
    assert all(window.start % 30 == 0 and 60 <= window.length <= 600 for window in moved)
    ours, theirs = (
        {edge for window in laid for edge in (window.start, window.stop)} - {0, frames}
        for laid in (windows, moved)
    )
    assert min(abs(one - other) for one in ours for other in theirs) > 2 * BORDER
