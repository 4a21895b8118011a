"""Making an avatar of a rigged character: `a2p train avatar`.

Blender, in a process of its own, renders the character from many sides: in its plain colours, to which a
texture is fitted (`avatar_texture`), and under a white dome with its shape keys in play, which together with
the places of its vertices in random poses teaches a small network (`avatar_network`).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import interpolate

from a2p_backend.actors.actor import load_actor_body
from a2p_backend.actors.manifest import AVATAR_FOLDER, MANIFEST_NAME, ActorManifest
from a2p_backend.actors.registry import find_actor
from a2p_backend.actors.statistics import Statistics
from a2p_backend.avatar.choice import choose_rasteriser
from a2p_backend.avatar.portrait import one_thread
from a2p_backend.avatar.rasteriser import Rasteriser
from a2p_backend.avatar.surface import linear_from_srgb, srgb_from_linear
from a2p_backend.avatar.trained.carriers import carrier_for
from a2p_backend.avatar.trained.decoder import Decoder
from a2p_backend.avatar.trained.network import AvatarNetwork, NetworkConfig
from a2p_backend.training.avatar_network import AvatarTrainable, Displacements, psnr
from a2p_backend.training.avatar_texture import Seen, Skin, charts_of, fit_texture, from_around, look, sample
from a2p_backend.training.avatar_views import (
    AvatarTrainingError,
    OnStep,
    kept,
    key_of,
    outline,
    posed,
    show,
    views_of,
)
from a2p_backend.training.loop import LoopConfig
from a2p_backend.training.loop import fit as fit_network
from a2p_backend.training.workshop import WORKSPACE
from kinematics.body import Body
from kinematics.retarget.rig import RigError

_FPS = 30.0
_ROOT = 6
"""The first pose parameters place the figure in the room."""
_FINENESS = 2
"""Places along a pixel's side that a picture under the dome is taken as the mean of."""
_HELD_OUT = 6
"""One in so many pictures and poses is kept from the training: half of them to choose by what the avatar is
to have, half to report on.
"""
_LIGHT_CELL = 8
"""Texels along a side of what a light that stays the same tells apart."""
_MOST_LIGHT = 1.2


@dataclass(frozen=True)
class AvatarConfig:
    """How an avatar is fitted.

    texture: texels along a side. picture, lit_picture: pixels along a side of the plain pictures and of those
    under the dome. views: cameras in each ring; a sixth of the pictures of either kind. texture_steps,
    pixels, rate: of the texture's fit. poses: in which Blender is asked for vertices. loop: of the network's
    training.
    """

    texture: int = 1024
    picture: int = 768
    lit_picture: int = 320
    views: int = 12
    texture_steps: int = 150
    pixels: int = 65_536
    rate: float = 0.005
    poses: int = 240
    channels: tuple[int, ...] = NetworkConfig.channels
    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(
            steps=1500, learning_rate=4e-3, warm_up=30, average_decay=0.99, gradient_norm=10.0, log_every=20,
            validate_every=200, save_every=100,
        )
    )  # fmt: skip


@dataclass(frozen=True)
class FitReport:
    """How well the avatar gives pictures again that it was not fitted to, and how much of it is known.

    psnr, psnr_without: decibels over what held-out pictures under the dome show squarely, with the network's
    light and with the best texture that stays the same (and shape keys) alone; psnr is None where the network
    was taught no light, there being no expressions. error, error_without: millimetres between Blender's
    vertices and the avatar's in held-out poses, root mean square over those that differ, with the network and
    with linear blending alone; 0 where Blender does nothing else. lit, displaced: whether the network's light
    and its displacements are part of the avatar, for either came nearer than going without, to pictures and
    poses that are neither among those learnt from nor among these. coverage: share of the texels seen.
    """

    psnr: float | None
    psnr_without: float
    error: float
    error_without: float
    lit: bool
    displaced: bool
    coverage: float

    def line(self) -> str:
        """The report in words."""
        if self.psnr is None:
            said = f"Held-out pictures: {self.psnr_without:.1f} dB (no shape keys, so light stays the same)"
        elif self.lit:
            said = f"Held-out pictures: {self.psnr:.1f} dB ({self.psnr_without:.1f} without the network)"
        else:
            said = (
                f"Held-out pictures: {self.psnr_without:.1f} dB by the texture alone, which is kept"
                f" ({self.psnr:.1f} under the network's light, which is not)"
            )
        if self.displaced:
            said += f"; held-out poses: {self.error:.2f} mm off ({self.error_without:.2f} without it)"
        elif self.error_without > 0.0:
            said += (
                f"; held-out poses: {self.error_without:.2f} mm off by linear blending alone, which is kept"
                f" ({self.error:.2f} with the network, which is not)"
            )
        return said


