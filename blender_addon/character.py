"""A rigged character on show: its arrays, and pictures of it from many sides, for `a2p train avatar`.

    python -m blender_addon.character FILE.blend --out FOLDER

Runs in any Python that has bpy, in a process without torch. Writes `character.npz`: the meshes that the
armature moves, joined, in its rest pose; their texture coordinates, weights and shape keys; the bones; and
for each picture its camera, its shape-key values and its pixels, rendered by Workbench in the character's own
colours.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from kinematics.camera import Camera, look_at
from kinematics.errors import A2PError
from kinematics.skinning import INFLUENCES

CHARACTER_FILE = "character.npz"
EXIT_USER_ERROR = 2
_HEAD_SHARE = 0.16
"""Of the stature, from the top: what the close views look at."""
_LENS = 85.0
_SEED = 20240613


class CharacterError(A2PError):
    """A file without a character that can be shown."""


@dataclass(frozen=True, eq=False)
class Character:
    """An armature and the mesh objects that it moves."""

    armature: bpy.types.Object
    meshes: tuple[bpy.types.Object, ...]

    @property
    def shape_names(self) -> tuple[str, ...]:
        """Shape keys of all meshes, without the basis."""
        names: dict[str, None] = {}
        for mesh in self.meshes:
            if mesh.data.shape_keys:
                names |= dict.fromkeys(block.name for block in mesh.data.shape_keys.key_blocks[1:])
        return tuple(names)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; returns the process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m blender_addon.character", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, default=768, help="pixels along a picture's side")
    parser.add_argument(
        "--views", type=int, default=12, help="cameras around the figure, and around its head"
    )
    options = parser.parse_args(arguments)
    try:
        character = find_character(open_file(options.file), options.file)
        arrays = {**mesh_arrays(character), **pictures(character, options.size, options.views)}
    except (A2PError, RuntimeError) as error:
        print(f"error: {str(error).removeprefix('Error: ').strip()}", file=sys.stderr)
        return EXIT_USER_ERROR
    options.out.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(options.out / CHARACTER_FILE, **arrays)
    return 0


def open_file(path: Path) -> list[bpy.types.Object]:
    """The objects of a .blend, .glb, .gltf, .vrm or .fbx file. CharacterError where it cannot be read."""
    if not path.is_file():
        raise CharacterError(f"There is no file {path}: name the character's .blend, .glb or .fbx.")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    kind = path.suffix.lower()
    if kind == ".blend":
        bpy.ops.wm.open_mainfile(filepath=str(path.resolve()), load_ui=False)
    elif kind in (".glb", ".gltf", ".vrm"):
        with _named_as_glb(path) as file:
            bpy.ops.import_scene.gltf(filepath=str(file))
    elif kind == ".fbx":
        bpy.ops.import_scene.fbx(filepath=str(path.resolve()))
    else:
        raise CharacterError(f"{path.name} is no character file: a .blend, .glb, .vrm or .fbx is needed.")
    return list(bpy.context.scene.objects)


class _named_as_glb:
    """Blender's importer goes by the name, and a .vrm file is a .glb file."""

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Path:
        if self._path.suffix.lower() != ".vrm":
            return self._path
        self._folder = tempfile.TemporaryDirectory()
        copy = Path(self._folder.name) / "character.glb"
        copy.write_bytes(self._path.read_bytes())
        return copy

    def __exit__(self, *exception: object) -> None:
        if self._folder is not None:
            self._folder.cleanup()


def find_character(objects: Sequence[bpy.types.Object], path: Path) -> Character:
    """The armature that moves most vertices, with its meshes."""
    moved: dict[bpy.types.Object, list[bpy.types.Object]] = {}
    for item in objects:
        if item.type != "MESH" or item.hide_render or not item.data.polygons:
            continue
        for modifier in item.modifiers:
            if modifier.type == "ARMATURE" and modifier.object is not None:
                moved.setdefault(modifier.object, []).append(item)
                break
    if not moved:
        raise CharacterError(f"{path.name} holds no mesh that an armature moves: rig the character first.")
    armature = max(moved, key=lambda item: sum(len(mesh.data.vertices) for mesh in moved[item]))
    return Character(armature, tuple(moved[armature]))


