"""A rigged character on show: its arrays, and pictures of it from many sides, for `a2p train avatar`.

    python -m blender_addon.character FILE.blend --out FOLDER

Runs in any Python that has bpy, in a process without torch. Writes `character.npz`: the meshes that the
armature moves, joined, in its rest pose; their texture coordinates, gloss, weights and shape keys; the bones;
for each picture its camera, its shape-key values and its pixels; and where Blender puts the vertices in poses
that were asked for. Pictures are taken under a white dome, as in a capture stage, by Cycles, which knows what
an open mouth leaves in the dark; or, many times as fast, by Workbench in the character's plain colours.
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

from .character_meshes import ATLAS, KEPT_MODIFIERS, bone_that_holds, build, hang_by_weights, unfold
from .scene.import_rig import what_happened

CHARACTER_FILE = "character.npz"
EXIT_USER_ERROR = 2
_HEAD_SHARE = 0.16
"""Of the stature, from the top: what the close views look at."""
_LENS = 85.0
_SEED = 20240613
LIGHTS = ("dome", "flat")
_SAMPLES = 12
"""A pixel; the denoiser does the rest."""
_BOUNCES = 3
_SHINING = (
    "Metallic",
    "Specular IOR Level",
    "Specular",
    "Transmission Weight",
    "Coat Weight",
    "Sheen Weight",
)
_PLAIN_GLOSS = 0.3
"""Of what has no material that says how rough it is."""


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
    parser.add_argument("--views", type=int, default=12, help="a sixth of the pictures; 0 for none")
    parser.add_argument("--light", choices=LIGHTS, default=LIGHTS[0])
    parser.add_argument(
        "--poses",
        type=Path,
        help="an .npz with rotation (P, J, 4), location (P, J, 3), codes (P, E): no pictures then",
    )
    options = parser.parse_args(arguments)
    try:
        character = prepared(find_character(open_file(options.file), options.file))
        if options.poses is not None:
            with np.load(options.poses, allow_pickle=False) as asked:
                arrays = posed(character, asked["rotation"], asked["location"], asked["codes"])
        elif options.views == 0:
            arrays = mesh_arrays(character)
        else:
            shown = pictures(character, options.size, options.views, options.light)
            arrays = {**mesh_arrays(character), **shown}
    except (A2PError, RuntimeError) as error:
        print(f"error: {what_happened(error)}.", file=sys.stderr)
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
    try:
        if kind == ".blend":
            bpy.ops.wm.open_mainfile(filepath=str(path.resolve()), load_ui=False)
        elif kind in (".glb", ".gltf", ".vrm"):
            with _named_as_glb(path) as file:
                bpy.ops.import_scene.gltf(filepath=str(file))
        elif kind == ".fbx":
            bpy.ops.import_scene.fbx(filepath=str(path.resolve()))
        else:
            raise CharacterError(f"{path.name} is no character file: a .blend, .glb, .vrm or .fbx is needed.")
    except RuntimeError as error:
        raise CharacterError(
            f"{path.name} cannot be read: {what_happened(error)}; export it anew."
        ) from error
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
    """The armature that moves most vertices, with its meshes: its skin, and what hangs on its bones."""
    moved: dict[bpy.types.Object, list[bpy.types.Object]] = {}
    for item in objects:
        if item.type != "MESH" or item.hide_render or not item.data.polygons:
            continue
        for modifier in item.modifiers:
            if modifier.type == "ARMATURE" and modifier.object is not None:
                moved.setdefault(modifier.object, []).append(item)
                break
        else:
            held = bone_that_holds(item)
            if held is not None:
                moved.setdefault(held[0], []).append(item)
    if not moved:
        raise CharacterError(f"{path.name} holds no mesh that an armature moves: rig the character first.")
    armature = max(moved, key=lambda item: sum(len(mesh.data.vertices) for mesh in moved[item]))
    return Character(armature, tuple(moved[armature]))


def prepared(character: Character) -> Character:
    """The character at rest, its meshes made alike; see `character_meshes`."""
    character.armature.data.pose_position = "REST"
    bpy.context.view_layer.update()
    # All are asked before any is taken from its parent, which others may hang on.
    for mesh, held in [(mesh, bone_that_holds(mesh)) for mesh in character.meshes]:
        if held is not None and not any(modifier.type == "ARMATURE" for modifier in mesh.modifiers):
            hang_by_weights(mesh, *held)
    build(character.meshes)
    unfold(character.meshes)
    bpy.context.view_layer.update()
    return character


def mesh_arrays(character: Character) -> dict[str, np.ndarray]:
    """The joined meshes at rest, in metres, world axes, as a trainer reads them."""
    bones = _bones_parents_first(character.armature)
    number = {bone.name: index for index, bone in enumerate(bones)}
    names = character.shape_names
    parts: dict[str, list[np.ndarray]] = {
        key: [] for key in ("vertices", "faces", "uvs", "weights", "indices", "gloss")
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
        parts["gloss"].append(_gloss(mesh))
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


def posed(
    character: Character, rotation: np.ndarray, location: np.ndarray, codes: np.ndarray
) -> dict[str, np.ndarray]:
    """Where Blender puts the vertices, "posed" (P, V, 3), metres, world.

    rotation: (P, J, 4) w x y z and location: (P, J, 3), of bones in their order in `mesh_arrays`, in their
    own axes relative to rest. codes: (P, E) shape-key values.
    """
    _show_only(character)
    character.armature.data.pose_position = "POSE"
    bones = [character.armature.pose.bones[bone.name] for bone in _bones_parents_first(character.armature)]
    for bone in bones:
        bone.rotation_mode = "QUATERNION"
        for constraint in bone.constraints:
            constraint.mute = True
    found = []
    for index, values in enumerate(codes):
        _set_shapes(character, dict(zip(character.shape_names, values.tolist(), strict=True)))
        for bone, turn, place in zip(bones, rotation[index].tolist(), location[index].tolist(), strict=True):
            bone.rotation_quaternion, bone.location = turn, place
        graph = bpy.context.evaluated_depsgraph_get()
        points = [_world(mesh, _coordinates(mesh.evaluated_get(graph).data)) for mesh in character.meshes]
        if [len(each) for each in points] != [len(mesh.data.vertices) for mesh in character.meshes]:
            raise CharacterError(
                "The character's meshes change their vertices with the pose: apply modifiers."
            )
        found.append(np.concatenate(points))
        _tell("poses", index + 1, len(codes))
    return {"posed": np.array(found, np.float32)}


def pictures(character: Character, size: int, views: int, light: str) -> dict[str, np.ndarray]:
    """Cameras, shape-key values and pixels of all views, of the character at rest but for its shape keys."""
    points = np.concatenate([_world(mesh, _coordinates(mesh.data)) for mesh in character.meshes])
    character.armature.data.pose_position = "REST"
    camera = _prepare(character, size, light)
    names = character.shape_names
    shots, values = list(_dome_shots(points, size, views)), _dome_values(6 * views, len(names))
    if light == "flat":
        # What the dome will light is to be known in its own colours, too.
        rings = list(_rings(points, size, views))
        shots = rings + shots
        values = np.concatenate([_ring_values(len(rings), len(names)), values])
    pixels = []
    with tempfile.TemporaryDirectory() as folder:
        for index, (shot, codes) in enumerate(zip(shots, values, strict=True)):
            _set_shapes(character, dict(zip(names, codes.tolist(), strict=True)))
            _aim(camera, shot)
            pixels.append(_render(Path(folder) / f"{index}.png", size))
            _tell("views" if light == "flat" else "light", index + 1, len(shots))
    return {
        "view_K": np.array([shot.K for shot in shots]),
        "view_Rt": np.array([shot.Rt for shot in shots]),
        "view_codes": values.astype(np.float32),
        "view_pixels": np.array(pixels),
    }


@dataclass(frozen=True, eq=False)
class _Ball:
    """What a camera is to see whole: middle (3,) and radius, metres."""

    middle: np.ndarray
    radius: float

    def seen(self, turn: float, lift: float, size: int) -> Camera:
        """From a direction: radians about the vertical, 0 from the front, and above the horizon."""
        away = np.array([np.sin(turn) * np.cos(lift), -np.cos(turn) * np.cos(lift), np.sin(lift)])
        eye = self.middle + 1.08 * self.radius * _LENS / 18.0 * away
        return look_at(eye, self.middle, size, size, _LENS)


def _whole_and_head(points: np.ndarray) -> tuple[_Ball, _Ball]:
    low, high = points.min(axis=0), points.max(axis=0)
    stature = high[2] - low[2]
    top = points[points[:, 2] > high[2] - _HEAD_SHARE * stature]
    whole = _Ball(0.5 * (low + high), 0.5 * float(np.linalg.norm(high - low)))
    return whole, _Ball(top.mean(axis=0), 0.62 * float(np.ptp(top, axis=0).max()))


def _rings(points: np.ndarray, size: int, views: int) -> Iterator[Camera]:
    """Three rings about the figure, three about its head."""
    whole, head = _whole_and_head(points)
    for ball, lifts in ((whole, (0.15, 0.75, -0.45)), (head, (0.0, 0.5, -0.45))):
        for lift in lifts:
            for turn in 2 * np.pi * np.arange(views) / views:
                yield ball.seen(turn, lift, size)


def _dome_shots(points: np.ndarray, size: int, views: int) -> Iterator[Camera]:
    """One in six of the figure, all round; the others of the face, from before it."""
    whole, head = _whole_and_head(points)
    generator = np.random.default_rng(_SEED)
    for index in range(6 * views):
        if index % 6 == 0:
            yield whole.seen(2 * np.pi * index / (6 * views), generator.uniform(-0.4, 0.7), size)
        else:
            yield head.seen(generator.normal(0.0, 0.6), generator.uniform(-0.4, 0.4), size)


def _ring_values(count: int, shapes: int) -> np.ndarray:
    """(count, shapes): every third picture at rest, the others with one or two shapes on."""
    return _random_values(count, shapes, 2, np.arange(count) % 3 == 0)


def _dome_values(count: int, shapes: int) -> np.ndarray:
    """(count, shapes): every sixth picture at rest, the others with up to three shapes on, or an eighth of
    many.
    """
    return _random_values(count, shapes, max(3, shapes // 8), np.arange(count) % 6 == 3)


def _random_values(count: int, shapes: int, most: int, at_rest: np.ndarray) -> np.ndarray:
    generator = np.random.default_rng(_SEED)
    values = np.zeros((count, shapes))
    for index in np.flatnonzero(~at_rest) if shapes else ():
        chosen = generator.choice(shapes, size=min(generator.integers(1, most + 1), shapes), replace=False)
        values[index, chosen] = generator.uniform(0.2, 1.0, len(chosen))
    return values


def _tell(stage: str, done: int, total: int) -> None:
    print(json.dumps({"stage": stage, "done": done, "total": total}), flush=True)


def _show_only(character: Character) -> None:
    """The character, as its armature and shape keys move it, and nothing else."""
    shown = {character.armature, *character.meshes}
    for item in bpy.context.scene.objects:
        item.hide_render = item not in shown
    for mesh in character.meshes:
        for modifier in mesh.modifiers:
            modifier.show_render = modifier.show_viewport = modifier.type in KEPT_MODIFIERS
        if mesh.data.shape_keys:
            mesh.data.shape_keys.animation_data_clear()


def _prepare(character: Character, size: int, light: str) -> bpy.types.Object:
    scene = bpy.context.scene
    _show_only(character)
    if light == "dome":
        _light_dome(character)
    else:
        scene.render.engine = "BLENDER_WORKBENCH"
        shading = scene.display.shading
        shading.light, shading.color_type = "FLAT", "TEXTURE"
        scene.display.render_aa = "OFF"
        for material in {slot.material for mesh in character.meshes for slot in mesh.material_slots}:
            if material is not None and material.use_nodes:
                _show_base_colour(material)
    scene.view_settings.view_transform = "Standard"
    scene.view_settings.exposure, scene.view_settings.gamma = 0.0, 1.0
    scene.render.resolution_x = scene.render.resolution_y = size
    scene.render.resolution_percentage = 100
    scene.render.film_transparent = True
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    camera = bpy.data.objects.new("a2p view", bpy.data.cameras.new("a2p view"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    return camera


def _show_base_colour(material: bpy.types.Material) -> None:
    """Workbench shows a material's active picture, or else its colour in the viewport: both are to be those
    of the surface, and not its normal map, say.
    """
    nodes = material.node_tree.nodes
    shader = next((node for node in nodes if node.type == "BSDF_PRINCIPLED"), None)
    if shader is None:
        return
    base = shader.inputs["Base Color"]
    nodes.active = _picture_before(base) or shader
    if not base.is_linked:
        material.diffuse_color = base.default_value


def _picture_before(socket: bpy.types.NodeSocket) -> bpy.types.Node | None:
    """The nearest node with a picture that a socket's value comes from."""
    waiting, seen = [link.from_node for link in socket.links], set()
    while waiting:
        node = waiting.pop(0)
        if node.type == "TEX_IMAGE":
            return node
        if node not in seen:
            seen.add(node)
            waiting += [link.from_node for entry in node.inputs for link in entry.links]
    return None


