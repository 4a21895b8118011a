"""ARKit's 52 shapes on any head: what each does to the skin, by rule, from what Apple says of it.

A released actor's assets have no such shapes, and the default actor's head has six codes of its own. So the
shapes are displacement fields over a face's landmarks: turns of jaw, lids and eyeballs, and soft patches of
skin that move one way. All lengths are centimetres on a face of average size, in its own axes: x to its
left, y up, z ahead. Shapes are partitions where ARKit's are: left and right, inner and outer brow add up to
the whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinematics.arrays import BoolArray, FloatArray, IntArray
from kinematics.face.landmarks import FaceLandmarks
from kinematics.face.pieces import is_ball, pieces
from kinematics.face.shapes import ARKIT_SHAPES

LOOKS = tuple(name for name in ARKIT_SHAPES if name.startswith("eyeLook"))
JAW_RADIANS = 0.36
"""A mouth as wide open as it goes; speech stays under two thirds of it."""
EYE_RADIANS = 0.45
_LID_RADIUS, _LIDS = 1.68, (-0.32, 0.37)
"""Where the lids are: how far from the eyeball's middle, and the elevations (radians) of their edges."""
_HALF_EYE = 1.42
_MEETING, _OVERLAP = 0.12, 0.03
"""Of the way from the lower to the upper edge, where shut lids meet; radians by which they overlap."""
_EYE_REACH = 1.8
"""How near an eye's middle those of its lids and eyeball are."""
_TONGUE_HALF_WIDTH = 1.6


@dataclass(frozen=True, eq=False)
class _Skin:
    """Points of the skin (V, 3), their normals, and what most shapes ask of them."""

    points: FloatArray
    normals: FloatArray
    marks: FaceLandmarks

    @property
    def front(self) -> FloatArray:
        """Share of the face's front: all but what lies beside and behind."""
        return _ramp(self.points[:, 2], -5.0, -1.0)

    def left(self, middle: float = 0.6) -> FloatArray:
        """Share of the left half; with the right half's it makes 1."""
        return _ramp(self.points[:, 0], -middle, middle)

    def patch(self, at: tuple[float, float], size: tuple[float, float]) -> FloatArray:
        """A soft patch about (x, y) of the face, seen from ahead."""
        x, y = self.points[:, 0] - at[0], self.points[:, 1] - at[1]
        share: FloatArray = np.exp(-((x / size[0]) ** 2) - (y / size[1]) ** 2) * self.front
        return share

    @property
    def from_mouth(self) -> FloatArray:
        """(V, 2) x and y from where the lips meet; their line bows."""
        x, y = self.points[:, 0], self.points[:, 1] - self.marks.mouth[1]
        bow = self.marks.bow * np.minimum(np.abs(x) / self.marks.half_mouth, 1.2)
        return np.stack([x, y - bow], axis=1)

    @property
    def below_lips(self) -> FloatArray:
        """How far each point belongs to what hangs on the jaw: sharp between the lips, gradual in the cheeks.

        Closed lips touch: there the skin's direction tells them apart, for the upper one looks down.
        """
        x, y = self.from_mouth.T
        beside = np.abs(x)
        blur = 0.08 + 0.22 * np.minimum(beside / self.marks.half_mouth, 1.0) ** 2
        reach = blur + 3.0 * _ramp(beside, 1.9, 4.6) + 1.2 * _ramp(-self.points[:, 2], 4.05, 6.55)
        near = np.exp(-((y / 0.9) ** 2)) * _ramp(
            -beside, -self.marks.half_mouth - 0.4, -self.marks.half_mouth
        )
        side = y - 0.4 * self.normals[:, 1] * near
        return _ramp(-side / reach, -1.0, 1.0)

    @property
    def on_jaw(self) -> FloatArray:
        """How far each point follows the jaw; its hinge and the neck do not."""
        ahead = _ramp(self.points[:, 2], self.marks.hinge[2] - 2.0, self.marks.hinge[2] + 3.5)
        above_neck = _ramp(self.points[:, 1], self.marks.chin[1] - 6.3, self.marks.chin[1] - 2.2)
        share: FloatArray = self.below_lips * ahead * above_neck
        return share

    @property
    def around_mouth(self) -> FloatArray:
        """The ring of muscle around the mouth."""
        x, y = self.from_mouth.T
        deep = _ramp(self.points[:, 2], self.marks.mouth[2] - 6.8, self.marks.mouth[2] - 3.3)
        share: FloatArray = np.exp(-((y / 1.7) ** 2)) * np.exp(-((x / 3.6) ** 4)) * deep
        return share

    @property
    def lips(self) -> FloatArray:
        """The lips themselves, strongest in their middle."""
        x, y = self.from_mouth.T
        across = np.clip(1.0 - (x / (self.marks.half_mouth + 0.3)) ** 2, 0.0, 1.0)
        share: FloatArray = across * np.exp(-((y / 1.1) ** 2)) * self.around_mouth
        return share


