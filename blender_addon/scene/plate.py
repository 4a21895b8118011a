"""A plate video behind the rig: its camera, that camera's background, and the compositor."""

from __future__ import annotations

from pathlib import Path

import bpy
from mathutils import Matrix

from kinematics.camera import Camera
from kinematics.errors import A2PError

from .. import compat
from . import transaction

_PLANE_DISTANCE = 1.5
"""Metres that the image plane hangs behind the figure."""
_CANVAS_COLOUR = (0.02, 0.02, 0.02, 1.0)
"""What lies above and below the plate and the render where they are side by side."""


def place_plate(
    scene: bpy.types.Scene, video: Path, camera: Camera, first_frame: int, frame_count: int
) -> bpy.types.Object:
    """Show `video` from `first_frame` behind what the scene's new camera sees; returns that camera.

    The scene takes the camera and the plate's picture size: the two belong together. A compositor in use is
    left alone: the plate's node group is only laid beside its nodes, unconnected.
    """
    with transaction.all_or_nothing(scene):
        image = _load_video(video)
        viewer = new_camera(camera, f"A2P {video.stem} camera")
        _add_background(viewer.data, image, first_frame, frame_count)
        group = _plate_group(image, camera, first_frame, frame_count)
        scene.collection.objects.link(viewer)
    scene.camera = viewer
    scene.render.resolution_x, scene.render.resolution_y = camera.width, camera.height
    scene.render.pixel_aspect_x = scene.render.pixel_aspect_y = 1.0
    _add_to_compositor(scene, group)
    return viewer


def _load_video(video: Path) -> bpy.types.Image:
    image = bpy.data.images.new(f"A2P {video.stem}", 1, 1)
    image.source = "MOVIE"
    image.filepath = compat.library_path(video)
    if image.size[0] == 0:
        raise A2PError(f"Blender cannot read the plate {video}: render it again.")
    return image


def background_of(scene: bpy.types.Scene) -> bpy.types.CameraBackgroundImage | None:
    """The plate behind what the scene's camera sees, if there is one."""
    if scene.camera is None or scene.camera.type != "CAMERA":
        return None
    shown = scene.camera.data.background_images
    return next((one for one in shown if one.image is not None and one.image.source == "MOVIE"), None)


def add_image_plane(scene: bpy.types.Scene) -> bpy.types.Object:
    """Hang the camera's plate into the scene, behind the origin, square to the camera; returns it."""
    viewer, background = scene.camera, background_of(scene)
    distance = viewer.matrix_world.translation.length + _PLANE_DISTANCE
    picture = bpy.data.objects.new(f"{background.image.name} plane", None)
    picture.empty_display_type = "IMAGE"
    picture.data = background.image
    picture.empty_image_depth = "BACK"
    _time(picture.image_user, background.image_user.frame_start, background.image_user.frame_duration)
    picture.image_user.frame_offset = background.image_user.frame_offset
    # An image's longer side is as long as the empty is large.
    corners = viewer.data.view_frame(scene=scene)
    extent = max(abs(corners[0].x - corners[2].x), abs(corners[0].y - corners[2].y))
    picture.empty_display_size = extent * distance / abs(corners[0].z)
    middle = (corners[0] + corners[2]) / 2
    picture.parent = viewer
    picture.location = middle * (distance / abs(corners[0].z))
    scene.collection.objects.link(picture)
    return picture


def composited(scene: bpy.types.Scene) -> str | None:
    """How the compositor shows the plate, "Over" or "Beside" the render; None where it does not."""
    group = _group_in_use(scene)
    if group is None:
        return None
    return next((output.name for output in group.outputs if output.is_linked), None)


def composite(scene: bpy.types.Scene, output: str) -> None:
    """Have the compositor show the plate's other output ("Over", "Beside") wherever it shows one.

    Raises A2PError where the plate is not part of what the compositor shows: how it joins the user's own
    nodes is theirs to say.
    """
    group = _group_in_use(scene)
    targets = [link.to_socket for socket in group.outputs for link in socket.links] if group else []
    if not targets:
        raise A2PError(
            "The compositor does not show the plate: link the plate group's output Over or Beside into "
            "its nodes."
        )
    tree = compat.compositor_tree(scene)
    for target in targets:
        tree.links.new(group.outputs[output], target)  # takes the place of the link that was there


def new_camera(camera: Camera, name: str) -> bpy.types.Object:
    """A camera object, linked nowhere yet, that sees what `camera` sees."""
    view = camera.to_blender()
    data = bpy.data.cameras.new(name)
    data.sensor_fit = "AUTO"
    data.sensor_width = view.sensor_width
    data.lens = view.lens
    data.shift_x, data.shift_y = view.shift_x, view.shift_y
    viewer = bpy.data.objects.new(name, data)
    viewer.matrix_world = Matrix(view.matrix_world.tolist())
    return viewer


