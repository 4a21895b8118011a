"""The manual's pictures, taken from the sidebar itself:

    blender --window-geometry 0 0 1300 2000 --python scripts/picture_sidebar.py -- CLIP docs/sidebar/images

Needs a display of that size (such as Xvfb's), and the add-on installed from its zip and enabled, with a
backend that it can start or find. Performs the recording CLIP, copies it to Rigify's human, and writes a
picture of each section on the way; preferences and the open file are not saved. Seen to work in Blender 3.4.
"""

from __future__ import annotations

import importlib
import shutil
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import addon_utils
import bpy
import numpy as np

ADDONS = ("a2p", "bl_ext.user_default.a2p")
SCALE = 1.5
"""Of the interface: the pictures' pixels for one of a plain screen."""
EDGE = 8
"""Pixels at the sidebar's sides that tell nothing of what it holds."""
LOOK = 0.3
"""Seconds between two steps: Blender draws anew meanwhile."""
DRAWINGS = 4
"""Steps until a section stands still."""


class Sidebar:
    """The A2P sidebar with one section at a time, in the first 3D viewport."""

    def __init__(self, addon: ModuleType, out: Path) -> None:
        self.classes: tuple[type, ...] = importlib.import_module(f"{addon.__name__}.panels").CLASSES
        self._out = out
        self._shown = list(self.classes)
        for panel in _panels_of_others(self.classes):
            bpy.utils.unregister_class(panel)
        self._window = bpy.context.window_manager.windows[0]
        self._area = next(area for area in self._window.screen.areas if area.type == "VIEW_3D")
        self._area.spaces.active.show_region_ui = True

    def picture(self, name: str, *classes: str) -> Iterator[None]:
        """Steps that show these of the sidebar's classes, unfolded, and write a picture of them."""
        self.show(*classes)
        for _ in range(DRAWINGS):
            self._area.tag_redraw()
            yield
        self.snap(name)

    def show(self, *classes: str) -> None:
        """Leave these of the sidebar's classes."""
        self._window.view_layer.objects.active = None  # an active object has a section of its own
        for panel in reversed(self._shown):
            bpy.utils.unregister_class(panel)
        self._shown = [each for each in self.classes if _is_list(each) or each.__name__ in classes]
        for panel in self._shown:
            if not _is_list(panel):
                panel.bl_options = set()
                if hasattr(panel, "bl_parent_id"):
                    panel.bl_idname = f"{panel.__name__}_unfolded"  # Blender keeps the known ones folded
                    if panel.bl_parent_id not in classes:
                        panel.bl_parent_id = ""
            bpy.utils.register_class(panel)

    def snap(self, name: str) -> None:
        """Write what the sidebar shows."""
        with tempfile.TemporaryDirectory() as folder:
            file = str(Path(folder) / "window.png")
            with bpy.context.temp_override(window=self._window, area=self._area):
                bpy.ops.screen.screenshot(filepath=file)
            image = bpy.data.images.load(file)
            pixels = np.empty(len(image.pixels), np.float32)
            image.pixels.foreach_get(pixels)
            pixels = pixels.reshape(image.size[1], image.size[0], -1)
            bpy.data.images.remove(image)
        region = next(region for region in self._area.regions if region.type == "UI")
        pixels = pixels[region.y : region.y + region.height, region.x : region.x + region.width, :3]
        empty = (np.ptp(pixels[:, EDGE:-EDGE], axis=1) == 0.0).all(axis=-1)
        _save(pixels[np.argmin(empty) :], self._out / f"{name}.png")


def _is_list(cls: type) -> bool:
    return issubclass(cls, bpy.types.UIList)


def _panels_of_others(ours: tuple[type, ...]) -> list[type]:
    """Registered panels of the viewport's sidebar that are not ours, the inner ones first."""
    found = [
        panel
        for panel in bpy.types.Panel.__subclasses__()
        if getattr(panel, "bl_space_type", "") == "VIEW_3D"
        and getattr(panel, "bl_region_type", "") == "UI"
        and panel.is_registered
        and panel not in ours
    ]
    return sorted(found, key=lambda panel: not getattr(panel, "bl_parent_id", ""))


