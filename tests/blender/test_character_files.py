"""Character files to arrays and pictures: `python -m blender_addon.character`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_addon.character import __main__ as program  # noqa: E402
from blender_addon.character.opening import find_character  # noqa: E402
from kinematics.retarget.rig import Rig  # noqa: E402
from tests.blender.armatures import add_armature  # noqa: E402

pytestmark = [pytest.mark.bpy, pytest.mark.usefixtures("new_blender")]

SIZE, VIEWS = 48, 2


def add_figure(name: str, vertices: int, height: float = 1.8) -> bpy.types.Object:
    """An upright board on one bone, two metres aside; its lower left corner is the texture's origin."""
    rest = np.tile(np.eye(4), (1, 1, 1))
    armature = add_armature(Rig(("hips",), np.array([-1]), rest, np.eye(4)), f"{name} rig")
    rows = vertices // 2
    heights = np.repeat(np.linspace(0.0, height, rows), 2)
    points = np.stack([np.tile([-0.4, 0.4], rows), np.zeros(2 * rows), heights], axis=1)
    faces = [(2 * row, 2 * row + 1, 2 * row + 3, 2 * row + 2) for row in range(rows - 1)]
    data = bpy.data.meshes.new(name)
    data.from_pydata(points.tolist(), [], faces)
    layer = data.uv_layers.new(name="UVMap")
    corner = np.array([loop.vertex_index for loop in data.loops])
    layer.data.foreach_set("uv", (points[corner][:, [0, 2]] / (0.8, height) + (0.5, 0.0)).ravel())
    board = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(board)
    board.shape_key_add(name="Basis")
    board.shape_key_add(name="jawOpen").data[0].co = (-0.4, -0.3, 0.0)
    board.vertex_groups.new(name="hips").add(range(2 * rows - 1), 0.5, "REPLACE")  # the last is left out
    board.modifiers.new("skin", "ARMATURE").object = armature
    board.location.x = armature.location.x = 2.0
    return board


def save(path: Path) -> Path:
    if path.suffix == ".blend":
        bpy.ops.wm.save_as_mainfile(filepath=str(path), check_existing=False, copy=True)
    else:
        bpy.ops.export_scene.gltf(filepath=str(path.with_suffix(".glb")), export_animations=False)
        path.with_suffix(".glb").rename(path)
    return path


@pytest.fixture
def only_figure() -> bpy.types.Object:
    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)
    return add_figure("board", 12)


def shown(file: Path, folder: Path) -> dict[str, np.ndarray]:
    arguments = [
        str(file),
        "--out",
        str(folder),
        "--size",
        str(SIZE),
        "--views",
        str(VIEWS),
        "--light",
        "flat",
    ]
    assert program.main(arguments) == 0
    with np.load(folder / program.CHARACTER_FILE, allow_pickle=False) as arrays:
        return dict(arrays)


def test_pictures_show_the_character_where_their_cameras_see_it(only_figure, tmp_path):
    arrays = shown(save(tmp_path / "board.blend"), tmp_path / "out")
    compared = 0
    assert arrays["view_pixels"].shape[1:] == (SIZE, SIZE, 4)
    for K, Rt, codes, pixels in zip(
        *(arrays[f"view_{name}"] for name in ("K", "Rt", "codes", "pixels")), strict=True
    ):
        moved = arrays["vertices"] + np.einsum("e,evx->vx", codes, arrays["shape_moves"])
        seen = (moved @ Rt[:, :3].T + Rt[:, 3]) @ K.T
        at = seen[:, :2] / seen[:, 2:]
        inside = ((at > 0) & (at < SIZE)).all(axis=1)
        covered = np.argwhere(pixels[..., 3] > 0)[:, ::-1] + 0.5
        from_its_edge = np.ptp(at[:, 0]) < 2.0
        if inside.all() and not from_its_edge:
            compared += 1
            np.testing.assert_allclose(covered.min(axis=0), at.min(axis=0), atol=1.5)
            np.testing.assert_allclose(covered.max(axis=0), at.max(axis=0), atol=1.5)
    assert compared >= 3
    codes = arrays["view_codes"]
    assert 0.0 < np.mean(codes.any(axis=1)) < 1.0, "some are at rest, some are not"


@pytest.mark.parametrize("ending", [".blend", ".glb", ".vrm"])
def test_arrays_of_a_file(only_figure, tmp_path, ending):
    arrays = shown(save(tmp_path / f"board{ending}"), tmp_path / "out")
    header = json.loads(bytes(arrays["header"]))
    # Blender's glTF writer adds a bone for what no bone moves.
    assert header["bones"] == (["hips"] if ending == ".blend" else ["hips", "neutral_bone"])
    assert (header["shapes"], set(header["parents"])) == (["jawOpen"], {-1})
    vertices, corners = arrays["vertices"], arrays["faces"]
    np.testing.assert_allclose(np.ptp(vertices, axis=0), (0.8, 0.0, 1.8), atol=1e-4)
    np.testing.assert_allclose(vertices.mean(axis=0)[0], 2.0, atol=1e-3)
    assert corners.shape == (10, 3)
    # Texture coordinates have v down: the lowest vertices are at its lower edge, which is 1.
    lowest = np.isclose(vertices[corners][..., 2], 0.0)
    np.testing.assert_allclose(arrays["uvs"][lowest][:, 1], 1.0, atol=1e-4)
    np.testing.assert_allclose(arrays["weights"].sum(axis=1), 1.0, atol=1e-6)
    assert not arrays["indices"][vertices[:, 2] < 1.5].any()
    moved = np.linalg.norm(arrays["shape_moves"][0], axis=1)
    assert np.ptp(vertices[moved > 0.1], axis=0).max() < 1e-4, "one place, however many vertices are there"
    assert moved.max() == pytest.approx(0.3, abs=1e-4)


def test_of_several_figures_the_one_with_most_vertices(only_figure, tmp_path):
    add_figure("crowd", 40)
    hidden = add_figure("hidden", 80)
    hidden.hide_render = True
    found = find_character(list(bpy.context.scene.objects), tmp_path / "scene.blend")
    assert (found.armature.name, [mesh.name for mesh in found.meshes]) == ("crowd rig", ["crowd"])


def test_one_sentence_for_what_is_no_character(tmp_path, capsys):
    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)
    empty = save(tmp_path / "empty.blend")
    (tmp_path / "cut.glb").write_bytes(b"glTF\x02\0\0\0")
    for file, message in (
        (tmp_path / "gone.blend", "There is no file"),
        (Path(__file__), "is no character file"),
        (empty, "no mesh that an armature moves"),
        (tmp_path / "cut.glb", "cut.glb"),
    ):
        assert program.main([str(file), "--out", str(tmp_path / "out")]) == program.EXIT_USER_ERROR
        lines = capsys.readouterr().err.strip().splitlines()
        assert lines[-1].startswith("error: ")
        assert message in lines[-1]
    assert not (tmp_path / "out").exists()
