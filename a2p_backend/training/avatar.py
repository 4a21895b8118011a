"""Fitting an avatar to views of a rigged character.

Blender, in a process of its own, renders the character from many sides with its shape keys in play
(`blender_addon.character`). Every pixel says what colour the skin has at one place: the texture starts as the
mean of what was seen, weighted by how squarely, and is then fitted to all pictures by gradient descent.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import grid_sample

from a2p_backend.actors.manifest import AVATAR_FOLDER, MANIFEST_NAME, ActorManifest
from a2p_backend.actors.registry import find_actor
from a2p_backend.avatar.choice import choose_rasteriser
from a2p_backend.avatar.rasteriser import Rasteriser
from a2p_backend.avatar.trained.decoder import Decoder
from kinematics.camera import Camera
from kinematics.errors import A2PError

OnStep = Callable[[str, int, int], None]
"""Hears of a stage, what of it is done, and its total."""

_RENDER_SECONDS = 1800
_LARGEST_BYTES = 4 * 2**30


class AvatarTrainingError(A2PError):
    """No avatar can be made of this file."""


@dataclass(frozen=True)
class AvatarConfig:
    """How an avatar is fitted.

    texture: texels along a side. picture: pixels along a side. views: cameras in each ring. steps: of
    descent. pixels: seen at a step.
    """

    texture: int = 1024
    picture: int = 768
    views: int = 12
    steps: int = 300
    pixels: int = 65_536
    rate: float = 0.02
    seed: int = 0


@dataclass(frozen=True)
class FitReport:
    """How well the fitted avatar gives the pictures again: decibels over pixels that are seen squarely."""

    psnr: float
    pixels: int
    coverage: float
    """Share of the charts' texels that some picture showed."""


def train_avatar(character: Path, out: Path, config: AvatarConfig, on_step: OnStep) -> FitReport:
    """Fit an avatar to the character in a .blend, .glb, .vrm or .fbx file; the actor in `out` is drawn by it.

    Where `out` is no actor yet it becomes one that moves as the default actor does.

    Raises:
        A2PError: no rigged character in the file, no Blender module, or nothing can be drawn here.
    """
    with tempfile.TemporaryDirectory(prefix="a2p-") as folder:
        views = _render(character, Path(folder), config, on_step)
        with choose_rasteriser("auto") as rasteriser:
            decoder, report = fit(views, config, rasteriser, on_step)
    if not (out / MANIFEST_NAME).exists():
        _adopt_motion(out)
    decoder.save(out / AVATAR_FOLDER)
    ActorManifest.read(out).model_copy(update={"avatar": "trained"}).write(out)
    return report


def _adopt_motion(out: Path) -> None:
    """An actor with the default one's networks, under the folder's name."""
    source = find_actor("default")
    manifest = ActorManifest.read(source)
    try:
        renamed = ActorManifest.model_validate(
            {**manifest.model_dump(), "name": out.resolve().name, "title": "", "avatar": None}
        )
    except ValueError as error:
        raise AvatarTrainingError(
            f"{out.name} cannot be an actor's name: use letters, digits, `_`, `-` and `.` only."
        ) from error
    out.mkdir(parents=True, exist_ok=True)
    for file in (manifest.statistics, *(entry.file for entry in manifest.networks.values())):
        shutil.copyfile(source / file, out / file)
    renamed.write(out)


def fit(
    views: dict[str, np.ndarray], config: AvatarConfig, rasteriser: Rasteriser, on_step: OnStep
) -> tuple[Decoder, FitReport]:
    """A decoder from the arrays of `blender_addon.character`."""
    header = json.loads(bytes(views["header"]))
    vertices, faces = views["vertices"], views["faces"]
    corners, source, uvs = _corners(faces, np.remainder(views["uvs"], 1.0 + 1e-6))
    moves = views["shape_moves"].astype(np.float32)
    seen = _look(views, corners, source, uvs, moves, rasteriser, on_step)
    texture, report = _fit_texture(seen, config, on_step)
    decoder = Decoder(
        vertices=vertices,
        faces=corners,
        source=source,
        uvs=uvs,
        weights=views["weights"],
        indices=views["indices"],
        moves=moves.astype(np.float16),
        texture=texture,
        bone_rest=views["bone_rest"],
        to_world=views["to_world"],
        parents=np.array(header["parents"], np.int32),
        expressions=tuple(header["shapes"]),
        bones=tuple(header["bones"]),
    )
    return decoder, report


