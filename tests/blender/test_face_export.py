"""A moving head as an Alembic file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_addon import face_export  # noqa: E402
from kinematics.point_cache import write_point_cache  # noqa: E402

pytestmark = pytest.mark.bpy

FRAMES = 4
CORNERS = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)], np.float32)
FACES = np.array([(0, 2, 1), (0, 1, 3), (1, 2, 3), (0, 3, 2)])


@pytest.fixture
def frames() -> np.ndarray:
    """(T, V, 3): the corners, each going its own way."""
    time = np.arange(FRAMES, dtype=np.float32)[:, None, None]
    return CORNERS + 0.1 * time * np.array([(1, 0, 0), (0, 2, 0), (0, 0, 3), (1, 1, 0)], np.float32)


@pytest.fixture
def files(tmp_path: Path, frames: np.ndarray) -> list[str]:
    """The mesh, its cache, and where the Alembic file goes."""
    uvs = np.array([(0, 0), (1, 0), (0, 1), (1, 1)])
    np.savez(tmp_path / "head.npz", vertices=CORNERS, faces=FACES, uvs=uvs, uv_faces=FACES)
    with (tmp_path / "head.pc2").open("wb") as file:
        write_point_cache(file, ".pc2", frames, FRAMES, len(CORNERS), 25)
    return [str(tmp_path / name) for name in ("head.npz", "head.pc2", "head.abc")]


def test_every_frame_comes_back(files: list[str], frames: np.ndarray) -> None:
    assert face_export.main([*files, "--fps", "25"]) == 0
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 25
    assert bpy.ops.wm.alembic_import(filepath=files[2], as_background_job=False) == {"FINISHED"}
    (head,) = bpy.context.scene.objects
    assert head.data.uv_layers
    for number, expected in enumerate(frames):
        bpy.context.scene.frame_set(1 + number)
        evaluated = head.evaluated_get(bpy.context.evaluated_depsgraph_get())
        mesh = evaluated.to_mesh()
        points = np.array([evaluated.matrix_world @ vertex.co for vertex in mesh.vertices])
        np.testing.assert_allclose(points, expected, atol=1e-5)


def test_one_sentence_for_files_that_do_not_fit(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(
        tmp_path / "other.npz", vertices=CORNERS[:3], faces=FACES[:1], uvs=CORNERS[:3, :2], uv_faces=FACES[:1]
    )
    for mesh, cache, message in (
        (tmp_path / "other.npz", files[1], "moves 4 vertices, the mesh has 3"),
        (tmp_path / "missing.npz", files[1], "cannot be read"),
        (files[0], files[0], "not a whole PC2 cache"),
    ):
        assert face_export.main([str(mesh), str(cache), files[2]]) == 2
        assert message in capsys.readouterr().err
    assert not Path(files[2]).exists()
    assert not list(tmp_path.glob("*.partial*"))