def _light_dome(character: Character) -> None:
    """White light from everywhere on surfaces that do not shine: each pixel is colour times open sky."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.use_persistent_data = True
    cycles = scene.cycles
    cycles.device, cycles.samples, cycles.seed = "CPU", _SAMPLES, _SEED % 2**31
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    cycles.max_bounces = cycles.diffuse_bounces = _BOUNCES
    cycles.pixel_filter_type, cycles.filter_width = "BOX", 1.0
    world = bpy.data.worlds.new("a2p dome")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (1.0, 1.0, 1.0, 1.0)
    scene.world = world
    for material in {slot.material for mesh in character.meshes for slot in mesh.material_slots}:
        for node in material.node_tree.nodes if material is not None and material.use_nodes else ():
            if node.type == "BSDF_PRINCIPLED":
                for name in _SHINING:
                    for socket in (found for found in node.inputs if found.name == name):
                        for link in list(socket.links):
                            material.node_tree.links.remove(link)
                        socket.default_value = 0.0


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
    layer = data.uv_layers.get(ATLAS) or data.uv_layers.active
    if layer is not None:
        layer.uv.foreach_get("vector", values)
    uvs = values.reshape(-1, 2)
    uvs[:, 1] = 1.0 - uvs[:, 1]
    return uvs


def _gloss(mesh: bpy.types.Object) -> np.ndarray:
    """(V,) one less the roughness of the materials around each vertex."""
    data = mesh.data
    of_slot = [_PLAIN_GLOSS]
    for slot in mesh.material_slots:
        nodes = slot.material.node_tree.nodes if slot.material and slot.material.use_nodes else ()
        shader = next((node for node in nodes if node.type == "BSDF_PRINCIPLED"), None)
        rough = None if shader is None else shader.inputs["Roughness"]
        of_slot.append(_PLAIN_GLOSS if rough is None or rough.is_linked else 1.0 - rough.default_value)
    slots = np.zeros(len(data.polygons), np.int32)
    data.polygons.foreach_get("material_index", slots)
    sizes = np.zeros(len(data.polygons), np.int32)
    data.polygons.foreach_get("loop_total", sizes)
    vertex = np.zeros(len(data.loops), np.int32)
    data.loops.foreach_get("vertex_index", vertex)
    values = np.repeat(np.array(of_slot)[np.minimum(slots + 1, len(of_slot) - 1)], sizes)
    count = np.bincount(vertex, minlength=len(data.vertices))
    total = np.bincount(vertex, values, minlength=len(data.vertices))
    return (total / np.maximum(count, 1)).astype(np.float32)


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
