"""ARKit's 52 shapes on any head: what each does to the skin, by rule, from what Apple says of it.

A released actor's assets have no such shapes, and the default actor's head has six codes of its own. So the
shapes are displacement fields over a face's landmarks: turns of jaw, lids and eyeballs, and soft patches of
skin that move one way. All lengths are centimetres on a face of average size, in its own axes: x to its
left, y up, z ahead. Shapes are partitions where ARKit's are: left and right, inner and outer brow add up to
the whole.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kinematics.arrays import BoolArray, FloatArray, IntArray
from kinematics.face.eyes import Lid, Opening, eyeball_shapes, from_eye
from kinematics.face.landmarks import FaceLandmarks
from kinematics.face.pieces import is_ball, pieces
from kinematics.face.regions import FaceSkin, vertex_normals
from kinematics.face.shapes import ARKIT_SHAPES
from kinematics.face.turns import ramp, turned_about_x

JAW_RADIANS = 0.36
"""A mouth as wide open as it goes; speech stays under three quarters of it."""
_SIDES = (("Left", 1.0), ("Right", -1.0))
_LOOKS = tuple(name for name in ARKIT_SHAPES if name.startswith("eyeLook"))
_EYE_REACH = 1.8
"""How near an eye's middle those of its lids and eyeball are."""
_UNDER_SHELL = 0.1
"""How far the skin around an eye follows a lid that is a piece of its own."""
_TONGUE_HALF_WIDTH = 1.6


def arkit_displacements(
    vertices: FloatArray, faces: IntArray, marks: FaceLandmarks, skin: BoolArray | None = None
) -> FloatArray:
    """Displacements (52, V, 3) of a head's vertices (V, 3), in their axes and unit, by ARKIT_SHAPES fully on.

    faces: (F, 3). skin: (V,) which of the vertices are skin; the others are eyeballs, lids, teeth and tongue,
    closed pieces that the faces join. None: all are. Without eyeballs the shapes of looking move nothing.
    """
    points = marks.to_face(vertices)
    on_skin = np.ones(len(points), bool) if skin is None else skin
    whole = np.zeros((len(ARKIT_SHAPES), len(points), 3))

    def move(vertex: IntArray, shapes: Mapping[str, FloatArray]) -> None:
        for name, moved in shapes.items():
            whole[ARKIT_SHAPES.index(name), vertex] += moved

    outside, others = np.flatnonzero(on_skin), pieces(faces, ~on_skin)
    face = FaceSkin(points[outside], vertex_normals(points, faces)[outside], marks)
    move(outside, {**_jaw(face), **_mouth(face), **_brows_and_cheeks(face)})
    for side, sign in _SIDES:
        near = [piece for piece in others if _is_at_eye(points[piece], marks, sign)]
        balls = [piece for piece in near if is_ball(points[piece])]
        shells = [piece for piece in near if not is_ball(points[piece])]
        opening = Opening.between([from_eye(points[piece], marks, sign) for piece in shells])
        for piece in balls:
            move(piece, eyeball_shapes(points[piece], side, sign))
        for piece in shells:
            move(piece, Lid.of_shell(from_eye(points[piece], marks, sign), opening).shapes(side))
        share = _UNDER_SHELL if shells else 1.0
        for upper in (True, False):
            lid = Lid.of_skin(from_eye(face.points, marks, sign), upper)
            move(outside, {name: share * moved for name, moved in lid.shapes(side).items()})
        if not balls:
            # Where no eyeball tells where it looks, lids that follow it would be taken for half a blink.
            whole[[ARKIT_SHAPES.index(name) for name in _LOOKS if name.endswith(side)]] = 0.0
    for piece in others:
        if not any(_is_at_eye(points[piece], marks, sign) for _, sign in _SIDES):
            move(piece, _inside_mouth(points[piece], marks))
    return marks.directions_to_mesh(whole)


def _is_at_eye(points: FloatArray, marks: FaceLandmarks, sign: float) -> bool:
    return bool(np.linalg.norm(from_eye(points.mean(axis=0), marks, sign)) < _EYE_REACH)


def _jaw(skin: FaceSkin) -> dict[str, FloatArray]:
    jaw = skin.on_jaw
    opened = turned_about_x(skin.points - skin.marks.hinge, JAW_RADIANS) * jaw[:, None]
    # The cheeks are drawn in over the longer way.
    opened[:, 0] -= 0.15 * skin.points[:, 0] * skin.around_mouth
    lower_lip = skin.lips * skin.below_lips
    shut = -opened * lower_lip[:, None]
    shut[:, 1] -= 0.2 * skin.lips * (1.0 - skin.below_lips)
    return {
        "jawOpen": opened,
        "jawForward": _along(jaw, 0.0, 0.0, 0.7),
        "jawLeft": _along(jaw, 0.7, 0.0, 0.0),
        "jawRight": _along(jaw, -0.7, 0.0, 0.0),
        "mouthClose": shut,
    }


