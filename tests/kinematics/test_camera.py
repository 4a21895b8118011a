"""The renderer's camera is Blender's camera."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from kinematics.camera import Camera, frame_figure, look_at

POINTS = np.array([[0.0, 0.0, 0.0], [0.4, -0.3, 1.2], [-0.5, 0.2, 1.75], [0.1, 0.6, 0.9]])

BLENDER_VIEW = """
import bpy, json, sys
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Matrix, Vector
job = json.load(sys.stdin)
data = bpy.data.cameras.new("plate")
data.lens, data.sensor_width = job["lens"], job["sensor_width"]
data.shift_x, data.shift_y = job["shift_x"], job["shift_y"]
camera = bpy.data.objects.new("plate", data)
scene = bpy.context.scene
scene.collection.objects.link(camera)
camera.matrix_world = Matrix(job["matrix_world"])
scene.render.resolution_x, scene.render.resolution_y = job["size"]
bpy.context.view_layer.update()
graph = bpy.context.evaluated_depsgraph_get()
projection = camera.calc_matrix_camera(graph, x=job["size"][0], y=job["size"][1])
print(json.dumps({
    "view": [tuple(world_to_camera_view(scene, camera, Vector(p))) for p in job["points"]],
    "projection": [list(row) for row in projection],
}))
"""


def test_first_pixel_centre_and_axes():
    camera = look_at((0, -5, 1), (0, 0, 1), 400, 200, focal_mm=36)
    np.testing.assert_allclose(camera.centre, [0, -5, 1], atol=1e-12)
    # The optical axis meets the middle of the picture; +X is to the right, +Z is up.
    np.testing.assert_allclose(camera.project(np.array([0.0, 0.0, 1.0])), [200, 100, 5], atol=1e-9)
    np.testing.assert_allclose(camera.project(np.array([1.0, 0.0, 2.0])), [280, 20, 5], atol=1e-9)
    doubled = camera.enlarged(2)
    np.testing.assert_allclose(doubled.project(POINTS)[:, :2], 2 * camera.project(POINTS)[:, :2])
    part = camera.cropped(30, 10, 200, 100)
    np.testing.assert_allclose(part.project(POINTS)[:, :2], camera.project(POINTS)[:, :2] - [30, 10])


@pytest.mark.parametrize("view", ["front", "side"])
@pytest.mark.parametrize(("width", "height"), [(480, 640), (720, 720), (960, 540)])
def test_the_whole_figure_is_in_the_picture(view, width, height):
    box = np.array([[x, y, z] for x in (-0.35, 0.35) for y in (-0.35, 0.35) for z in (0.0, 1.75)])
    image = frame_figure(view, width, height).project(box)
    assert (image[:, :2] >= 0).all()
    assert (image[:, :2] <= [width, height]).all()


def test_unknown_view():
    with pytest.raises(ValueError, match="front"):
        frame_figure("above", 480, 640)


@pytest.mark.bpy
@pytest.mark.parametrize(("width", "height"), [(480, 640), (640, 480)])
def test_blender_sees_the_same(width, height):
    framed = frame_figure("side", width, height)
    off_centre = framed.K + np.array([[0, 0, 31.0], [0, 0, -17.0], [0, 0, 0]])
    camera = Camera(off_centre, framed.Rt, width, height)
    blender = camera.to_blender()
    job = {
        "lens": blender.lens,
        "sensor_width": blender.sensor_width,
        "shift_x": blender.shift_x,
        "shift_y": blender.shift_y,
        "matrix_world": blender.matrix_world.tolist(),
        "size": [width, height],
        "points": POINTS.tolist(),
    }
    # In a process of its own: bpy and torch never share one.
    run = subprocess.run(
        [sys.executable, "-c", BLENDER_VIEW],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        timeout=60,
    )
    if "No module named 'bpy'" in run.stderr:
        pytest.skip("needs bpy")
    assert run.returncode == 0, run.stderr
    seen = json.loads(run.stdout.splitlines()[-1])
    view = np.array(seen["view"])
    ours = camera.project(POINTS)
    np.testing.assert_allclose(view[:, 0] * width, ours[:, 0], atol=2e-3)
    np.testing.assert_allclose((1 - view[:, 1]) * height, ours[:, 1], atol=2e-3)
    np.testing.assert_allclose(view[:, 2], ours[:, 2], atol=1e-5)
    back = Camera.from_projection(blender.matrix_world, seen["projection"], width, height)
    np.testing.assert_allclose(back.K, camera.K, rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(back.Rt, camera.Rt, atol=1e-9)


def test_a_scaled_and_an_orthographic_camera():
    camera = look_at((2.0, -3.0, 1.5), (0.0, 0.0, 1.0), 640, 360)
    projection = np.array(
        [
            [2 * camera.K[0, 0] / 640, 0, 0, 0],
            [0, 2 * camera.K[1, 1] / 360, 0, 0],
            [0, 0, -1, -0.2],
            [0, 0, -1, 0],
        ]
    )
    scaled = camera.to_blender().matrix_world @ np.diag([0.5, 0.5, 0.5, 1.0])
    back = Camera.from_projection(scaled, projection, 640, 360)
    np.testing.assert_allclose(back.project(POINTS), camera.project(POINTS), atol=1e-6)
    with pytest.raises(ValueError, match="no perspective"):
        Camera.from_projection(scaled, np.diag([1.0, 1.0, -0.02, 1.0]), 640, 360)