def mesh_arrays(character: Character) -> dict[str, np.ndarray]:
    """The joined meshes at rest, in metres, world axes, as a trainer reads them."""
    bones = _bones_parents_first(character.armature)
    number = {bone.name: index for index, bone in enumerate(bones)}
    names = character.shape_names
    parts: dict[str, list[np.ndarray]] = {
        key: [] for key in ("vertices", "faces", "uvs", "weights", "indices")
    }
    shapes: list[np.ndarray] = []
    count = 0
    for mesh in character.meshes:
        points = _world(mesh, _coordinates(mesh.data))
        data = mesh.data
        data.calc_loop_triangles()
        corners = np.empty(len(data.loop_triangles) * 3, np.int32)
        data.loop_triangles.foreach_get("loops", corners)
        vertex = np.empty(len(data.loops), np.int32)
        data.loops.foreach_get("vertex_index", vertex)
        parts["faces"].append(vertex[corners].reshape(-1, 3) + count)
        parts["uvs"].append(_texture_coordinates(data)[corners].reshape(-1, 3, 2))
        weights, indices = _skin(mesh, number)
        parts["vertices"].append(points)
        parts["weights"].append(weights)
        parts["indices"].append(indices)
        keys = data.shape_keys.key_blocks if data.shape_keys else {}
        moves = np.zeros((len(names), len(points), 3), np.float32)
        for index, name in enumerate(names):
            if name in keys:
                moves[index] = _world(mesh, _coordinates(keys[name])) - points
        shapes.append(moves)
        count += len(points)
    header = {
        "bones": [bone.name for bone in bones],
        "parents": [number[bone.parent.name] if bone.parent else -1 for bone in bones],
        "shapes": names,
    }
    return {
        **{key: np.concatenate(values) for key, values in parts.items()},
        "shape_moves": np.concatenate(shapes, axis=1),
        "bone_rest": np.array([np.array(bone.matrix_local) for bone in bones]),
        "to_world": np.array(character.armature.matrix_world),
        "header": np.frombuffer(json.dumps(header).encode(), np.uint8),
    }


def pictures(character: Character, size: int, views: int) -> dict[str, np.ndarray]:
    """Cameras, shape-key values and pixels of all views; the first ones show the face at rest."""
    points = np.concatenate([_world(mesh, _coordinates(mesh.data)) for mesh in character.meshes])
    character.armature.data.pose_position = "REST"
    camera = _prepare(character, size)
    names, shots = character.shape_names, list(_shots(points, size, views))
    values = _values(len(shots), len(names))
    cameras, pixels = [], []
    with tempfile.TemporaryDirectory() as folder:
        for index, (shot, codes) in enumerate(zip(shots, values, strict=True)):
            _set_shapes(character, dict(zip(names, codes, strict=True)))
            _aim(camera, shot)
            pixels.append(_render(Path(folder) / f"{index}.png", size))
            cameras.append(shot)
            print(json.dumps({"stage": "views", "done": index + 1, "total": len(shots)}), flush=True)
    return {
        "view_K": np.array([shot.K for shot in cameras]),
        "view_Rt": np.array([shot.Rt for shot in cameras]),
        "view_codes": values.astype(np.float32),
        "view_pixels": np.array(pixels),
    }


def _shots(points: np.ndarray, size: int, views: int) -> Iterator[Camera]:
    low, high = points.min(axis=0), points.max(axis=0)
    stature = high[2] - low[2]
    top = points[points[:, 2] > high[2] - _HEAD_SHARE * stature]
    whole = 0.5 * (low + high), 0.5 * float(np.linalg.norm(high - low))
    head = top.mean(axis=0), 0.62 * float(np.ptp(top, axis=0).max())
    for (middle, radius), lifts in ((whole, (0.15, 0.75, -0.45)), (head, (0.0, 0.5, -0.45))):
        distance = 1.08 * radius * _LENS / 18.0
        for lift in lifts:
            for turn in 2 * np.pi * np.arange(views) / views:
                around = np.array([np.sin(turn) * np.cos(lift), -np.cos(turn) * np.cos(lift), np.sin(lift)])
                yield look_at(middle + distance * around, middle, size, size, _LENS)


def _values(count: int, shapes: int) -> np.ndarray:
    """(count, shapes): every third picture at rest, the others with one or two shapes on."""
    generator = np.random.default_rng(_SEED)
    values = np.zeros((count, shapes))
    for index in range(count):
        if shapes and index % 3:
            chosen = generator.choice(shapes, size=min(2, shapes), replace=False)
            values[index, chosen] = generator.uniform(0.3, 1.0, len(chosen))
    return values


