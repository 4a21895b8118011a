"""A motion onto a character, and out into files, without a window.

    python -m blender_addon.headless JOB.json

A job is a JSON object; see `BlenderJob`. The last line of the output is a JSON object {"result": ...}, a
`BlenderAnswer`. What the user can mend is one line "error: ..." and exit status 2.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path

import bpy
import numpy as np

from a2p_backend.wire.blender_job import BlenderAnswer, BlenderJob, Moment
from kinematics.body import Body
from kinematics.bvh import read_bvh
from kinematics.errors import A2PError
from kinematics.face.motion import FaceMotion
from kinematics.files import whole_file
from kinematics.retarget.detection import detect
from kinematics.retarget.source import SourceMotion, rig_from_bvh, source_from_body, source_from_bvh

from .scene import comparison, export, face_shapes, import_rig, keys, retargeting, units
from .scene import rig as rigs
from .take_file import load_take_for_blender

EXIT_USER_ERROR = 2


def main(arguments: list[str]) -> int:
    """Do the job in a file; returns the process's exit code."""
    try:
        answer = run(BlenderJob.from_json(Path(arguments[0]).read_text(encoding="utf-8")))
    except (A2PError, OSError) as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return EXIT_USER_ERROR
    print(json.dumps({"result": asdict(answer)}), flush=True)
    return 0


def run(job: BlenderJob) -> BlenderAnswer:
    """Do a job in a new file; returns what there is to say about it. Raises A2PError."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.preferences.filepaths.save_version = 0
    scene, before = bpy.data.scenes[0], import_rig.all_data()
    source = _source(Path(job.source), job.body, job.source_armature)
    # Of a source's file nothing is kept: the rig may come from the same one.
    bpy.data.batch_remove([*(import_rig.all_data() - before), *(set(bpy.data.scenes) - {scene})])
    _play_at(scene, source.fps)  # the imported scene takes this over
    made = import_rig.import_rig(Path(job.rig))
    _play_at(made, source.fps)  # FBX and BVH bring a rate of their own
    bpy.context.window_manager.windows[0].scene = made
    bpy.data.scenes.remove(scene)
    target = rigs.find_armature(made, job.armature, "rig (--armature)")
    done = retargeting.retarget_onto(
        target,
        source,
        Path(job.source).stem,
        made,
        job.options,
        Path(job.map_file) if job.map_file else None,
    )
    made.frame_start, made.frame_end = done.frames.start, done.frames.stop - 1
    face = _apply_face(job, made, target, done.frames.start)
    simplified = []
    for path in map(Path, job.exports):
        # Before the rig's own keys become fewer: the bound is to hold once.
        reduced = export.export(made, target, path, replace(job.export_options, bound=job.simplify))
        if reduced is not None:
            simplified.append(keys.summary_of(reduced.before, reduced.after, reduced.error, path.name))
    if job.simplify is not None and not job.exports:
        simplified.append(keys.simplify(target, job.simplify, units.metres_per_unit(made)).summary)
    fidelity = retargeting.measure_onto(target, done).to_json() if job.report else None
    pictures: tuple[Moment, ...] = ()
    if job.pictures:
        meshes = _visible_meshes(made)
        pictures = tuple(comparison.draw_comparison(target, meshes, done, Path(job.pictures)))
    if job.save:
        _save(Path(job.save))
    return BlenderAnswer(
        rig=target.name,
        map=done.bone_map.label,
        confidence=done.confidence,
        bones=sum(map(len, done.bone_map.bones.values())),
        missing=tuple(done.missing),
        notes=tuple(done.notes),
        frames=len(done.source),
        fps=done.source.fps,
        face=face,
        simplified=tuple(simplified),
        fidelity=fidelity,
        pictures=pictures,
    )


def _apply_face(job: BlenderJob, scene: bpy.types.Scene, target: bpy.types.Object, first_frame: int) -> str:
    """What received the source's face, in one sentence; "" where there is none, or nothing that can move."""
    if job.face is None:
        return ""
    with np.load(job.face, allow_pickle=False) as arrays:
        motion = FaceMotion(arrays["gram"], arrays["products"])
    face = face_shapes.FaceTake(Path(job.source).stem, motion, first_frame)
    try:
        return face_shapes.apply_face(scene, face, face_shapes.meshes_for(scene, target), target).summary
    except face_shapes.NothingToMoveError:
        return ""


def _play_at(scene: bpy.types.Scene, fps: float) -> None:
    scene.render.fps = max(1, round(fps))
    scene.render.fps_base = scene.render.fps / fps


def _source(path: Path, body: str | None, name: str) -> SourceMotion:
    if path.suffix.lower() == ".npz":
        performance = load_take_for_blender(path)
        if body is None:
            raise A2PError(f"The take {path} needs the body of its actor {performance.actor}.")
        with np.load(body, allow_pickle=False) as arrays:
            return source_from_body(Body.from_arrays(dict(arrays)), performance.pose, performance.fps)
    if path.suffix.lower() == ".bvh":
        motion = read_bvh(path)
        found = detect(rig_from_bvh(motion), retargeting.user_maps())
        if not found.humanoid:
            raise A2PError(f"{path} is not a person's motion: {found.objections}")
        return source_from_bvh(motion, found.bone_map)
    scene = import_rig.import_rig(path)
    armature = rigs.find_armature(scene, name, "source (--source-armature)")
    return retargeting.motion_of(armature, units.frame_rate(scene))


def _visible_meshes(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    return [member for member in scene.objects if member.type == "MESH" and not member.hide_render]


def _save(path: Path) -> None:
    try:
        with whole_file(path) as partial:
            bpy.ops.wm.save_as_mainfile(filepath=str(partial), check_existing=False, compress=True, copy=True)
    except (OSError, RuntimeError) as error:
        raise A2PError(f"Cannot write {path}: {error}") from error


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # the module hangs in its own tear-down after some rigs
