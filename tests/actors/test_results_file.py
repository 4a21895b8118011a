"""The original's results files, read and written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from a2p_backend.actors.restricted_pickle import RestrictedPickleError
from a2p_backend.actors.results_file import (
    ResultsError,
    performance_from_results,
    read_motions,
    write_results,
)

POSE = np.random.default_rng(0).standard_normal((3, 40, 104))
FACE = np.random.default_rng(1).standard_normal((3, 40, 256))
MADE = {"actor": "PXB184", "seed": 0}


def save(path: Path, motions: object) -> Path:
    np.save(path, {"motions": motions, "gt": None})
    return path


@pytest.mark.parametrize(
    "arranged",
    [POSE, POSE.transpose(0, 2, 1), POSE.transpose(0, 2, 1)[:, :, None], POSE[None], list(POSE)],
    ids=["time first", "time last", "with a joint axis", "repetitions", "list"],
)
def test_motions_in_any_arrangement(arranged: object, tmp_path: Path) -> None:
    np.testing.assert_array_equal(read_motions(save(tmp_path / "results.npy", arranged)), POSE)


def test_body_and_face_become_one_performance(tmp_path: Path) -> None:
    body, face = save(tmp_path / "body.npy", POSE), save(tmp_path / "face.npy", FACE)
    performance = performance_from_results(face, 1, body, **MADE)
    np.testing.assert_array_equal(performance.pose, POSE[1].astype(np.float32))
    np.testing.assert_array_equal(performance.face, FACE[1].astype(np.float32))
    assert performance.warnings == ()
    alone = performance_from_results(body, 2, **MADE)
    assert not alone.face.any()
    assert alone.warnings == ("body.npy holds no face: it is zero throughout.",)
    assert len(alone.clip_sha256) == 64


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    performance = performance_from_results(save(tmp_path / "body.npy", POSE), **MADE)
    write_results(performance, tmp_path / "again.npy")
    (motion,) = read_motions(tmp_path / "again.npy")
    assert motion.dtype == np.float64
    np.testing.assert_array_equal(motion, performance.pose)
    write_results(performance, tmp_path / "face.npy", face=True)
    assert read_motions(tmp_path / "face.npy")[0].shape == (40, 256)


def test_what_is_no_results_file_is_refused(tmp_path: Path) -> None:
    body, path = save(tmp_path / "body.npy", POSE), tmp_path / "bad.npy"
    for content, reason in (
        (np.zeros(3), "has no motions"),
        ({"motion": POSE}, "has no motions"),
        ({"motions": np.zeros((2, 30, 7))}, r"\(2, 7, 30\)"),
        ({"motions": "none"}, "no arrays of numbers"),
        ({"motions": []}, "holds no motion"),
    ):
        np.save(path, content)
        with pytest.raises(ResultsError, match=rf"bad\.npy.*{reason}"):
            read_motions(path)
    np.save(path, {"motions": Path("x")})
    with pytest.raises(RestrictedPickleError, match=r"bad\.npy is refused: it asks for pathlib"):
        read_motions(path)
    with pytest.raises(ResultsError, match=r"no sample 3: its 3"):
        performance_from_results(body, 3, **MADE)
    with pytest.raises(ResultsError, match="both hold a pose"):
        performance_from_results(body, 0, body, **MADE)
    with pytest.raises(ResultsError, match=r"different lengths: \[39, 40\]"):
        performance_from_results(body, 0, save(tmp_path / "face.npy", FACE[:, 1:]), **MADE)
