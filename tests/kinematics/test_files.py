"""Files that appear whole or not at all, and what a killed process leaves of them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kinematics.files import remove_leftovers, temporary_beside, whole_file


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "film.mp4"

    def fail():
        with whole_file(path) as temporary:
            temporary.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(tmp_path.iterdir()) == []
    with whole_file(path) as temporary:
        assert temporary.suffix == ".mp4"
        temporary.write_text("whole")
    assert [entry.name for entry in tmp_path.iterdir()] == ["film.mp4"]


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is removed on Windows")
def test_what_a_killed_process_left_goes_and_what_a_running_one_writes_stays(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait(timeout=60)
    left = [
        tmp_path / f".film.{gone.pid}.0123abcd.tmp.mp4",
        tmp_path / f".pictures.{gone.pid}.0123abcd.tmp",
    ]
    left[0].touch()
    left[1].mkdir()
    (left[1] / "00001.png").touch()
    kept = [
        temporary_beside(tmp_path / "film.mp4"),
        tmp_path / f".other.{gone.pid}.0123abcd.tmp.mp4",
        tmp_path / f".film.{gone.pid}.0123abcd.tmp.mov",
        tmp_path / "film.mp4",
    ]
    for path in kept:
        path.touch()
    remove_leftovers(tmp_path / "film.mp4")
    remove_leftovers(tmp_path / "pictures")
    assert sorted(tmp_path.iterdir()) == sorted(kept)
    remove_leftovers(tmp_path / "no" / "film.mp4")