def _add_background(
    data: bpy.types.Camera, image: bpy.types.Image, first_frame: int, frame_count: int
) -> None:
    background = data.background_images.new()
    background.image = image
    background.alpha = 1.0
    background.display_depth = "BACK"
    background.frame_method = "FIT"
    _time(background.image_user, first_frame, frame_count)
    data.show_background_images = True


def _time(user: bpy.types.ImageUser | bpy.types.Node, first_frame: int, frame_count: int) -> None:
    user.frame_start = first_frame
    user.frame_duration = frame_count
    user.use_auto_refresh = True


def _plate_group(
    image: bpy.types.Image, camera: Camera, first_frame: int, frame_count: int
) -> bpy.types.NodeTree:
    """A compositing node group: a render in; out, the render over the plate, and the two side by side."""
    group = bpy.data.node_groups.new(image.name, "CompositorNodeTree")
    compat.group_socket(group, "Render", "NodeSocketColor", "INPUT")
    opacity = compat.group_socket(group, "Render Opacity", "NodeSocketFloat", "INPUT")
    opacity.default_value, opacity.min_value, opacity.max_value = 1.0, 0.0, 1.0
    compat.group_socket(group, "Over", "NodeSocketColor", "OUTPUT")
    compat.group_socket(group, "Beside", "NodeSocketColor", "OUTPUT")

    source = group.nodes.new("NodeGroupInput")
    result = group.nodes.new("NodeGroupOutput")
    plate = group.nodes.new("CompositorNodeImage")
    plate.image = image
    _time(plate, first_frame, frame_count)
    link = group.links.new

    over, behind, front, factor = compat.alpha_over(group)
    link(plate.outputs["Image"], behind)
    link(source.outputs["Render"], front)
    link(source.outputs["Render Opacity"], factor)
    link(over.outputs["Image"], result.inputs["Over"])

    # A compositing node's result is as large as its background, so the halves need a whole canvas below them.
    canvas, behind, front, _ = compat.alpha_over(group)
    link(source.outputs["Render"], behind)
    front.default_value = _CANVAS_COLOUR
    places = {plate: (-400, 200), source: (-400, -200), over: (500, 200), canvas: (-100, -50)}
    below = canvas
    for step, (picture, side) in enumerate(((plate.outputs["Image"], -1), (source.outputs["Render"], 1))):
        half = group.nodes.new("CompositorNodeTransform")
        half.inputs["X"].default_value = side * camera.width / 4
        half.inputs["Scale"].default_value = 0.5
        link(picture, half.inputs["Image"])
        joined, behind, front, _ = compat.alpha_over(group)
        link(below.outputs["Image"], behind)
        link(half.outputs["Image"], front)
        places[half], places[joined] = (-100, -250 - 250 * step), (200 + 300 * step, -100)
        below = joined
    link(below.outputs["Image"], result.inputs["Beside"])
    places[result] = (800, 0)
    for node, place in places.items():
        node.location = place
    return group


def _add_to_compositor(scene: bpy.types.Scene, group: bpy.types.NodeTree) -> None:
    tree = compat.compositor_tree(scene)
    if tree is not None:
        node = _group_node(tree, group)
        node.location = (0.0, min((other.location.y for other in tree.nodes), default=0.0) - 300.0)
        return
    tree, final = compat.new_compositor_tree(scene)
    # The render must be clear where there is no rig for the plate to show through.
    scene.render.film_transparent = True
    render = tree.nodes.new("CompositorNodeRLayers")
    render.location = (0.0, 0.0)
    node = _group_node(tree, group)
    node.location = (350.0, 0.0)
    tree.links.new(render.outputs["Image"], node.inputs["Render"])
    tree.links.new(node.outputs["Over"], final)


def _group_in_use(scene: bpy.types.Scene) -> bpy.types.Node | None:
    """The compositor's node of the plate behind the camera."""
    tree, background = compat.compositor_tree(scene), background_of(scene)
    if tree is None or background is None:
        return None
    for node in tree.nodes:
        if node.type == "GROUP" and node.node_tree is not None:
            images = [inner.image for inner in node.node_tree.nodes if inner.type == "IMAGE"]
            if background.image in images:
                return node
    return None


def _group_node(tree: bpy.types.NodeTree, group: bpy.types.NodeTree) -> bpy.types.Node:
    node = tree.nodes.new("CompositorNodeGroup")
    node.node_tree = group
    node.label = group.name
    node.width = 200.0
    return node
