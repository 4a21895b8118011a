"""`a2p bench motion`, on networks small enough to be instant."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from a2p_backend.actors.actor import load_actor
from a2p_backend.bench.motion import ORIGINAL, measure
from a2p_backend.bench.stopwatch import Stopwatch
from a2p_backend.cli import app
from a2p_backend.wire.settings import GenerateSettings
from tests.tiny_actor import write_tiny_actor


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("A2P_ACTORS", str(tmp_path))
    return write_tiny_actor(tmp_path / "tiny")


def test_json_says_where_the_time_went(folder: Path) -> None:
    arguments = ["bench", "motion", "--actor", "tiny", "--seconds", "3", "--steps", "4", "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["steps"] == 4
    assert all(report["stages"][stage] > 0 for stage in ("audio", "guide", "body", "face"))
    assert sum(report["stages"].values()) <= report["total"] == 3 * report["real_time_factor"]
    assert 4 * report["step"]["face"] <= 2 * report["stages"]["face"]
    assert report["original"] is None  # its networks have other sizes


def test_half_precision_is_compared_and_then_left(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    actor = load_actor(folder, torch.device("cpu"))
    report = measure(actor, 2, GenerateSettings(steps=2, precision="half"), released=False)
    assert report.precision == "bf16"
    assert report.error is not None
    assert 0 < report.error["body"] < 0.2
    assert actor.face is not None
    assert actor.face.arithmetic == torch.float32
    assert "guided" not in vars(actor.face)


def test_precisions_that_there_are_not(folder: Path) -> None:
    result = CliRunner().invoke(app, ["bench", "motion", "--actor", "tiny", "--precision", "fp8"])
    assert result.exit_code == 2
    assert "full, half" in result.stderr


def test_the_original_at_its_demo_settings() -> None:
    assert ORIGINAL[20].clip(20, steps=100) == pytest.approx(2066, abs=1)
    assert ORIGINAL[20].clip(20, steps=500) == pytest.approx(9160, abs=5)
    assert ORIGINAL[4].clip(4, steps=100) == pytest.approx(344, abs=1)


def test_a_stopwatch_counts_calls_while_it_watches() -> None:
    layer, watch = torch.nn.Linear(1, 1), Stopwatch(torch.device("cpu"))
    with watch.watching(("linear", layer, "forward")):
        layer(torch.zeros(1))
        layer(torch.zeros(1))
    layer(torch.zeros(1))
    assert len(watch.calls("linear")) == 2