def train_avatar(character: Path, out: Path, config: AvatarConfig, on_step: OnStep) -> FitReport:
    """Fit an avatar to the character in a .blend, .glb, .vrm or .fbx file; the actor in `out` is drawn by it.

    Where `out` is no actor yet it becomes one that moves as the default actor does. What was rendered and
    learnt is kept in its workspace: when the call is repeated it goes on where it was stopped.

    Raises:
        A2PError: no rigged character in the file, no Blender module, or nothing can be drawn here.
    """
    if not character.is_file():
        raise AvatarTrainingError(f"There is no file {character}: name the character's .blend, .glb or .fbx.")
    size, lit_size, views, seed = config.picture, config.lit_picture, config.views, config.loop.seed
    if out.exists() and not out.is_dir():
        raise AvatarTrainingError(f"{out} is a file: name the folder of an actor, or of one to be made.")
    adopts = not (out / MANIFEST_NAME).exists()
    source = find_actor("default") if adopts else out
    manifest = ActorManifest.read(source)
    if adopts:
        renamed = _renamed(manifest, out.resolve().name)
    body = load_actor_body(source, manifest)
    statistics = Statistics.load(source / manifest.statistics)
    pose = random_poses(statistics, config.poses, seed)
    # Before the long part: whether motion can be carried over to this rig at all.
    rig = rigged(outline(character, on_step))
    try:
        channels = carrier_for(rig, body, pose, _FPS).bone_channels
    except RigError as error:
        raise AvatarTrainingError(
            f"{character.name} cannot be moved as a person is: among its {len(rig.bones)} bones no two arms"
            " and no two legs are told by name or place. An avatar needs a human's rig; name its bones"
            " as Mixamo, Unreal, Rigify or VRM do."
        ) from error
    workspace = out / WORKSPACE / f"avatar-{key_of(character)}"
    plain = kept(
        workspace / f"flat-{size}-{views}.npz", lambda: show(character, "flat", size, views, on_step)
    )
    codes = random_codes(config.poses, len(rig.expressions), seed)
    under_dome = kept(
        workspace / f"dome-{lit_size}-{views}.npz", lambda: show(character, "dome", lit_size, views, on_step)
    )
    targets = kept(
        workspace / f"poses-{config.poses}-{seed}.npz",
        lambda: {"posed": posed(character, *channels, codes, on_step)},
    )["posed"]
    with choose_rasteriser("auto") as rasteriser:
        decoder, report = fit(
            plain, under_dome, Poses(body, pose, codes, targets), config, rasteriser, workspace, on_step
        )
    if adopts:
        _adopt_motion(source, manifest, renamed, out)
    decoder.save(out / AVATAR_FOLDER)
    ActorManifest.read(out).model_copy(update={"avatar": "trained"}).write(out)
    shutil.rmtree(workspace)
    if not any(workspace.parent.iterdir()):
        workspace.parent.rmdir()
    return report


@dataclass(frozen=True, eq=False)
class Poses:
    """Where Blender puts vertices: targets (P, V, 3), world, metres, in pose (P, 104) with codes (P, E)."""

    body: Body
    pose: np.ndarray
    codes: np.ndarray
    targets: np.ndarray


def random_poses(statistics: Statistics, count: int, seed: int) -> np.ndarray:
    """(count, 104) as an actor takes them, one parameter regardless of another; standing in the middle."""
    generator = np.random.default_rng([seed, 1])
    spread = generator.standard_normal((count, len(statistics.pose_mean)))
    pose: np.ndarray = statistics.pose_mean + statistics.pose_std * spread
    pose[:, :_ROOT] = 0.0
    return pose


def random_codes(count: int, expressions: int, seed: int) -> np.ndarray:
    """(count, expressions) from 0 to 1, half of them at rest."""
    generator = np.random.default_rng([seed, 2])
    on = generator.random((count, expressions)) < 0.3
    codes: np.ndarray = on * generator.random((count, expressions))
    codes[::2] = 0.0
    return codes


def _renamed(manifest: ActorManifest, name: str) -> ActorManifest:
    """The same, of an actor of that name that has no avatar yet."""
    try:
        return ActorManifest.model_validate(
            {**manifest.model_dump(), "name": name, "title": "", "avatar": None}
        )
    except ValueError as error:
        raise AvatarTrainingError(
            f"{name} cannot be an actor's name: use letters, digits, `_`, `-` and `.` only."
        ) from error