def arkit_displacements(
    vertices: FloatArray, faces: IntArray, marks: FaceLandmarks, skin: BoolArray | None = None
) -> FloatArray:
    """Displacements (52, V, 3) of a head's vertices (V, 3), in their axes and unit, by ARKIT_SHAPES fully on.

    faces: (F, 3). skin: (V,) which of the vertices are skin; the others are eyeballs, teeth and tongue,
    closed pieces that the faces join. None: all are. Without eyeballs the shapes of looking move nothing.
    """
    points = marks.to_face(vertices)
    turned = vertex_normals(points, faces)
    whole = np.zeros((len(ARKIT_SHAPES), len(points), 3))
    inside = np.ones(len(points), bool) if skin is None else skin
    for name, moved in _skin_shapes(_Skin(points[inside], turned[inside], marks)).items():
        whole[ARKIT_SHAPES.index(name), inside] = moved
    for piece in pieces(faces, ~inside):
        for name, moved in _piece_shapes(points[piece], marks).items():
            whole[ARKIT_SHAPES.index(name), piece] = moved
    # Where no eyeball tells where it looks, lids that follow it would be taken for half a blink.
    for side in ("Left", "Right"):
        if not whole[ARKIT_SHAPES.index(f"eyeLookOut{side}")].any():
            whole[[ARKIT_SHAPES.index(name) for name in LOOKS if name.endswith(side)]] = 0.0
    return marks.directions_to_mesh(whole)


def vertex_normals(points: FloatArray, faces: IntArray) -> FloatArray:
    """Unit normals (V, 3), weighted by area; zero for points of no face."""
    a, b, c = points[faces].swapaxes(0, 1)
    flat = np.repeat(np.cross(b - a, c - a), 3, axis=0)
    normals = np.stack(
        [np.bincount(faces.ravel(), flat[:, axis], minlength=len(points)) for axis in range(3)], axis=1
    )
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    unit: FloatArray = normals / np.where(length > 0, length, 1.0)
    return unit


def _skin_shapes(skin: _Skin) -> dict[str, FloatArray]:
    return {**_jaw(skin), **_mouth(skin), **_brows_and_cheeks(skin), **_eyes(skin)}


def _jaw(skin: _Skin) -> dict[str, FloatArray]:
    jaw = skin.on_jaw
    opened = (_turned_about_x(skin.points - skin.marks.hinge, JAW_RADIANS)) * jaw[:, None]
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


def _mouth(skin: _Skin) -> dict[str, FloatArray]:
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
        corner = skin.patch((sign * 2.5, float(skin.marks.mouth[1]) + 0.1), (1.5, 1.6)) * half
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


def _brows_and_cheeks(skin: _Skin) -> dict[str, FloatArray]:
    x, y, _ = skin.points.T
    brows = skin.marks.brows
    raised = _ramp(y, brows - 1.4, brows) * (1.0 - _ramp(y, brows + 0.9, brows + 4.7)) * skin.front
    inner = 1.0 - _ramp(np.abs(x), 0.8, 3.8)
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


