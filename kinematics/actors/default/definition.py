"""The default actor's parameters: 104 for the pose, in the order of the released actors, then 6 scales.

Which released parameter means what is not public; this layout is inferred from the actors' published
statistics.
"""

from __future__ import annotations

from dataclasses import dataclass

FINGERS = ("index", "middle", "ring", "pinky")
# Spreads come in this order in the sister rig MHR and in the actors' statistics.
SPREAD_ORDER = ("index", "ring", "pinky", "middle")


@dataclass(frozen=True)
class Parameter:
    """drives: (joint, channel, weight), in cm, radians or log2 a unit; limits: its natural range, if any."""

    name: str
    drives: tuple[tuple[str, str, float], ...]
    limits: tuple[float, float] | None
    meaning_of_plus: str


def parameters() -> tuple[Parameter, ...]:
    """All 110: 104 pose parameters, then the scale parameters."""
    return (
        *_trunk(),
        *_arm("r"),
        *_arm("l"),
        *_leg("r"),
        *_leg("l"),
        *_hand("r"),
        *_hand("l"),
        *_scales(),
    )


def _one(name: str, joint: str, channel: str, low: float, high: float, meaning: str) -> Parameter:
    return Parameter(name, ((joint, channel, 1.0),), (low, high), meaning)


def _trunk() -> list[Parameter]:
    found = [
        Parameter(
            f"root_t{axis}",
            (("b_root", f"t{axis}", 10.0),),
            None,
            f"move along world {axis.upper()}, decimetres",
        )
        for axis in "xyz"
    ]
    found += [
        Parameter("root_rx", (("b_root", "rx", 1.0),), None, "turn to the left about the vertical (yaw)"),
        _one("root_ry", "b_root", "ry", -0.8, 0.8, "lean to the left, seen facing +Z"),
        _one("root_rz", "b_root", "rz", -1.2, 1.2, "lean backward, seen facing +Z"),
    ]
    spine = {
        "spine_lower": (("b_spine0", "b_spine1"), ((-0.9, 0.9), (-0.5, 0.5), (-0.6, 1.2))),
        "spine_upper": (("b_spine2", "b_spine3"), ((-0.9, 0.9), (-0.6, 0.6), (-0.7, 1.0))),
    }
    meanings = ("turn to the left", "lean to the right", "bend forward")
    for part, (joints, limits) in spine.items():
        for channel, limit, meaning in zip(("rx", "ry", "rz"), limits, meanings, strict=True):
            halves = tuple((joint, channel, 0.5) for joint in joints)
            found.append(Parameter(f"{part}_{channel}", halves, limit, meaning))
    for channel, limit, meaning in (
        ("rx", (-1.3, 1.3), "turn to the left"),
        ("ry", (-0.8, 0.8), "tilt to the right"),
    ):
        halves = (("b_neck0", channel, 0.5), ("b_head", channel, 0.5))
        found.append(Parameter(f"neck_{channel}", halves, limit, meaning))
    return [
        *found,
        _one("neck_rz", "b_neck0", "rz", -0.7, 0.8, "neck bends forward"),
        _one("head_rz", "b_head", "rz", -0.8, 0.8, "head nods down"),
    ]


def _arm(side: str) -> list[Parameter]:
    bone, blade = f"b_{side}_", f"p_{side}_scap"
    return [
        _one(f"{side}_clavicle_ry", bone + "shoulder", "ry", -0.2, 0.6, "raise the shoulder"),
        _one(f"{side}_clavicle_rz", bone + "shoulder", "rz", -0.5, 0.5, "shoulder forward"),
        _one(f"{side}_scap_ry", blade, "ry", -0.5, 0.6, "raise the shoulder blade end"),
        _one(f"{side}_scap_rz", blade, "rz", -0.5, 0.5, "shoulder blade end forward"),
        _one(f"{side}_shoulder_ry", bone + "arm", "ry", -1.1, 1.8, "raise the upper arm sideways"),
        _one(f"{side}_shoulder_rx", bone + "arm", "rx", -0.7, 0.7, "roll the upper arm inward"),
        _one(f"{side}_shoulder_rz", bone + "arm", "rz", -1.2, 2.0, "swing the upper arm forward"),
        _one(f"{side}_uparm_twist", bone + "arm_twist", "rx", -1.2, 1.9, "roll the upper arm inward"),
        _one(f"{side}_elbow_rz", bone + "forearm", "rz", -0.45, 2.1, "bend the elbow"),
        _one(f"{side}_forearm_twist", bone + "wrist_twist", "rx", -2.2, 1.0, "pronate (palm down)"),
        _one(f"{side}_wrist_ry", bone + "wrist", "ry", -0.7, 0.7, "bend the hand to the thumb side"),
        _one(f"{side}_wrist_rz", bone + "wrist", "rz", -1.3, 1.4, "bend the hand to the palm side"),
    ]