def _adopt_motion(source: Path, manifest: ActorManifest, renamed: ActorManifest, out: Path) -> None:
    """An actor with another one's networks."""
    out.mkdir(parents=True, exist_ok=True)
    for file in (manifest.statistics, *(entry.file for entry in manifest.networks.values())):
        shutil.copyfile(source / file, out / file)
    renamed.write(out)


def rigged(arrays: dict[str, np.ndarray]) -> Decoder:
    """A decoder of the character's mesh, rig and shape keys, whose texture is still grey."""
    header = json.loads(bytes(arrays["header"]))
    corners, source, uvs = _corners(arrays["faces"], np.remainder(arrays["uvs"], 1.0 + 1e-6))
    return Decoder(
        vertices=arrays["vertices"],
        faces=corners,
        source=source,
        uvs=uvs,
        gloss=arrays["gloss"],
        weights=arrays["weights"],
        indices=arrays["indices"],
        moves=arrays["shape_moves"].astype(np.float16),
        texture=np.full((1, 1, 3), 128, np.uint8),
        bone_rest=arrays["bone_rest"],
        to_world=arrays["to_world"],
        parents=np.array(header["parents"], np.int32),
        expressions=tuple(header["shapes"]),
        bones=tuple(header["bones"]),
    )


def fit(
    plain: dict[str, np.ndarray],
    under_dome: dict[str, np.ndarray],
    poses: Poses | None,
    config: AvatarConfig,
    rasteriser: Rasteriser,
    workspace: Path,
    on_step: OnStep,
) -> tuple[Decoder, FitReport]:
    """A decoder from the arrays of `avatar_views`: plain pictures, pictures under the dome, and poses."""
    rig = rigged(plain)
    skin = Skin(
        rig.vertices, rig.source[rig.faces], rig.uvs[rig.faces], plain["shape_moves"].astype(np.float32)
    )
    loop = config.loop
    charts = charts_of(rig.faces, rig.uvs, config.texture, rasteriser)

    def fit_plain() -> dict[str, np.ndarray]:
        seen = look(views_of(plain), skin, rasteriser, on_step)
        fitted, seen_share = fit_texture(
            seen, charts, config.texture_steps, config.pixels, config.rate, loop.seed, on_step
        )
        return {"texture": fitted.numpy(), "coverage": np.array(seen_share)}

    found = kept(workspace / f"texture-{config.texture}-{config.texture_steps}-{loop.seed}.npz", fit_plain)
    texture, coverage = torch.from_numpy(found["texture"]), float(found["coverage"])
    lit_views = views_of(under_dome)
    training, choosing, held_out = _apart(look(lit_views, skin, rasteriser, on_step, _FINENESS))
    fitted, _ = fit_texture(
        training, charts, config.texture_steps, config.pixels, config.rate, loop.seed, lambda *_: None
    )
    still = lit_alike(texture, training)
    # Of low pictures the fitted one is coarse, though it may come nearer to them: it is what to compare with.
    best_still = max((still, fitted), key=lambda each: psnr(linear_from_srgb(each), None, choosing))
    residuals = np.zeros((0, len(rig.vertices), 3)) if poses is None else residuals_of(rig, poses)
    learnt = _displacements(residuals, poses)
    # Where there are no expressions the light stays the same, which the texture can say.
    channels = config.channels if rig.expressions else ()
    network: AvatarNetwork | None = None
    if channels or len(learnt.fields):
        trainable = AvatarTrainable(texture, training, choosing, learnt, len(rig.expressions), channels)
        # Its steps are many and small: threads that wait for each other would take more time than they save.
        with one_thread():
            trained = fit_network(
                trainable, loop, workspace, "network", lambda step, total, _: on_step("network", step, total)
            )
        assert isinstance(trained, AvatarNetwork)
        network = trained

    plain_light, best_light = linear_from_srgb(texture), linear_from_srgb(best_still)
    lit = network is not None and bool(channels)
    lit = lit and psnr(plain_light, network, choosing) > psnr(best_light, None, choosing)
    with_it, without = _errors(network, residuals, poses, choosing=True)
    displaced = with_it < without
    report = FitReport(
        psnr(plain_light, network, held_out) if channels else None,
        psnr(best_light if lit else linear_from_srgb(still), None, held_out),
        *_errors(network, residuals, poses, choosing=False),
        lit,
        displaced,
        coverage,
    )
    kept_network = None if network is None else network.only(light=lit, geometry=displaced)
    return replace(rig, network=kept_network, texture=_as_bytes(texture if lit else still)), report


