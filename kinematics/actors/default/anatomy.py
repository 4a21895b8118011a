"""The default actor's joints: where they are and how their axes lie in the bind pose.

Numbers are rounded adult anthropometry, stature 175 cm. Centimetres; Y is up, the body faces +Z, its left is
+X. Left and centre joints have their X toward the child. The right side is the left one mirrored with all
three axes negated, so that equal parameters on both sides give exact mirror images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinematics.arrays import FloatArray

UP, FORWARD, LEFT = np.eye(3)[[1, 2, 0]]
_MIRROR = np.diag([-1.0, 1.0, 1.0])

_FINGERS = (
    # name, knuckle (along the hand, to the thumb, to the palm), degrees of spread, lengths of its bones
    ("index", (9.2, 2.5, 0.0), 7, (4.4, 2.6, 2.2)),
    ("middle", (9.1, 0.4, -0.2), 0, (4.9, 3.0, 2.4)),
    ("ring", (8.6, -1.6, 0.0), -5, (4.5, 2.8, 2.3)),
    ("pinky", (7.8, -3.3, 0.4), -11, (3.6, 2.1, 2.0)),
)
_TRUNK = (
    ("b_spine0", "b_root", (0, 98, -2.5)),
    ("b_spine1", "b_spine0", (0, 109, -1.5)),
    ("b_spine2", "b_spine1", (0, 121, -3.5)),
    ("b_spine3", "b_spine2", (0, 137, -3.0)),
    ("b_neck0", "b_spine3", (0, 149.5, 0.5)),
    ("b_head", "b_neck0", (0, 157.5, 2.5)),
    ("b_head_null", "b_head", (0, 175, 2.5)),
    ("b_jaw", "b_head", (0, 158.0, 5.0)),
    ("b_l_eye", "b_head", (3.1, 163.8, 10.5)),
    ("b_r_eye", "b_head", (-3.1, 163.8, 10.5)),
)


@dataclass(frozen=True, eq=False)
class Joint:
    """position: (3,) cm; axes: (3, 3), its X, Y, Z as columns; both in the bind pose, skeleton space."""

    name: str
    parent: str | None
    position: FloatArray
    axes: FloatArray


def joints() -> tuple[Joint, ...]:
    """All 88 joints, parents before children."""
    trunk_axes = np.stack([UP, FORWARD, LEFT], axis=1)
    root_axes = np.stack([UP, -FORWARD, -LEFT], axis=1)
    arm, hand = _left_arm()
    leg = _left_leg()
    return (
        Joint("body_world", None, np.zeros(3), np.eye(3)),
        Joint("b_root", "body_world", np.array([0.0, 95, 0]), root_axes),
        *leg,
        *map(_mirrored, leg),
        *(Joint(name, parent, np.array(position, float), trunk_axes) for name, parent, position in _TRUNK),
        *map(_mirrored, arm),
        *map(_mirrored, hand),
        *arm,
        *hand,
    )


def unit(vector: FloatArray) -> FloatArray:
    """The vector (3,) at length 1."""
    shortened: FloatArray = vector / np.linalg.norm(vector)
    return shortened


def frame(x: FloatArray, y_hint: FloatArray) -> FloatArray:
    """Axes (3, 3) as columns: X along `x`, Y as near to `y_hint` as can be."""
    x = unit(x)
    y = unit(y_hint - x * np.dot(x, y_hint))
    return np.stack([x, y, np.cross(x, y)], axis=1)


def _turn(axis: FloatArray, angle: float) -> FloatArray:
    """The rotation matrix about an axis by an angle in radians."""
    x, y, z = unit(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    turn: FloatArray = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return turn


def _mirrored(joint: Joint) -> Joint:
    assert joint.parent is not None
    name, parent = (text.replace("_l_", "_r_") for text in (joint.name, joint.parent))
    return Joint(name, parent, _MIRROR @ joint.position, -(_MIRROR @ joint.axes))


def _left_leg() -> list[Joint]:
    hip, knee, ankle = np.array([[8.8, 92, 0], [13.4, 50.5, -2.6], [17.6, 8.0, -6.2]])
    subtalar, midfoot, ball, toe = np.array(
        [[17.9, 4.5, -6.0], [18.2, 5.0, -0.5], [18.9, 2.0, 7.0], [19.5, 1.3, 13.0]]
    )
    # Legs: X down the bone, Y left, Z forward. Feet: X forward, Y left, Z up.
    thigh, shin = frame(knee - hip, LEFT), frame(ankle - knee, LEFT)
    foot = frame(np.array([0.08, 0, 1]), LEFT)
    return [
        Joint("b_l_upleg", "b_root", hip, thigh),
        Joint("b_l_leg", "b_l_upleg", knee, shin),
        Joint("b_l_foot_twist", "b_l_leg", ankle, shin),
        Joint("b_l_foot", "b_l_foot_twist", ankle, foot),
        Joint("b_l_talocrural", "b_l_foot", ankle, foot),
        Joint("b_l_subtalar", "b_l_talocrural", subtalar, foot),
        Joint("b_l_transversetarsal", "b_l_subtalar", midfoot, foot),
        Joint("b_l_ball", "b_l_transversetarsal", ball, foot),
        Joint("b_l_toe_null", "b_l_ball", toe, foot),
    ]


def _left_arm() -> tuple[list[Joint], list[Joint]]:
    """The joints from the shoulder to the wrist, and those of the hand."""
    sternum, scapula, shoulder = np.array([[2.0, 143.5, 4.5], [15.0, 146.0, -3.5], [17.2, 143.0, -3.0]])
    clavicle = frame(scapula - sternum, FORWARD)
    # A-pose, 45 degrees below the horizontal. Z toward the body and down: ry raises, rz swings forward.
    along = unit(np.array([0.705, -0.706, 0.05]))
    upper = frame(along, FORWARD)
    elbow = shoulder + 28.5 * along
    # The elbow's hinge is the arm's, rolled 25 degrees outward; the forearm rests bent by 26 degrees.
    rolled = _turn(along, np.radians(-25)) @ upper
    forearm = _turn(rolled[:, 2], np.radians(26)) @ rolled
    ahead = forearm[:, 0]
    wrist = elbow + 25.5 * ahead
    # Hands: X along the forearm, Y out of the palm, Z away from the thumb. A neutral hand has its thumb in
    # the direction in which the elbow bends; at rest it is pronated by 45 degrees from there.
    neutral = np.stack([ahead, forearm[:, 2], -forearm[:, 1]], axis=1)
    hand = _turn(ahead, np.radians(45)) @ neutral
    arm = [
        Joint("b_l_shoulder", "b_spine3", sternum, clavicle),
        Joint("p_l_scap", "b_l_shoulder", scapula, clavicle),
        Joint("b_l_arm", "p_l_scap", shoulder, upper),
        Joint("b_l_arm_twist", "b_l_arm", shoulder + 14.25 * along, rolled),
        Joint("b_l_forearm", "b_l_arm_twist", elbow, forearm),
        Joint("b_l_wrist_twist", "b_l_forearm", elbow + 15.0 * ahead, hand),
        Joint("b_l_wrist", "b_l_wrist_twist", wrist, hand),
    ]
    return arm, _left_thumb(wrist, hand) + _left_fingers(wrist, hand)


def _in_hand(
    wrist: FloatArray, hand: FloatArray, along: float, thumbward: float, palmward: float
) -> FloatArray:
    point: FloatArray = wrist + along * hand[:, 0] + thumbward * -hand[:, 2] + palmward * hand[:, 1]
    return point


def _left_thumb(wrist: FloatArray, hand: FloatArray) -> list[Joint]:
    along, palm, thumb = hand[:, 0], hand[:, 1], -hand[:, 2]
    bone = unit(0.60 * along + 0.68 * thumb + 0.42 * palm)
    lower = frame(bone, unit(-0.55 * thumb + 0.75 * palm + 0.30 * along))
    # The first knuckle rests bent by 17 degrees.
    upper = _turn(lower[:, 2], 0.30) @ lower
    base = _in_hand(wrist, hand, 1.2, 1.4, 0.6)
    metacarpal = base + 1.8 * bone
    proximal = metacarpal + 3.6 * bone
    distal = proximal + 3.2 * upper[:, 0]
    return [
        Joint("b_l_thumb0", "b_l_wrist", base, lower),
        Joint("b_l_thumb1", "b_l_thumb0", metacarpal, lower),
        Joint("b_l_thumb2", "b_l_thumb1", proximal, upper),
        Joint("b_l_thumb3", "b_l_thumb2", distal, upper),
        Joint("b_l_thumb_null", "b_l_thumb3", distal + 2.7 * upper[:, 0], upper),
    ]


def _left_fingers(wrist: FloatArray, hand: FloatArray) -> list[Joint]:
    fingers = []
    palm = hand[:, 1]
    for name, knuckle, spread, lengths in _FINGERS:
        axes = _turn(palm, np.radians(spread)) @ hand
        position, parent = _in_hand(wrist, hand, *knuckle), "b_l_wrist"
        if name == "pinky":
            base = _in_hand(wrist, hand, 2.2, -1.6, 0.3)
            fingers.append(Joint("b_l_pinky0", parent, base, frame(position - base, palm)))
            parent = "b_l_pinky0"
        for bone, length in enumerate(lengths, 1):
            fingers.append(Joint(f"b_l_{name}{bone}", parent, position, axes))
            parent, position = f"b_l_{name}{bone}", position + length * axes[:, 0]
        fingers.append(Joint(f"b_l_{name}_null", parent, position, axes))
    return fingers