def _mouth(skin: FaceSkin) -> dict[str, FloatArray]:
    x, y = skin.from_mouth.T
    ring, lips, below = skin.around_mouth, skin.lips, skin.below_lips
    upper, lower = lips * (1.0 - below), lips * below
    across = np.clip(1.0 - (x / (skin.marks.half_mouth + 0.3)) ** 2, 0.0, 1.0)
    shapes = {
        "mouthFunnel": np.stack([-0.24 * x * ring, 0.38 * upper - 0.55 * lower, 0.7 * across * ring], axis=1),
        "mouthPucker": np.stack([-0.5 * x * ring, -0.12 * y * ring, 0.8 * across * ring], axis=1),
        "mouthLeft": _along(ring, 0.6, 0.0, 0.0),
        "mouthRight": _along(ring, -0.6, 0.0, 0.0),
        "mouthRollLower": _along(lower, 0.0, 0.25, -0.4),
        "mouthRollUpper": _along(upper, 0.0, -0.25, -0.4),
        "mouthShrugLower": _along(lower, 0.0, 0.35, 0.25)
        + _along(skin.patch((0.0, float(skin.marks.chin[1])), (1.8, 1.3)), 0.0, 0.3, 0.1),
        "mouthShrugUpper": _along(upper, 0.0, 0.35, 0.25),
    }
    for side, sign, half in _halves(skin):
        # Between the corners the lips curve, without a kink in the middle.
        away = np.abs(x)
        pulled = np.where(away < 2.5, (away / 2.5) ** 1.8, np.exp(-(((away - 2.5) / 1.5) ** 2)))
        corner = pulled * skin.patch((0.0, float(skin.marks.mouth[1]) + 0.1), (np.inf, 1.6)) * half
        cheek = skin.patch((sign * 4.0, float(skin.marks.mouth[1]) + 3.3), (1.7, 1.7)) * half
        dimple = skin.patch((sign * 2.7, float(skin.marks.mouth[1])), (0.8, 0.9)) * half
        beside = half * np.exp(-(((np.abs(x) - 1.2) / 0.9) ** 2))
        outward = np.tanh(x / 1.6) * ring * half
        in_from_side = -0.28 * ring * np.minimum(np.abs(x) / 2.4, 1.0) * half
        shapes |= {
            f"mouthSmile{side}": _along(corner, sign * 0.62, 0.78, -0.3)
            + _along(cheek, sign * 0.1, 0.34, 0.22),
            f"mouthFrown{side}": _along(corner, sign * 0.1, -0.6, -0.1),
            f"mouthDimple{side}": _along(dimple, sign * 0.3, 0.05, -0.45),
            f"mouthStretch{side}": np.stack([0.72 * outward, -0.06 * y * ring * half, in_from_side], axis=1),
            f"mouthPress{side}": _along(upper * beside, 0.0, -0.15, -0.1)
            + _along(lower * beside, 0.0, 0.2, -0.1),
            f"mouthLowerDown{side}": _along(lower * beside, 0.0, -0.6, 0.0),
            f"mouthUpperUp{side}": _along(upper * beside, 0.0, 0.5, 0.0),
        }
    return shapes


def _brows_and_cheeks(skin: FaceSkin) -> dict[str, FloatArray]:
    x, y, _ = skin.points.T
    brows = skin.marks.brows
    raised = ramp(y, brows - 1.4, brows) * (1.0 - ramp(y, brows + 0.9, brows + 4.7)) * skin.front
    inner = 1.0 - ramp(np.abs(x), 0.8, 3.8)
    nose_y, mouth_y = float(skin.marks.nose[1]), float(skin.marks.mouth[1])
    shapes = {"browInnerUp": _along(raised * inner, 0.0, 0.8, -0.11)}
    puff = np.zeros_like(skin.points)
    for side, sign, half in _halves(skin):
        inner_patch = skin.patch((sign * 1.4, brows), (1.3, 1.1)) * half
        outer_patch = skin.patch((sign * 4.0, brows), (1.5, 1.2)) * half
        puff += _along(skin.patch((sign * 4.0, mouth_y + 0.8), (1.8, 2.0)) * half, sign * 0.6, 0.0, 0.5)
        wing = skin.patch((sign * 1.1, nose_y - 0.3), (0.8, 0.9)) * half
        cheek_bone = skin.patch((sign * 3.6, -2.6), (1.7, 1.2)) * half
        shapes |= {
            f"browOuterUp{side}": _along(raised * (1.0 - inner) * half, 0.0, 0.85, -0.12),
            f"browDown{side}": _along(inner_patch, -sign * 0.15, -0.5, 0.1)
            + _along(outer_patch, 0.0, -0.35, 0.0),
            f"cheekSquint{side}": _along(cheek_bone, 0.0, 0.45, 0.15),
            f"noseSneer{side}": _along(wing, sign * 0.1, 0.4, 0.0),
        }
    return {**shapes, "cheekPuff": puff}


def _inside_mouth(points: FloatArray, marks: FaceLandmarks) -> dict[str, FloatArray]:
    """Of a row of teeth or the tongue: what is below the lips' line follows the jaw as a whole."""
    if points[:, 1].mean() > marks.mouth[1]:
        return {}
    ones = np.ones(len(points))
    shapes = {
        "jawOpen": turned_about_x(points - marks.hinge, JAW_RADIANS),
        "jawForward": _along(ones, 0.0, 0.0, 0.7),
        "jawLeft": _along(ones, 0.7, 0.0, 0.0),
        "jawRight": _along(ones, -0.7, 0.0, 0.0),
    }
    if np.abs(points[:, 0]).max() < _TONGUE_HALF_WIDTH:
        tip = ramp(points[:, 2], points[:, 2].min(), points[:, 2].max())
        shapes["jawOpen"] = 0.9 * shapes["jawOpen"]
        shapes["tongueOut"] = _along(tip, 0.0, 0.35, 4.5)
    return shapes


def _halves(skin: FaceSkin) -> tuple[tuple[str, float, FloatArray], ...]:
    """Name, sign of x, and share of each half of the face."""
    left = skin.left()
    return ("Left", 1.0, left), ("Right", -1.0, 1.0 - left)


def _along(share: FloatArray, x: float, y: float, z: float) -> FloatArray:
    moved: FloatArray = share[:, None] * np.array([x, y, z])
    return moved
