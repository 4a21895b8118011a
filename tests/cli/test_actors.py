"""`a2p actors` and `a2p convert`, as a user types them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from a2p_backend.cli import app
from a2p_backend.wire.performance import Performance, load_take, save_take
from tests.released_folder import released


@pytest.fixture(autouse=True)
def nothing_of_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("A2P_ACTORS", str(tmp_path / "actors"))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_an_actor_is_added_shown_and_removed(tmp_path: Path) -> None:
    files = released()
    files.without = {"guide"}
    source = files.write(tmp_path / "released")
    added = run("actors", "add", "PXB184", "--from", source)
    assert added.exit_code == 0, added.output
    assert added.stdout.strip() == str(tmp_path / "actors" / "PXB184")
    assert "warning: The body keeps its mean pose, for there is no checkpoints/guide/c1_pose" in added.stderr
    assert "PXB184\tlip, face, body\t" in run("actors", "list").stdout
    assert "drawn by    its trained avatar" in run("actors", "info", "default").stdout
    info = run("actors", "info", "PXB184").stdout
    assert "licence     CC BY-NC 4.0" in info
    assert "made from   assets/vq-wav2vec.pt (SHA-256 " in info
    (tmp_path / "actors" / "PXB184" / "lip.safetensors").unlink()
    assert "lip (its file is missing" in run("actors", "info", "PXB184").stdout
    again = run("actors", "add", "PXB184", "--from", source)
    assert (again.exit_code, "--replace" in again.stderr) == (2, True)
    (tmp_path / "actors" / "PXB184" / "actor.json").write_text("{}")
    damaged = run("actors", "list")
    assert (damaged.exit_code, "is not a valid actor manifest" in damaged.stderr) == (0, True)
    assert "default\t" in damaged.stdout
    assert run("actors", "remove", "PXB184").exit_code == 0
    assert run("actors", "info", "PXB184").exit_code == 2
    assert run("actors", "remove", "default").exit_code == 2


def test_fetch_names_the_released_actors_where_there_is_no_such_one() -> None:
    result = run("actors", "fetch", "ABC")
    assert (result.exit_code, "PXB184, RLW104, TXB805, GQS883" in result.stderr) == (2, True)


def test_results_become_a_take_and_a_take_results(tmp_path: Path) -> None:
    source, take, again = tmp_path / "results.npy", tmp_path / "take.npz", tmp_path / "again.npy"
    motion = np.random.default_rng(0).standard_normal((2, 30, 104))
    np.save(source, {"motions": motion})
    result = run("convert", source, "-o", take, "--sample", 1, "--actor", "PXB184")
    assert result.exit_code == 0, result.output
    assert "holds no face" in result.stderr
    np.testing.assert_array_equal(load_take(take).pose, motion[1].astype(np.float32))
    assert run("convert", take, "--as-results", "-o", again).exit_code == 0
    assert np.load(again, allow_pickle=True).item()["motions"].shape == (1, 30, 104)
    assert run("convert", tmp_path / "absent.npy", "-o", take).exit_code == 2


def test_a_part_of_a_take_is_a_take(tmp_path: Path) -> None:
    pose = np.random.default_rng(0).standard_normal((100, 104)).astype(np.float32)
    take, part = tmp_path / "take.npz", tmp_path / "part.npz"
    save_take(
        Performance(pose, np.zeros((100, 256), np.float32), pose[::30], "default", 3, "a.wav", ""), take
    )
    result = run("convert", take, "--seconds", "1:3", "-o", part)
    assert result.exit_code == 0, result.output
    assert "begin 1 s into the recording" in " ".join(result.stderr.split())
    made = load_take(part)
    np.testing.assert_array_equal(made.pose, pose[30:90])
    np.testing.assert_array_equal(made.guide, pose[[30, 60]])
    assert made.seed == 3
    assert run("convert", take, "--seconds", "2:", "-o", part).exit_code == 0
    assert load_take(part).frame_count == 40
    for wrong in ("3", "4:9", "2:1"):
        refused = run("convert", take, "--seconds", wrong, "-o", part)
        assert (refused.exit_code, "give a range such as 600:1200" in refused.stderr) == (2, True)
    assert run("convert", take, "--seconds", "0:1", "--as-results", "-o", part).exit_code == 2
