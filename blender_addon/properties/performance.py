"""How a clip is performed."""

from __future__ import annotations

import random

import bpy

from a2p_backend.wire.settings import (
    DEFAULT_PRESET,
    MAX_GUIDANCE,
    MAX_SEED,
    MAX_STEPS,
    PRESETS,
    GenerateSettings,
)

from .. import backend

GUIDANCE_OF_ACTOR = -1.0
"""A guidance that stands for what the actor recommends."""

STEPS_OF_PRESET = 0
"""A number of steps that stands for the preset's own."""


_GOOD_FOR = {
    "draft": "Rough and fast, to look for a take",
    "standard": "As good as Reference to the eye, several times as fast",
    "reference": "Slow and exact",
    "released": "As the published examples were made, slower still",
}
_QUALITIES = [
    (name, name.capitalize(), f"{_GOOD_FOR[name]} ({preset.steps} steps)") for name, preset in PRESETS.items()
]
_HIGHEST_DRAWN = 99_999
"""Few enough digits to read out and write down; any seed up to MAX_SEED can be typed."""


def draw_seed() -> int:
    """Another seed."""
    return random.randint(0, _HIGHEST_DRAWN)


def suggest_actors(self: object, context: bpy.types.Context, text: str) -> list[str]:
    """The backend's actors whose names hold what was typed."""
    return [name for name in backend.actor_names() if text.lower() in name.lower()]


class GenerationProperties:
    """The settings of a performance: the same ones in the panel and for the operator."""

    actor: bpy.props.StringProperty(
        name="Actor",
        description="Who performs; the backend tells which actors there are",
        default=GenerateSettings.actor,
        search=suggest_actors,
    )
    seed: bpy.props.IntProperty(
        name="Seed",
        description="Another seed is another take of the same clip",
        default=GenerateSettings.seed,
        min=0,
        max=MAX_SEED,
    )
    takes: bpy.props.IntProperty(
        name="Takes",
        description="How many takes, of this seed and the ones after it; each is a job of its own",
        default=1,
        min=1,
        soft_max=8,
        max=50,
    )
    preset: bpy.props.EnumProperty(
        name="Quality",
        description="How finely the motion is worked out: finer takes longer",
        items=_QUALITIES,
        default=DEFAULT_PRESET,
    )
    steps: bpy.props.IntProperty(
        name="Steps",
        description="Steps that the motion is worked out in; 0: as many as Quality says",
        default=STEPS_OF_PRESET,
        min=STEPS_OF_PRESET,
        max=MAX_STEPS,
    )
    face_guidance: bpy.props.FloatProperty(
        name="Face Guidance",
        description="How strongly the face follows the sound; -1: as suits the actor",
        default=GUIDANCE_OF_ACTOR,
        min=GUIDANCE_OF_ACTOR,
        max=MAX_GUIDANCE,
    )
    body_guidance: bpy.props.FloatProperty(
        name="Body Guidance",
        description="How strongly the body follows the sound; -1: as suits the actor",
        default=GUIDANCE_OF_ACTOR,
        min=GUIDANCE_OF_ACTOR,
        max=MAX_GUIDANCE,
    )
    top_p: bpy.props.FloatProperty(
        name="Diversity",
        description="How unusual a posture may be: less is calmer",
        default=GenerateSettings.top_p,
        min=0.01,
        max=1.0,
    )
    first_frame: bpy.props.IntProperty(
        name="First Frame",
        description="Frame of the scene at which the take begins",
        default=1,
    )
    with_mesh: bpy.props.BoolProperty(
        name="Body Mesh",
        description="Also make the actor's body as a mesh that follows the rig",
        default=True,
    )
    new_rig: bpy.props.BoolProperty(
        name="New Rig",
        description="Build a rig for this take alone, even if the scene has one of this actor",
    )


def settings_of(source: GenerationProperties, speaker: str) -> GenerateSettings:
    """Settings from an operator or a panel's properties, heard on this channel. Raises A2PError."""
    return GenerateSettings(
        actor=source.actor,
        seed=source.seed,
        preset=source.preset,
        steps=source.steps or None,
        face_guidance=None if source.face_guidance < 0.0 else _as_typed(source.face_guidance),
        body_guidance=None if source.body_guidance < 0.0 else _as_typed(source.body_guidance),
        top_p=_as_typed(source.top_p),
        speaker=speaker,
    )


def _as_typed(value: float) -> float:
    """Blender keeps single precision; what the user typed is what counts, here as at the command line."""
    return round(value, 6)


class A2PPerformanceSettings(GenerationProperties, bpy.types.PropertyGroup):
    """The Performance section's settings, kept in the .blend."""


CLASSES = (A2PPerformanceSettings,)
