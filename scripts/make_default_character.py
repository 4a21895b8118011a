"""Makes the default actor as a rigged Blender character:

    python scripts/make_default_character.py OUT.blend

The sculpture of kinematics.actors.default.skin, meshed, reduced, unwrapped, painted, bound to the actor's
skeleton, with a shape key for each expression code. `a2p train avatar` makes the actor's avatar of
the file. Needs the bpy module; takes about three minutes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import bpy  # isort: skip - it puts bmesh within reach
import bmesh
import numpy as np

from blender_addon.scene.armature import build_armature
from kinematics.actors.default.skin import binding, parts
from kinematics.actors.default.skin.expressions import displacements
from kinematics.actors.default.skin.fields import smooth_step
from kinematics.actors.default.skin.figure import HIGH, LOW, figure
from kinematics.actors.default.skin.head import EYE, EYE_RADIUS, closed, touching
from kinematics.actors.default.skin.meshing import onto_surface, surface
from kinematics.actors.default.skin.paint import GLOSS, matters
from kinematics.actors.default.skin.texture import bake, shade_of_creases
from kinematics.actors.default.skin.trunk_and_limbs import SHIRT_HEM, SLEEVE_END, along_upper_arm
from kinematics.actors.default.skin.unwrapping import chart_numbers, chart_scales
from kinematics.armature import bone_rest, to_armature_space
from kinematics.body import Body, load_default_body
from kinematics.face_codes import FACE_CODE_NAMES

CELL = 0.22
TRIANGLES = 26_000
TEXTURE = 1024
CREASING = ("brows_up", "smile", "lips_round")
"""The expressions of the channels of `paint.creases`."""


def main(out: Path) -> None:
    """Writes the .blend file."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    parted, faces = reduced(*surface(figure, LOW, HIGH, CELL))
    parted = onto_surface(figure, parted)
    vertices = touching(closed(parted), parted)
    weights, indices = binding.bind(vertices, faces)
    moves = displacements(vertices, parted)
    body = load_default_body()
    names = np.array(["skin"] * len(vertices), dtype="U8")
    for piece in parts.pieces():
        count = len(piece.vertices)
        faces = np.concatenate([faces, piece.faces + len(vertices)])
        vertices = np.concatenate([vertices, piece.vertices])
        parted = np.concatenate([parted, piece.vertices])
        held = np.zeros((count, weights.shape[1]), np.float32)
        held[:, 0] = 1.0
        weights = np.concatenate([weights, held])
        on = np.zeros((count, indices.shape[1]), np.int32)
        on[:, 0] = body.skeleton.index(piece.joint)
        indices = np.concatenate([indices, on])
        moves = np.concatenate([moves, piece.moves], axis=1)
        names = np.concatenate([names, np.array([piece.name] * count)])
    mesh = build_mesh(vertices, faces)
    unwrap(mesh, vertices, parted, faces, names)
    shade = shade_of_creases(figure, parted, faces)
    shade[names != "skin"] = 1.0
    uvs = np.empty((len(faces) * 3, 2), np.float32)
    mesh.data.uv_layers[0].uv.foreach_get("vector", uvs.ravel())
    kind = names[faces[:, 0]]
    colours, creases = bake(uvs.reshape(-1, 3, 2), vertices[faces], shade[faces], kind, TEXTURE)
    bind(mesh, body, vertices, weights, indices)
    add_shapes(mesh, vertices, moves)
    add_materials(mesh, colours, creases, matters(vertices[faces].mean(axis=1), kind))
    bpy.ops.wm.save_as_mainfile(filepath=str(out.resolve()), compress=True)