def _leg(side: str) -> list[Parameter]:
    bone = f"b_{side}_"
    return [
        _one(f"{side}_hip_rx", bone + "upleg", "rx", -0.8, 0.8, "turn the thigh inward"),
        _one(f"{side}_hip_ry", bone + "upleg", "ry", -2.2, 0.7, "swing the thigh backward"),
        _one(f"{side}_hip_rz", bone + "upleg", "rz", -0.6, 1.0, "swing the thigh outward"),
        _one(f"{side}_knee_ry", bone + "leg", "ry", -0.1, 2.5, "bend the knee"),
        _one(f"{side}_shin_twist", bone + "foot_twist", "rx", -0.9, 0.9, "turn the foot inward"),
        _one(f"{side}_ankle_ry", bone + "talocrural", "ry", -0.7, 0.9, "point the foot down"),
        _one(f"{side}_subtalar_rx", bone + "subtalar", "rx", -0.6, 0.5, "sole outward"),
        _one(
            f"{side}_midfoot_rx",
            bone + "transversetarsal",
            "rx",
            -0.3,
            0.3,
            "front of the foot, sole outward",
        ),
        _one(f"{side}_toe_ry", bone + "ball", "ry", -1.0, 0.5, "curl the toes down"),
    ]


def _hand(side: str) -> list[Parameter]:
    bone = f"b_{side}_"
    curls = ((1, -0.6, 1.57), (2, -0.15, 1.8), (3, -0.15, 1.4))
    thumb = (
        ("thumb0", "ry", -0.8, 0.8, "thumb base sideways"),
        ("thumb0", "rz", -0.6, 0.9, "thumb base toward the palm"),
        ("thumb1", "rx", -0.6, 0.6, "roll the thumb"),
        ("thumb1", "ry", -0.7, 0.7, "thumb sideways"),
        ("thumb1", "rz", -0.6, 1.0, "thumb toward the palm"),
        ("thumb2", "rz", -0.7, 1.2, "bend the thumb's first knuckle"),
        ("thumb3", "rz", -0.5, 1.5, "bend the thumb's end knuckle"),
    )
    return [
        *(
            _one(f"{side}_{finger}1_ry", f"{bone}{finger}1", "ry", -0.5, 0.5, "finger to the thumb side")
            for finger in SPREAD_ORDER
        ),
        *(
            _one(f"{side}_{finger}{joint}_rz", f"{bone}{finger}{joint}", "rz", low, high, "curl to the palm")
            for finger in FINGERS
            for joint, low, high in curls
        ),
        *(
            _one(f"{side}_{joint}_{channel}", bone + joint, channel, low, high, meaning)
            for joint, channel, low, high, meaning in thumb
        ),
    ]


def _scales() -> list[Parameter]:
    def scale(name: str, meaning: str, *drives: tuple[str, float], limit: float = 0.5) -> Parameter:
        return Parameter(
            name, tuple((joint, "sc", weight) for joint, weight in drives), (-limit, limit), meaning
        )

    def limb(start: str, end: str) -> list[tuple[str, float]]:
        # What a limb's scale does to what hangs at its end is undone there.
        return [(f"b_{side}_{joint}", sign) for side in "rl" for joint, sign in ((start, 1.0), (end, -1.0))]

    return [
        scale("scale_global", "whole body, size x 2**value", ("b_root", 1.0), limit=1),
        scale("scale_head", "head", ("b_head", 1.0)),
        scale("scale_arms", "arms without the hands", *limb("arm", "wrist")),
        scale("scale_hands", "hands", ("b_r_wrist", 1.0), ("b_l_wrist", 1.0)),
        scale("scale_legs", "legs without the feet", *limb("upleg", "talocrural")),
        scale("scale_feet", "feet", ("b_r_talocrural", 1.0), ("b_l_talocrural", 1.0)),
    ]
