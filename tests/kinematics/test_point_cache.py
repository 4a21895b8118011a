"""Point caches: what is written is what other programs read."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest

from kinematics.point_cache import PointCacheError, read_point_cache_size, write_obj, write_point_cache
from tests.point_caches import read_point_cache

FRAMES = np.arange(24, dtype=np.float32).reshape(2, 4, 3)


@pytest.mark.parametrize(("kind", "rate"), [(".pc2", None), (".mdd", pytest.approx(30.0, rel=1e-4))])
def test_there_and_back(tmp_path, kind, rate):
    path = tmp_path / f"head{kind}"
    with path.open("wb") as file:
        write_point_cache(file, kind, iter(FRAMES), 2, 4, 30.0)
    frames, fps = read_point_cache(path)
    np.testing.assert_array_equal(frames, FRAMES)
    assert fps == rate


def test_headers_as_the_formats_have_them():
    pc2, mdd = io.BytesIO(), io.BytesIO()
    write_point_cache(pc2, ".pc2", iter(FRAMES), 2, 4, 30.0)
    write_point_cache(mdd, ".mdd", iter(FRAMES), 2, 4, 30.0)
    assert pc2.getvalue()[:32] == b"POINTCACHE2\0" + struct.pack("<iiffi", 1, 4, 0.0, 1.0, 2)
    assert mdd.getvalue()[:8] == struct.pack(">ii", 2, 4)
    assert struct.unpack(">f", mdd.getvalue()[-4:])[0] == 23.0


def test_what_does_not_fit_is_refused(tmp_path):
    with pytest.raises(PointCacheError, match="was to have 3"):
        write_point_cache(io.BytesIO(), ".pc2", iter(FRAMES), 3, 4, 30.0)
    with pytest.raises(PointCacheError, match="shape"):
        write_point_cache(io.BytesIO(), ".pc2", iter(FRAMES), 2, 5, 30.0)
    with pytest.raises(PointCacheError, match=r"\.xyz"):
        write_point_cache(io.BytesIO(), ".xyz", iter(FRAMES), 2, 4, 30.0)
    cut = tmp_path / "cut.pc2"
    cut.write_bytes(b"POINTCACHE2\0" + struct.pack("<iiffi", 1, 4, 0.0, 1.0, 2))
    with pytest.raises(PointCacheError, match="whole"):
        read_point_cache_size(cut)


def test_obj():
    file = io.BytesIO()
    write_obj(file, np.eye(3), np.array([[0, 1, 2]]), np.eye(3)[:, :2], np.array([[2, 1, 0]]))
    assert file.getvalue().decode().splitlines()[-1] == "f 1/3 2/2 3/1"