def _render(character: Path, folder: Path, config: AvatarConfig, on_step: OnStep) -> dict[str, np.ndarray]:
    command = [
        sys.executable, "-m", "blender_addon.character", str(character), "--out", str(folder),
        "--size", str(config.picture), "--views", str(config.views),
    ]  # fmt: skip
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as complaints,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints, encoding="utf-8"
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith('{"stage"'):
                event = json.loads(line)
                on_step(event["stage"], event["done"], event["total"])
        code = process.wait(timeout=_RENDER_SECONDS)
        complaints.seek(0)
        said = complaints.read().strip().splitlines()
    if code != 0:
        reason = next(
            (line for line in said if line.startswith("error: ")), said[-1] if said else "no reason"
        )
        if "No module named 'bpy'" in reason:
            reason = "Blender's module is not installed: pip install 'a2p[blender]'."
        raise AvatarTrainingError(reason.removeprefix("error: "))
    path = folder / "character.npz"
    if path.stat().st_size > _LARGEST_BYTES:
        raise AvatarTrainingError(f"The views of {character.name} are too large: fewer --views will do.")
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _corners(faces: np.ndarray, uvs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Corner numbers (F, 3), the vertex of each corner (C,), and its uv (C, 2): equal ones are one."""
    rows = np.column_stack([faces.ravel(), np.round(uvs.reshape(-1, 2) * 2**16).astype(np.int64)])
    unique, number = np.unique(rows, axis=0, return_inverse=True)
    return (
        number.reshape(-1, 3).astype(np.int32),
        unique[:, 0].astype(np.int32),
        (unique[:, 1:] / 2**16).astype(np.float32),
    )


@dataclass(frozen=True, eq=False)
class _Seen:
    """What the pictures show: uv (N, 2), colour (N, 3) sRGB 0 to 1, and how squarely it was seen (N,)."""

    uv: torch.Tensor
    colour: torch.Tensor
    weight: torch.Tensor


def _look(
    views: dict[str, np.ndarray],
    corners: np.ndarray,
    source: np.ndarray,
    uvs: np.ndarray,
    moves: np.ndarray,
    rasteriser: Rasteriser,
    on_step: OnStep,
) -> _Seen:
    faces = torch.from_numpy(source[corners].astype(np.int64))
    corner_uvs = torch.from_numpy(uvs[corners])
    found = []
    total = len(views["view_pixels"])
    for index, pixels in enumerate(views["view_pixels"]):
        camera = Camera(views["view_K"][index], views["view_Rt"][index], pixels.shape[1], pixels.shape[0])
        shaped = views["vertices"] + np.tensordot(views["view_codes"][index], moves, axes=1)
        points = torch.from_numpy(shaped.astype(np.float32))
        fragments = rasteriser.rasterise(points.to(rasteriser.device), faces.to(rasteriser.device), camera)
        face = fragments.face_index.cpu().ravel().long()
        picture = torch.from_numpy(pixels.reshape(-1, 4)).float() / 255.0
        keep = torch.nonzero((face >= 0) & (picture[:, 3] > 0.99))[:, 0]
        face, shares = face[keep], fragments.barycentrics.cpu().reshape(-1, 3)[keep]
        a, b, c = points[faces[face]].unbind(dim=1)
        normal = torch.nn.functional.normalize(torch.linalg.cross(b - a, c - a), dim=1)
        toward = torch.as_tensor(camera.centre, dtype=torch.float32) - a
        distance = torch.linalg.norm(toward, dim=1)
        facing = ((normal * toward).sum(dim=1) / distance).abs()
        uv = torch.einsum("nk,nkc->nc", shares, corner_uvs[face])
        found.append((uv, picture[keep, :3], facing**2 / distance**2))
        on_step("looking", index + 1, total)
    if not found or sum(len(uv) for uv, _, _ in found) == 0:
        raise AvatarTrainingError("The pictures do not show the character: is its mesh hidden in renders?")
    uv, colour, weight = (torch.cat(parts) for parts in zip(*found, strict=True))
    return _Seen(uv, colour, weight / weight.max())


def _fit_texture(seen: _Seen, config: AvatarConfig, on_step: OnStep) -> tuple[np.ndarray, FitReport]:
    size = config.texture
    mean, known = _mean_texture(seen, size)
    coverage = float(known.float().mean())
    texture = _spread(mean, known).permute(2, 0, 1)[None].clone().requires_grad_()
    grid = (2.0 * seen.uv - 1.0)[None, None]
    optimiser = torch.optim.Adam([texture], lr=config.rate, betas=(0.9, 0.99))
    generator = torch.Generator().manual_seed(config.seed)
    weight = seen.weight.sqrt()
    for step in range(config.steps):
        for group in optimiser.param_groups:
            group["lr"] = config.rate * (1.0 - step / config.steps)
        some = torch.randint(len(seen.uv), (min(config.pixels, len(seen.uv)),), generator=generator)
        predicted = _sample(texture, grid[:, :, some])
        loss = (weight[some, None] * (predicted - seen.colour[some]).abs()).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        on_step("fitting", step + 1, config.steps)
    with torch.no_grad():
        texture = _spread(texture[0].permute(1, 2, 0), known)
        squarely = torch.nonzero(seen.weight >= seen.weight.median())[:, 0]
        error = _sample(texture.permute(2, 0, 1)[None], grid[:, :, squarely]) - seen.colour[squarely]
        psnr = float(-10.0 * torch.log10((error**2).mean().clamp(min=1e-10)))
    pixels = (255.0 * texture.clamp(0.0, 1.0)).round().to(torch.uint8).numpy()
    return pixels, FitReport(psnr, len(seen.uv), coverage)


def _sample(texture: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    """(N, 3) of a texture (1, 3, H, W) at grid places (1, 1, N, 2)."""
    return grid_sample(texture, grid, padding_mode="border", align_corners=False)[0, :, 0].T


def _mean_texture(seen: _Seen, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Each texel's mean colour (size, size, 3), and which texels were seen."""
    column, row = (seen.uv * size).long().clamp(0, size - 1).unbind(dim=1)
    texel = row * size + column
    weight = torch.zeros(size * size).index_add_(0, texel, seen.weight)
    colour = torch.zeros((size * size, 3)).index_add_(0, texel, seen.colour * seen.weight[:, None])
    known = weight > 0
    mean = colour / weight.clamp(min=1e-12)[:, None]
    return mean.reshape(size, size, 3), known.reshape(size, size)


def _spread(texture: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Colours for texels that no picture shows, each from the smallest neighbourhood that knows any."""
    levels = [(texture * known[..., None], known.float()[..., None])]
    while levels[-1][1].shape[0] > 1:
        colour, weight = levels[-1]
        half = colour.shape[0] // 2
        colour = colour[: 2 * half, : 2 * half].reshape(half, 2, half, 2, 3).sum((1, 3))
        weight = weight[: 2 * half, : 2 * half].reshape(half, 2, half, 2, 1).sum((1, 3))
        scale = weight.clamp(min=1.0)
        levels.append((colour / scale, weight / scale))
    filled = levels[-1][0] / levels[-1][1].clamp(min=1e-6)
    for colour, weight in reversed(levels[:-1]):
        size = colour.shape[0]
        coarse = filled.repeat_interleave(2, 0).repeat_interleave(2, 1)[:size, :size]
        filled = torch.where(weight > 0, colour / weight.clamp(min=1e-6), coarse)
    return filled


def report_line(report: FitReport) -> str:
    """The report in words."""
    return f"{report.pixels / 1e6:.1f} million pixels seen, {report.psnr:.1f} dB"