def _save(pixels: np.ndarray, path: Path) -> None:
    """pixels: (height, width, 3), the bottom row first."""
    height, width, _ = pixels.shape
    image = bpy.data.images.new(path.stem, width, height)
    image.pixels.foreach_set(np.dstack([pixels, np.ones((height, width), np.float32)]).ravel())
    image.filepath_raw, image.file_format = str(path), "PNG"
    image.save()
    bpy.data.images.remove(image)
    print(f"{path}: {width} x {height}", flush=True)


def session(clip: Path, out: Path) -> Iterator[None]:
    """The work of an animator, with a picture of each section where it is worth one."""
    addon = next(importlib.import_module(name) for name in ADDONS if name in bpy.context.preferences.addons)
    jobs = importlib.import_module(f"{addon.__name__}.jobs")
    sidebar = Sidebar(addon, out)

    def done() -> Iterator[None]:
        yield
        while jobs.running() is not None or jobs.waiting():
            yield
        if jobs.outcome() is not None and jobs.outcome().failed:
            raise RuntimeError(jobs.outcome().message)

    folder = Path(tempfile.mkdtemp())
    shutil.copy(clip, folder)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "conversation.blend"))
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    settings = bpy.context.scene.a2p
    bpy.ops.a2p.start_backend()
    yield from done()
    yield from sidebar.picture("backend", "A2P_PT_backend", "A2P_PT_backend_setup")

    settings.clip.clip = f"//{clip.name}"
    yield from sidebar.picture("clip", "A2P_PT_clip")

    sidebar.show("A2P_PT_performance")
    settings.performance.takes = 2
    bpy.ops.a2p.generate(clip=settings.clip.clip, takes=2)
    while (job := jobs.running()) is None or job.progress is None or not 0.3 < job.progress.fraction < 0.9:
        yield
    sidebar.snap("performance")
    yield from done()

    bpy.data.actions[f"{clip.stem} seed 1"].a2p.star = True
    yield from sidebar.picture("takes", "A2P_PT_takes")

    addon_utils.enable("rigify", default_set=True)
    bpy.ops.object.armature_human_metarig_add()
    bpy.context.object.name = "Hero"
    settings.rig.target = "Hero"
    bpy.ops.a2p.detect_rig()
    bpy.ops.a2p.retarget(target="Hero", edited_map=True)
    yield from sidebar.picture("rig", "A2P_PT_rig", "A2P_PT_rig_options")
    settings.rig.joint = settings.rig.joints.find("upper_arm.L")
    settings.rig.chosen_joint.offset[2] = 0.2
    yield from sidebar.picture("map", "A2P_PT_map")

    bpy.data.objects["Hero"].animation_data_clear()
    bpy.ops.a2p.lock_range(first=1, last=60)
    settings.edit.first, settings.edit.last = 61, 120
    parts = ("A2P_PT_edit", "A2P_PT_guide", "A2P_PT_range", "A2P_PT_clean", "A2P_PT_tweak")
    bpy.ops.a2p.show_guide()
    yield from done()
    yield from sidebar.picture("edit", *parts)
    bpy.ops.a2p.hide_guide()

    settings.plate.plate_width, settings.plate.plate_height = 320, 360
    bpy.ops.a2p.plate(plate_width=320, plate_height=360)
    yield from done()
    yield from sidebar.picture("plate", "A2P_PT_plate")
    yield from sidebar.picture("export", "A2P_PT_export")
    sidebar.show(*(panel.__name__ for panel in sidebar.classes))


def main() -> None:
    """Starts the session beside Blender's main loop, and quits Blender at its end."""
    clip, out = (Path(argument).resolve() for argument in sys.argv[sys.argv.index("--") + 1 :])
    preferences = bpy.context.preferences
    preferences.use_preferences_save = False
    preferences.view.ui_scale = SCALE
    preferences.view.show_splash = False
    preferences.system.use_region_overlap = False
    steps = session(clip, out)

    def step() -> float | None:
        try:
            next(steps)
            return LOOK
        except StopIteration:
            pass
        except Exception:
            traceback.print_exc()
        bpy.ops.wm.quit_blender()
        return None

    bpy.app.timers.register(step, first_interval=2.0, persistent=True)


main()
