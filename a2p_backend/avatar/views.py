"""From a view, as settings name it, to cameras on the stage or in the world of an actor's recordings.

The two worlds differ by a rigid motion and a scale that hold for a whole take: `kinematics.stage` turns a
take and moves it, and the recordings are in other units with Y up. Moving the camera instead of the take
leaves what an avatar's networks see as it was recorded.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from a2p_backend.wire.settings import PlateSettings, SettingsError, ViewCamera
from kinematics.armature import to_armature_space
from kinematics.body import Body
from kinematics.camera import Camera, frame_figure
from kinematics.rotations import matrix_from_quaternion
from kinematics.stage import place_on_stage

_ROOT = 1


def stage_cameras(settings: PlateSettings) -> tuple[Camera, ...]:
    """The view's cameras in Blender's world, in pictures of the settings' size.

    Raises SettingsError for one that is given in the world of an actor's recordings.
    """
    view, size = settings.view, (settings.width, settings.height)
    if isinstance(view, ViewCamera):
        if view.world != "scene":
            raise SettingsError(
                "The camera is given in the world of recordings, in which this actor has no avatar:"
                ' give it in Blender\'s world ("world": "scene").'
            )
        return (fitted(camera_of(view), *size),)
    return tuple(frame_figure(name, *size) for name in (("front", "side") if view == "both" else (view,)))


def camera_of(view: ViewCamera) -> Camera:
    """The camera, in a picture of its own size."""
    return Camera(np.array(view.K), np.array(view.Rt), view.width, view.height)


def fitted(camera: Camera, width: int, height: int) -> Camera:
    """The same view in a picture of another size, whole and as large as fits, in the middle."""
    scale = min(width / camera.width, height / camera.height)
    margin = (np.array([width, height]) - scale * np.array([camera.width, camera.height])) / 2
    K = camera.K * np.array([[scale], [scale], [1.0]])
    K[:2, 2] += margin
    return Camera(K, camera.Rt, width, height)


def stage_of(body: Body, pose: npt.NDArray[np.floating]) -> tuple[npt.NDArray[np.float64], ...]:
    """Rotation (3, 3) and translation (3,), cm, that place a take (T, 104) on the stage; skeleton axes."""
    # Long before and long after is the same motion: a frame suffices, of a take that is placed as a whole.
    placed = place_on_stage(body, pose)[:1]
    before, after = (body.global_states(np.asarray(frame, np.float64)) for frame in (pose[:1], placed))
    turned, turn = (matrix_from_quaternion(states.rotation[0, _ROOT]) for states in (after, before))
    rotation = turned @ turn.T
    return rotation, after.translation[0, _ROOT] - rotation @ before.translation[0, _ROOT]


def in_capture_world(
    camera: Camera, stage: tuple[npt.NDArray[np.float64], ...], units_a_centimetre: float
) -> Camera:
    """A camera in Blender's world as one in the world of the take's recording, which sees the same.

    stage: see `stage_of`. units_a_centimetre: of the recording's world.
    """
    rotation, translation = stage
    to_blender = to_armature_space(np.eye(3)).T  # metres a centimetre
    scale = 1.0 / np.cbrt(np.linalg.det(to_blender))
    turn = camera.Rt[:, :3] @ to_blender * scale
    shift = turn @ translation + camera.Rt[:, 3] * scale
    return Camera(
        camera.K,
        np.column_stack([turn @ rotation, units_a_centimetre * shift]),
        camera.width,
        camera.height,
    )
