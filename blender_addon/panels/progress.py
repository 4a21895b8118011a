"""What is under way, in the section where it was asked for."""

from __future__ import annotations

import bpy

from .. import compat, jobs
from .layout import sentence


def draw_jobs(context: bpy.types.Context, layout: bpy.types.UILayout, section: str) -> None:
    """What is under way and what waits, each with a way to stop it, where any of it is this section's.

    Else how the last job ended, if that was this section's.
    """
    running, outcome = jobs.running(), jobs.outcome()
    if running is None:
        if outcome is not None and outcome.message and outcome.section == section:
            sentence(context, layout, outcome.message, "ERROR" if outcome.failed else "CHECKMARK")
        return
    queue = (running, *jobs.waiting())
    if not any(job.section == section for job in queue):
        return
    box = layout.box().column(align=True)
    for job in queue:
        row = box.row(align=True)
        row.label(text=job.label, icon="PLAY" if job is running else "SORTTIME")
        row.operator("a2p.cancel", text="", icon="X", emboss=False).job = job.number
        if job is running and job.progress is not None:
            compat.draw_progress(box, _stage(job), job.progress.fraction)


def _stage(job: jobs.Running) -> str:
    """The stage that a job is in, and how long it still takes."""
    left = job.seconds_left
    if left is None or job.progress.fraction >= 1.0:
        return job.progress.stage
    if left < 90:
        return f"{job.progress.stage}, {max(left, 1):.0f} s left"
    return f"{job.progress.stage}, {left / 60:.0f} min left"
