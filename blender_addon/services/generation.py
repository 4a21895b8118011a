"""Performances: ask for one, and put it into the scene."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import bpy

from a2p_backend.wire.client import Client
from a2p_backend.wire.edit import UNEDITED, Edit
from a2p_backend.wire.performance import Performance
from a2p_backend.wire.settings import GenerateSettings

from .. import backend, jobs, preferences
from ..conversation import Line, talking
from ..scene.performance import Placement, ReadyTake, place_take, ready_take
from .clips import Clip


@dataclass(frozen=True, eq=False)
class Order:
    """A performance to be made: of what, how, and how it enters the scene."""

    clip: Clip
    settings: GenerateSettings
    placement: Placement
    edit: Edit = UNEDITED

    @property
    def label(self) -> str:
        """What the user asked for; first what tells it from its like, as narrow sidebars cut the end off."""
        who = "" if self.settings.speaker == "left" else f" ({self.settings.speaker} channel)"
        return f"Seed {self.settings.seed} of {self.clip.path.stem}{who}"

    def multiplied(self, takes: int, partner: str | None) -> tuple[Order, ...]:
        """Takes of consecutive seeds, each also of the partner where one is named. Raises A2PError."""
        orders = []
        for number in range(takes):
            settings = replace(self.settings, seed=self.settings.seed + number)
            orders.append(replace(self, settings=settings))
            if partner is not None:
                other = "right" if settings.speaker == "left" else "left"
                orders.append(
                    replace(
                        self,
                        settings=replace(settings, actor=partner, speaker=other),
                        placement=replace(self.placement, opposite=True),
                    )
                )
        return tuple(orders)


def generating(order: Order) -> jobs.Steps:
    """Have the backend perform a clip, then place the performance in the scene that is current by then."""

    def talk(line: Line, client: Client) -> ReadyTake:
        contents = order.clip.read()
        line.check()
        body = line.follow(client.ask_body(order.settings.actor))
        request = client.generate(contents, order.clip.path.name, order.settings, order.edit)
        return ready_take(body, line.follow(request), order.clip.path)

    yield from backend.reaching()
    take = yield from talking(preferences.endpoint_path(), talk)
    yield from jobs.until_undoable()
    placement = replace(order.placement, face_names=backend.face_names(order.settings.actor))
    place_take(bpy.context.scene, take, placement)
    return "A2P Generate"


def placing(performance: Performance, clip: Path | None, placement: Placement) -> jobs.Steps:
    """Place a performance that is there already; the backend tells the actor's body. clip: its recording."""

    def talk(line: Line, client: Client) -> ReadyTake:
        body = line.follow(client.ask_body(performance.actor))
        return ready_take(body, performance, clip or Path(performance.clip_name))

    yield from backend.reaching()
    take = yield from talking(preferences.endpoint_path(), talk)
    yield from jobs.until_undoable()
    placement = replace(placement, face_names=backend.face_names(performance.actor))
    place_take(bpy.context.scene, take, placement)
    return "A2P Import Take"