def lit_alike(texture: torch.Tensor, pictures: Sequence[Seen]) -> torch.Tensor:
    """The texture (3, S, S), sRGB, under the light that pictures have in common: coarse, without colour."""
    plain, cells = linear_from_srgb(texture), max(1, texture.shape[-1] // _LIGHT_CELL)
    shown, unlit = torch.zeros(cells**2), torch.zeros(cells**2)
    for seen in pictures:
        column, row = (seen.uv.mean(dim=1) * cells).long().clamp(0, cells - 1).unbind(dim=1)
        cell = row * cells + column
        shown.index_add_(0, cell, seen.weight * linear_from_srgb(seen.colour).mean(dim=1))
        unlit.index_add_(0, cell, seen.weight * sample(plain, seen.uv).mean(dim=(1, 2)))
    light = (shown / unlit.clamp(min=1e-9)).clamp(0.0, _MOST_LIGHT).reshape(cells, cells, 1)
    light = from_around(light, (unlit > 1e-6).reshape(cells, cells)).permute(2, 0, 1)
    fine = interpolate(light[None], size=texture.shape[1:], mode="bilinear", align_corners=False)[0]
    return srgb_from_linear(plain * fine)


def _as_bytes(texture: torch.Tensor) -> np.ndarray:
    """(H, W, 3) of a texture (3, H, W), 0 to 1."""
    pixels: np.ndarray = (255.0 * texture.permute(1, 2, 0)).round().to(torch.uint8).numpy()
    return pixels


def _apart(seen: list[Seen]) -> tuple[list[Seen], list[Seen], list[Seen]]:
    """Those to learn from, to choose by, and to report on; of few, some serve for several."""
    held_out = seen[_HELD_OUT - 1 :: _HELD_OUT]
    if not held_out:
        return seen, seen, seen
    learnt_from = [each for index, each in enumerate(seen) if index % _HELD_OUT != _HELD_OUT - 1]
    return learnt_from, held_out[::2], held_out[1::2] or held_out


def residuals_of(rig: Decoder, poses: Poses) -> np.ndarray:
    """(P, V, 3) metres, at rest: what takes linear blending to where Blender puts the vertices."""
    carrier = carrier_for(rig, poses.body, poses.pose, _FPS)
    found = np.zeros(poses.targets.shape, np.float32)
    for index in range(len(poses.pose)):
        rows = slice(index, index + 1)
        rest = rig.shaped(poses.codes[rows].astype(np.float32))
        blended = carrier.carry(rest, rows)[0]
        # Blending is affine in the rest position: three steps tell its linear part.
        linear = np.stack(
            [carrier.carry(rest + step.astype(np.float32), rows)[0] - blended for step in np.eye(3)], axis=-1
        )
        found[index] = np.linalg.solve(linear, (poses.targets[index] - blended)[..., None])[..., 0]
    return found


def _displacements(residuals: np.ndarray, poses: Poses | None) -> Displacements:
    """What to learn of them."""
    if poses is None:
        return Displacements.none()
    seen = np.arange(len(residuals)) % _HELD_OUT != _HELD_OUT - 1
    return Displacements.of(residuals[seen], poses.codes[seen], poses.pose[seen])


@torch.no_grad()
def _errors(
    network: AvatarNetwork | None, residuals: np.ndarray, poses: Poses | None, *, choosing: bool
) -> tuple[float, float]:
    """In the poses to choose by or in those to report on, with the network and without."""
    held_out = np.arange(_HELD_OUT - 1, len(residuals), _HELD_OUT)
    unseen = held_out[::2] if choosing else held_out[1::2]
    if poses is None or network is None or not network.config.fields or not len(unseen):
        return 0.0, 0.0
    wanted = residuals[unseen][:, network.moved.numpy()]
    given = network.displacements(
        torch.from_numpy(poses.codes[unseen].astype(np.float32)),
        torch.from_numpy(poses.pose[unseen, _ROOT:].astype(np.float32)),
    ).numpy()

    def millimetres(offsets: np.ndarray) -> float:
        return 1e3 * float(np.sqrt((offsets**2).sum(axis=2).mean()))

    return millimetres(given - wanted), millimetres(wanted)


def _corners(faces: np.ndarray, uvs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Corner numbers (F, 3), the vertex of each corner (C,), and its uv (C, 2): equal ones are one."""
    rows = np.column_stack([faces.ravel(), np.round(uvs.reshape(-1, 2) * 2**16).astype(np.int64)])
    unique, number = np.unique(rows, axis=0, return_inverse=True)
    return (
        number.reshape(-1, 3).astype(np.int32),
        unique[:, 0].astype(np.int32),
        (unique[:, 1:] / 2**16).astype(np.float32),
    )
