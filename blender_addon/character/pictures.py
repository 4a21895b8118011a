"""Pictures of a character from many sides."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from kinematics.camera import Camera, look_at

from .figure import Character, in_world, set_shapes, show_only
from .meshes import coordinates
from .progress import tell

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


def pictures(character: Character, size: int, views: int, light: str) -> dict[str, np.ndarray]:
    """Cameras, shape-key values and pixels of all views, of the character at rest but for its shape keys."""
    points = np.concatenate([in_world(mesh, coordinates(mesh.data)) for mesh in character.meshes])
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
            set_shapes(character, dict(zip(names, codes.tolist(), strict=True)))
            _aim(camera, shot)
            pixels.append(_render(Path(folder) / f"{index}.png", size))
            tell("views" if light == "flat" else "light", index + 1, len(shots))
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


def _prepare(character: Character, size: int, light: str) -> bpy.types.Object:
    scene = bpy.context.scene
    show_only(character)
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