def _eyes(skin: _Skin) -> dict[str, FloatArray]:
    shapes: dict[str, FloatArray] = {}
    for side, sign, _ in _halves(skin):
        upper = _lid_shapes(_Lid.of_skin(skin.points, skin.marks, sign, upper=True), side)
        lower = _lid_shapes(_Lid.of_skin(skin.points, skin.marks, sign, upper=False), side)
        still = np.zeros_like(skin.points)
        shapes |= {name: upper.get(name, still) + lower.get(name, still) for name in upper | lower}
    return shapes


def _lid_shapes(lid: _Lid, side: str) -> dict[str, FloatArray]:
    if lid.upper:
        turns = {"eyeWide": 0.16, "eyeLookDown": -0.26, "eyeLookUp": 0.10}
    else:
        turns = {"eyeSquint": 0.16, "eyeLookDown": -0.06, "eyeLookUp": 0.03}
    shapes = {f"{name}{side}": lid.turned(radians) for name, radians in turns.items()}
    return {**shapes, f"eyeBlink{side}": lid.shut()}


@dataclass(frozen=True, eq=False)
class _Lid:
    """One lid: it turns about the eyeball's own x axis, sliding over it.

    local: (N, 3) from the eyeball's middle, x toward the temple. share: (N,) how far each point follows.
    """

    local: FloatArray
    share: FloatArray
    upper: bool

    @classmethod
    def of_skin(cls, points: FloatArray, marks: FaceLandmarks, sign: float, upper: bool) -> _Lid:
        """The lid in a skin that runs on into brow and cheek."""
        local = _from_eye(points, marks, sign)
        elevation = np.arctan2(local[:, 1], local[:, 2])
        low, high = _lid_edges(local[:, 0])
        distance = np.linalg.norm(local, axis=1)
        near = 1.0 - _ramp(distance, _LID_RADIUS + 0.25, _LID_RADIUS + 1.0)
        near = near * _ramp(local[:, 2], -0.3, 0.3)
        if upper:
            follows = _ramp(elevation, 0.45 * (low + high) - 0.2, 0.5 * (low + high))
            follows = follows * (1.0 - _ramp(elevation, high + 0.10, high + 0.62))
        else:
            follows = 1.0 - _ramp(elevation, 0.5 * (low + high), 0.55 * (low + high) + 0.2)
            follows = follows * _ramp(elevation, low - 0.62, low - 0.08)
        return cls(local, follows * near, upper)

    @classmethod
    def of_shell(cls, points: FloatArray, marks: FaceLandmarks, sign: float) -> _Lid:
        """A lid that is a piece of its own: its edge moves, what lies under brow or cheek stays."""
        local = _from_eye(points, marks, sign)
        elevation = np.arctan2(local[:, 1], local[:, 2])
        low, high = _lid_edges(local[:, 0])
        upper = bool((elevation - 0.5 * (low + high)).mean() > 0.0)
        edge, far = (high, elevation.max()) if upper else (low, elevation.min())
        return cls(local, np.clip((far - elevation) / (far - edge), 0.0, 1.0), upper)

    def turned(self, radians: float) -> FloatArray:
        """Displacements by a turn, full at the lid's middle and less toward its corners."""
        low, high = self._edges
        return self._by(radians * (high - low) / (_LIDS[1] - _LIDS[0]))

    def shut(self) -> FloatArray:
        """Displacements that bring the edge to where both lids meet, a trace above the lower one's."""
        low, high = self._edges
        meeting = low + _MEETING * (high - low)
        return self._by(meeting - high - _OVERLAP if self.upper else meeting - low)

    @property
    def _edges(self) -> tuple[FloatArray, FloatArray]:
        return _lid_edges(self.local[:, 0])

    def _by(self, turn: FloatArray) -> FloatArray:
        _, y, z = self.local.T
        after, radius = np.arctan2(y, z) + turn * self.share, np.hypot(y, z)
        return np.stack([np.zeros_like(y), radius * np.sin(after) - y, radius * np.cos(after) - z], axis=1)