def _prepare(character: Character, size: int) -> bpy.types.Object:
    scene = bpy.context.scene
    shown = {character.armature, *character.meshes}
    for item in scene.objects:
        item.hide_render = item not in shown
    for mesh in character.meshes:
        for modifier in mesh.modifiers:
            modifier.show_render = modifier.type == "ARMATURE"
        if mesh.data.shape_keys:
            mesh.data.shape_keys.animation_data_clear()
    scene.render.engine = "BLENDER_WORKBENCH"
    shading = scene.display.shading
    shading.light, shading.color_type = "FLAT", "TEXTURE"
    scene.display.render_aa = "OFF"
    scene.view_settings.view_transform = "Standard"
    scene.render.resolution_x = scene.render.resolution_y = size
    scene.render.resolution_percentage = 100
    scene.render.film_transparent = True
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    camera = bpy.data.objects.new("a2p view", bpy.data.cameras.new("a2p view"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    return camera


def _aim(camera: bpy.types.Object, shot: Camera) -> None:
    view = shot.to_blender()
    camera.matrix_world = Matrix(view.matrix_world.tolist())
    camera.data.lens, camera.data.sensor_width = view.lens, view.sensor_width
    camera.data.shift_x, camera.data.shift_y = view.shift_x, view.shift_y
    camera.data.clip_start, camera.data.clip_end = 0.01, 1000.0


def _render(path: Path, size: int) -> np.ndarray:
    """(size, size, 4) uint8, the first row the top."""
    bpy.context.scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(str(path))
    image.colorspace_settings.name = "Non-Color"
    values = np.empty(size * size * 4, np.float32)
    image.pixels.foreach_get(values)
    bpy.data.images.remove(image)
    return np.rint(values.reshape(size, size, 4)[::-1] * 255.0).astype(np.uint8)


def _set_shapes(character: Character, values: dict[str, float]) -> None:
    for mesh in character.meshes:
        if mesh.data.shape_keys:
            for block in mesh.data.shape_keys.key_blocks[1:]:
                block.value = values[block.name]


def _bones_parents_first(armature: bpy.types.Object) -> list[bpy.types.Bone]:
    return sorted(armature.data.bones, key=lambda bone: len(bone.parent_recursive))


def _coordinates(holder: bpy.types.Mesh | bpy.types.ShapeKey) -> np.ndarray:
    points = holder.vertices if isinstance(holder, bpy.types.Mesh) else holder.data
    values = np.empty(len(points) * 3, np.float32)
    points.foreach_get("co", values)
    return values.reshape(-1, 3)


def _world(mesh: bpy.types.Object, points: np.ndarray) -> np.ndarray:
    matrix = np.array(mesh.matrix_world)
    return (points @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32)


def _texture_coordinates(data: bpy.types.Mesh) -> np.ndarray:
    """(loops, 2), v down."""
    values = np.zeros(len(data.loops) * 2, np.float32)
    if data.uv_layers.active is not None:
        data.uv_layers.active.uv.foreach_get("vector", values)
    uvs = values.reshape(-1, 2)
    uvs[:, 1] = 1.0 - uvs[:, 1]
    return uvs


def _skin(mesh: bpy.types.Object, number: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Weights and bones (V, 8), the strongest; a vertex that no bone moves follows the first one."""
    bone_of_group = {group.index: number[group.name] for group in mesh.vertex_groups if group.name in number}
    count = len(mesh.data.vertices)
    weights, indices = np.zeros((count, INFLUENCES), np.float32), np.zeros((count, INFLUENCES), np.int32)
    for vertex in mesh.data.vertices:
        pairs = [(g.weight, bone_of_group[g.group]) for g in vertex.groups if g.group in bone_of_group]
        for slot, (weight, bone) in enumerate(sorted(pairs, reverse=True)[:INFLUENCES]):
            weights[vertex.index, slot], indices[vertex.index, slot] = weight, bone
    total = weights.sum(axis=1, keepdims=True)
    weights[total[:, 0] <= 0, 0] = 1.0
    return weights / np.where(total > 0, total, 1.0), indices


if __name__ == "__main__":
    raise SystemExit(main())