def reduced(vertices: np.ndarray, squares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mesh with fewer triangles: most left on the face, more on hands than elsewhere."""
    data = bpy.data.meshes.new("fine")
    data.from_pydata(vertices, [], squares.tolist())
    fine = bpy.data.objects.new("fine", data)
    bpy.context.collection.objects.link(fine)
    group = fine.vertex_groups.new(name="reduce")
    y, z = vertices[:, 1], vertices[:, 2]
    face = (y > 152) & (z > 4.0)
    near_eye = np.linalg.norm(vertices * (np.sign(vertices[:, :1]) * (1, 0, 0) + (0, 1, 1)) - EYE, axis=1)
    lips = (np.abs(y - 157.4) < 1.8) & (np.abs(vertices[:, 0]) < 3.4) & (z > 8.5)
    shares = np.select(
        [(near_eye < EYE_RADIUS + 0.8) & (z > 8.5), lips, face, np.abs(vertices[:, 0]) > 46, y > 152],
        [0.02, 0.02, 0.12, 0.45, 0.6],
        1.0,
    )
    for share in np.unique(shares):
        group.add(np.flatnonzero(shares == share).tolist(), float(share), "REPLACE")
    modifier = fine.modifiers.new("reduce", "DECIMATE")
    modifier.ratio = TRIANGLES / (2 * len(squares))
    modifier.use_collapse_triangulate = True
    modifier.vertex_group = "reduce"
    modifier.vertex_group_factor = 6.0
    evaluated = fine.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    coarse, triangles = arrays_of(evaluated)
    bpy.data.objects.remove(fine)
    bpy.data.meshes.remove(data)
    return repaired(*largest_piece(coarse, triangles))


def repaired(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Closed: where more or fewer than two triangles meet at an edge, the skin is opened and patched."""
    work = bmesh.new()
    points = [work.verts.new(vertex) for vertex in vertices]
    for face in faces:
        work.faces.new([points[corner] for corner in face])
    for _ in range(8):
        faulty = [edge for edge in work.edges if len(edge.link_faces) != 2]
        torn = [vertex for vertex in work.verts if not vertex.is_manifold]
        if not faulty and not torn:
            break
        around = {vertex for edge in faulty for vertex in edge.verts} | set(torn)
        bmesh.ops.delete(work, geom=list(around), context="VERTS")
        bmesh.ops.holes_fill(work, edges=[edge for edge in work.edges if edge.is_boundary], sides=0)
        bmesh.ops.triangulate(work, faces=work.faces[:])
    else:
        raise RuntimeError("the skin does not close: mesh it with another CELL")
    work.verts.index_update()
    closed_vertices = np.array([vertex.co for vertex in work.verts])
    triangles = np.array([[corner.vert.index for corner in face.loops] for face in work.faces])
    work.free()
    return largest_piece(closed_vertices, triangles)


def largest_piece(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Without crumbs and loose vertices."""
    piece = np.arange(len(vertices))
    while True:
        before = piece.copy()
        np.minimum.at(piece, faces.ravel(), np.repeat(piece[faces].min(axis=1), 3))
        if np.array_equal(before, piece):
            break
    main_piece = np.bincount(piece[faces[:, 0]]).argmax()
    faces = faces[piece[faces[:, 0]] == main_piece]
    used, faces = np.unique(faces, return_inverse=True)
    return vertices[used], faces.reshape(-1, 3)


def arrays_of(mesh: bpy.types.Mesh) -> tuple[np.ndarray, np.ndarray]:
    mesh.calc_loop_triangles()
    vertices = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", vertices)
    triangles = np.empty(len(mesh.loop_triangles) * 3, np.int32)
    mesh.loop_triangles.foreach_get("vertices", triangles)
    return vertices.reshape(-1, 3).astype(float), triangles.reshape(-1, 3)


def build_mesh(vertices: np.ndarray, faces: np.ndarray) -> bpy.types.Object:
    data = bpy.data.meshes.new("figure")
    data.from_pydata(to_armature_space(vertices), [], faces.tolist())
    data.polygons.foreach_set("use_smooth", np.ones(len(faces), bool))
    mesh = bpy.data.objects.new("figure", data)
    bpy.context.collection.objects.link(mesh)
    return mesh


def unwrap(
    mesh: bpy.types.Object, vertices: np.ndarray, parted: np.ndarray, faces: np.ndarray, names: np.ndarray
) -> None:
    """Charts by rule, flattened by Blender; triangles that come out turned over get charts of their own."""
    charts = chart_numbers(parted, faces, names)
    mesh.data.uv_layers.new(name="UVMap")
    bpy.context.view_layer.objects.active = mesh
    mesh.select_set(True)
    for _ in range(4):
        mark_seams(mesh, charts)
        bpy.ops.object.mode_set(mode="EDIT")
        bpy.ops.mesh.select_all(action="SELECT")
        bpy.ops.uv.select_all(action="SELECT")
        bpy.ops.uv.unwrap(method="ANGLE_BASED", margin=0.002)
        bpy.ops.uv.average_islands_scale()
        bpy.ops.object.mode_set(mode="OBJECT")
        turned = np.flatnonzero(turned_over(mesh))
        print("turned over:", len(turned), "charts:", charts.max() + 1)
        if len(turned) == 0:
            break
        charts[turned] = charts.max() + 1 + np.arange(len(turned))
    scale_charts(mesh, chart_scales(vertices, faces, names))
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.uv.select_all(action="SELECT")
    bpy.ops.uv.pack_islands(rotate=True, margin=0.004, margin_method="FRACTION", shape_method="CONCAVE")
    bpy.ops.object.mode_set(mode="OBJECT")


def mark_seams(mesh: bpy.types.Object, charts: np.ndarray) -> None:
    corners = np.empty(len(mesh.data.loops), np.int32)
    mesh.data.loops.foreach_get("edge_index", corners)
    of_corner = np.repeat(charts, 3)
    least = np.full(len(mesh.data.edges), np.iinfo(np.int64).max)
    most = np.full(len(mesh.data.edges), -1)
    np.minimum.at(least, corners, of_corner)
    np.maximum.at(most, corners, of_corner)
    mesh.data.edges.foreach_set("use_seam", least != most)


def uv_corners(mesh: bpy.types.Object) -> np.ndarray:
    uvs = np.empty(len(mesh.data.loops) * 2, np.float32)
    mesh.data.uv_layers[0].uv.foreach_get("vector", uvs)
    return uvs.reshape(-1, 3, 2)


def turned_over(mesh: bpy.types.Object) -> np.ndarray:
    a, b, c = uv_corners(mesh).astype(float).swapaxes(0, 1)
    return np.cross(b - a, c - a) <= 0


def scale_charts(mesh: bpy.types.Object, scales: np.ndarray) -> None:
    """Each connected chart larger or smaller about its middle, by the mean of its triangles' scales."""
    corners = uv_corners(mesh)
    keys = np.round(corners.reshape(-1, 2) * 1e5).astype(np.int64)
    vertex = np.empty(len(mesh.data.loops), np.int32)
    mesh.data.loops.foreach_get("vertex_index", vertex)
    _, node = np.unique(np.column_stack([vertex, keys]), axis=0, return_inverse=True)
    node = node.reshape(-1, 3)
    chart = np.arange(node.max() + 1)
    while True:
        least = chart[node].min(axis=1)
        before = chart.copy()
        np.minimum.at(chart, node.ravel(), np.repeat(least, 3))
        if np.array_equal(before, chart):
            break
    of_face = chart[node[:, 0]]
    for number in np.unique(of_face):
        inside = of_face == number
        middle = corners[inside].reshape(-1, 2).mean(axis=0)
        corners[inside] = middle + (corners[inside] - middle) * scales[inside].mean()
    mesh.data.uv_layers[0].uv.foreach_set("vector", corners.ravel())


def add_materials(
    mesh: bpy.types.Object, colours: np.ndarray, creases: np.ndarray, matter: np.ndarray
) -> None:
    """One material for each matter, all of one texture, which expressions' creases darken."""
    images = add_image("skin", colours), add_image("creases", creases)
    images[1].colorspace_settings.name = "Non-Color"
    names = sorted(set(matter.tolist()))
    for name in names:
        mesh.data.materials.append(add_material(name, 1.0 - GLOSS[name], *images, mesh.data.shape_keys))
    numbers = np.array([names.index(name) for name in matter.tolist()], np.int32)
    mesh.data.polygons.foreach_set("material_index", numbers)


def add_image(name: str, picture: np.ndarray) -> bpy.types.Image:
    image = bpy.data.images.new(name, TEXTURE, TEXTURE)
    rgba = np.ones((TEXTURE, TEXTURE, 4), np.float32)
    rgba[..., :3] = picture[::-1]
    image.pixels.foreach_set(rgba.ravel())
    image.pack()
    return image


def add_material(
    name: str, roughness: float, skin: bpy.types.Image, creases: bpy.types.Image, keys: bpy.types.Key
) -> bpy.types.Material:
    """Colour = skin * (1 - sum of creases * their expressions)."""
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    tree = material.node_tree
    shader = tree.nodes["Principled BSDF"]
    shader.inputs["Roughness"].default_value = roughness
    colour, lines = tree.nodes.new("ShaderNodeTexImage"), tree.nodes.new("ShaderNodeTexImage")
    colour.image, lines.image = skin, creases
    taken = tree.nodes.new("ShaderNodeVectorMath")
    taken.operation = "DOT_PRODUCT"
    tree.links.new(lines.outputs["Color"], taken.inputs[0])
    values = tree.nodes.new("ShaderNodeCombineXYZ")
    for axis, expression in enumerate(CREASING):
        driver = values.inputs[axis].driver_add("default_value").driver
        driver.type = "SUM"
        variable = driver.variables.new()
        variable.targets[0].id_type = "KEY"
        variable.targets[0].id = keys
        variable.targets[0].data_path = f'key_blocks["{expression}"].value'
    tree.links.new(values.outputs[0], taken.inputs[1])
    left = tree.nodes.new("ShaderNodeMath")
    left.operation = "SUBTRACT"
    left.inputs[0].default_value = 1.0
    tree.links.new(taken.outputs["Value"], left.inputs[1])
    dimmed = tree.nodes.new("ShaderNodeVectorMath")
    dimmed.operation = "SCALE"
    tree.links.new(colour.outputs["Color"], dimmed.inputs[0])
    tree.links.new(left.outputs[0], dimmed.inputs["Scale"])
    tree.links.new(dimmed.outputs[0], shader.inputs["Base Color"])
    tree.nodes.active = colour
    return material


def bind(
    mesh: bpy.types.Object, body: Body, points: np.ndarray, weights: np.ndarray, indices: np.ndarray
) -> None:
    armature = build_armature(bone_rest(body), "default")
    bpy.context.collection.objects.link(armature)
    for joint in np.unique(indices[weights > 0]):
        group = mesh.vertex_groups.new(name=body.skeleton.names[joint])
        share = np.where(indices == joint, weights, 0.0).sum(axis=1)
        for vertex in np.flatnonzero(share):
            group.add([int(vertex)], float(share[vertex]), "REPLACE")
    mesh.parent = armature
    mesh.modifiers.new("skin", "ARMATURE").object = armature
    soften(mesh, points)


def soften(mesh: bpy.types.Object, points: np.ndarray) -> None:
    """Joints of trunk and limbs bend in curves: linear blending alone folds armpits and pinches elbows."""
    x, y = np.abs(points[:, 0]), points[:, 1]
    share = smooth_step(147.0 - y, 0.0, 5.0) * smooth_step(52.0 - x, 0.0, 5.0) * smooth_step(y, 10.0, 16.0)
    # Hems are steps in the skin, which smoothing would fray.
    mirrored = points * (1.0, 1.0, 1.0)
    mirrored[:, 0] = x
    from_sleeve = np.where(x > 17.0, np.abs(along_upper_arm(mirrored) - SLEEVE_END), np.inf)
    from_hem = np.where(x < 24.0, np.abs(y - SHIRT_HEM), np.inf)
    share *= smooth_step(np.minimum(from_sleeve, from_hem), 2.5, 5.5)
    group = mesh.vertex_groups.new(name="soft joints")
    for vertex in np.flatnonzero(share > 0.0):
        group.add([int(vertex)], float(share[vertex]), "REPLACE")
    modifier = mesh.modifiers.new("soft joints", "CORRECTIVE_SMOOTH")
    modifier.vertex_group = group.name
    modifier.iterations, modifier.factor = 16, 0.5


def add_shapes(mesh: bpy.types.Object, vertices: np.ndarray, moves: np.ndarray) -> None:
    mesh.shape_key_add(name="Basis")
    for name, move in zip(FACE_CODE_NAMES, moves, strict=True):
        key = mesh.shape_key_add(name=name)
        key.value = 0.0  # a new one is wholly on from Blender 5.0
        key.data.foreach_set("co", to_armature_space(vertices + move).astype(np.float32).ravel())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