def _from_eye(points: FloatArray, marks: FaceLandmarks, sign: float) -> FloatArray:
    local: FloatArray = (points - marks.eye * (sign, 1.0, 1.0)) * (sign, 1.0, 1.0)
    return local


def _lid_edges(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Elevations of the lower and the upper lid's edge at x toward the temple from the eyeball's middle."""
    share = np.clip(x / _HALF_EYE, -1.25, 1.25)
    arc = np.clip(1.0 - share**2, -0.6, 1.0)
    tilt = 0.05 * share
    return tilt + _LIDS[0] * arc * (1.0 + 0.15 * share), tilt + _LIDS[1] * arc * (1.0 - 0.18 * share)


def _piece_shapes(points: FloatArray, marks: FaceLandmarks) -> dict[str, FloatArray]:
    """Of an eyeball, a lid, a row of teeth or the tongue."""
    middle = points.mean(axis=0)
    for side, sign in (("Left", 1.0), ("Right", -1.0)):
        if np.linalg.norm(middle - marks.eye * (sign, 1.0, 1.0)) > _EYE_REACH:
            continue
        if not is_ball(points):
            return _lid_shapes(_Lid.of_shell(points, marks, sign), side)
        turned = points - middle
        return {
            f"eyeLookDown{side}": _turned_about_x(turned, EYE_RADIANS),
            f"eyeLookUp{side}": _turned_about_x(turned, -EYE_RADIANS),
            f"eyeLookOut{side}": _turned_about_y(turned, sign * EYE_RADIANS),
            f"eyeLookIn{side}": _turned_about_y(turned, -sign * EYE_RADIANS),
        }
    if middle[1] > marks.mouth[1]:
        return {}
    ones = np.ones(len(points))
    shapes = {
        "jawOpen": _turned_about_x(points - marks.hinge, JAW_RADIANS),
        "jawForward": _along(ones, 0.0, 0.0, 0.7),
        "jawLeft": _along(ones, 0.7, 0.0, 0.0),
        "jawRight": _along(ones, -0.7, 0.0, 0.0),
    }
    if np.abs(points[:, 0]).max() < _TONGUE_HALF_WIDTH:
        tip = _ramp(points[:, 2], points[:, 2].min(), points[:, 2].max())
        shapes["jawOpen"] = 0.9 * shapes["jawOpen"]
        shapes["tongueOut"] = _along(tip, 0.0, 0.35, 4.5)
    return shapes


def _halves(skin: _Skin) -> tuple[tuple[str, float, FloatArray], ...]:
    """Name, sign of x, and share of each half of the face."""
    left = skin.left()
    return ("Left", 1.0, left), ("Right", -1.0, 1.0 - left)


def _along(share: FloatArray, x: float, y: float, z: float) -> FloatArray:
    moved: FloatArray = share[:, None] * np.array([x, y, z])
    return moved


def _turned_about_x(local: FloatArray, radians: float) -> FloatArray:
    """Displacements by a turn that takes what is ahead down."""
    cosine, sine = np.cos(radians), np.sin(radians)
    _, y, z = local.T
    return np.stack([np.zeros_like(y), (cosine - 1.0) * y - sine * z, sine * y + (cosine - 1.0) * z], axis=1)


def _turned_about_y(local: FloatArray, radians: float) -> FloatArray:
    """Displacements by a turn that takes what is ahead to the left."""
    cosine, sine = np.cos(radians), np.sin(radians)
    x, _, z = local.T
    return np.stack([(cosine - 1.0) * x + sine * z, np.zeros_like(x), (cosine - 1.0) * z - sine * x], axis=1)


def _ramp(value: FloatArray, low: float | FloatArray, high: float | FloatArray) -> FloatArray:
    """0 below `low`, 1 above `high`, with level ends."""
    share = np.clip((value - low) / (np.asarray(high) - low), 0.0, 1.0)
    eased: FloatArray = share * share * (3.0 - 2.0 * share)
    return eased
