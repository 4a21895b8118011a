"""A released actor's codec avatar becomes a folder of its own and draws what the released files would."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from a2p_backend.actors.manifest import AVATAR_FOLDER, ActorManifest
from a2p_backend.actors.portrait import load_avatar
from a2p_backend.actors.released import AddedActor, add_released_actor
from a2p_backend.avatar import opengl
from a2p_backend.avatar.codec.assets import AvatarAssets
from a2p_backend.avatar.codec.config import AvatarConfig, AvatarError
from a2p_backend.avatar.codec.fused import FusedAvatar
from a2p_backend.avatar.codec.model import CodecAvatar
from a2p_backend.avatar.codec.portrait import CodecPortrait
from a2p_backend.avatar.codec.render import AvatarRenderer
from a2p_backend.avatar.opengl import OpenGLRasteriser
from a2p_backend.avatar.portrait import FigureAvatar
from a2p_backend.avatar.views import fitted
from a2p_backend.wire.performance import Performance
from a2p_backend.wire.settings import PlateSettings
from kinematics.armature import to_armature_space
from kinematics.camera import Camera, look_at
from kinematics.stage import place_on_stage
from tests.conformance.avatar_actor import released_assets
from tests.conformance.goldens import DEFAULT_FOLDER
from tests.released_folder import released

CONFIG = AvatarConfig(
    image_height=96,
    image_width=64,
    body_code=16,
    face_coordinates=30,
    uv_size=128,
    texture_size=256,
    shadow_size=32,
    pose_to_shadow=True,
)
FILES = "ca_body/data/PXB184"
VIEWS = 2


@pytest.fixture(autouse=True)
def nothing_of_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("A2P_ACTORS", str(tmp_path / "actors"))


def _seams(size: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(size)
    weights = torch.zeros(size, size)
    weights[:, ::16] = 0.5
    return {
        "dst_ij": torch.tensor([[1, 2], [5, 7]]),
        "src_ij": torch.tensor([[3, 2], [5, 9]]),
        "uvs": torch.rand(size, size, 2, generator=generator),
        "weights": weights,
    }


@pytest.fixture(scope="module")
def assets() -> dict:
    return released_assets(DEFAULT_FOLDER / "avatar") | {
        f"seam_data_{size}": _seams(size) for size in (CONFIG.uv_size, CONFIG.texture_size)
    }


@pytest.fixture(scope="module")
def model(assets: dict) -> CodecAvatar:
    torch.manual_seed(0)
    avatar = CodecAvatar(CONFIG, AvatarAssets.from_released("PXB184", assets, CONFIG))
    with torch.no_grad():
        avatar.decoder.verts_conv.weight_g.mul_(0.1)
    return avatar.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def cameras(model: CodecAvatar) -> list[Camera]:
    """As released: in the world of the recording, whose units are millimetres and in which Y is up."""
    found = []
    for eye in ((0.0, -3.0, 1.0), (3.0, 0.5, 1.2)):
        camera = look_at(eye, (0.0, 0.0, 0.9), CONFIG.image_width, CONFIG.image_height, 40.0)
        to_metres = to_armature_space(np.eye(3)).T / 10.0
        turn = camera.Rt[:, :3] @ to_metres * 1000.0
        Rt = np.column_stack([turn, 1000.0 * camera.Rt[:, 3]])
        found.append(Camera(camera.K, Rt, camera.width, camera.height))
    return found


@pytest.fixture(scope="module")
def whole(
    tmp_path_factory: pytest.TempPathFactory, assets: dict, model: CodecAvatar, cameras: list[Camera]
) -> Path:
    """The released files."""
    files = released()
    files.body_assets = assets
    root = files.write(tmp_path_factory.mktemp("released"))
    state = {key: value for key, value in model.state_dict().items() if "geo_fn" not in key}
    state |= {"lbs_fn.lbs_template_verts": torch.tensor(assets["lbs_template_verts"])}
    torch.save({"model": state, "iteration": 3}, root / FILES / "body_dec.ckpt")
    (root / FILES / "config.yml").write_text(yaml.safe_dump({"gpu": 0, "model": _config()}))
    views = {
        "K": torch.tensor(np.array([camera.K for camera in cameras])),
        "Rt": torch.tensor(np.array([camera.Rt for camera in cameras])),
        "campos": torch.zeros(VIEWS, 3),
    }
    torch.save(views, root / "assets" / "render_defaults_PXB184.pth")
    return root


@pytest.fixture
def source(whole: Path, tmp_path: Path) -> Path:
    """The same files, to be replaced by others."""
    return Path(shutil.copytree(whole, tmp_path / "released", copy_function=os.link))


@pytest.fixture(scope="module")
def added(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> AddedActor:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("A2P_ACTORS", str(tmp_path_factory.mktemp("actors")))
        return add_released_actor("PXB184", whole)


@pytest.fixture(scope="module")
def avatar(added: AddedActor) -> CodecPortrait:
    avatar = load_avatar(added.folder, torch.device("cpu"))
    assert isinstance(avatar, CodecPortrait)
    return avatar


def _config() -> dict:
    return {
        "class_name": "ca_body.models.mesh_vae_drivable.AutoEncoder",
        "encoder": {"n_embs": CONFIG.body_code, "noise_std": 1.0},
        "encoder_face": {"n_vert_in": CONFIG.face_coordinates, "uv_size": 512, "noise_std": 1.0},
        "decoder": {"uv_size": CONFIG.uv_size, "init_uv_size": 64, "n_min_channels": 4},
        "shadow_net": {"uv_size": CONFIG.texture_size, "shadow_size": CONFIG.shadow_size},
        "pose_to_shadow": {"n_pose_dims": 104, "uv_size": CONFIG.texture_size},
        "renderer": {"image_height": CONFIG.image_height, "image_width": CONFIG.image_width},
        "learn_blur": True,
    }


@pytest.fixture
def performance() -> Performance:
    """Three frames, somewhere in the recording's world."""
    random = np.random.default_rng(0)
    pose = (0.1 * random.standard_normal((3, 104))).astype(np.float32)
    pose[:, :3] += [3.0, -11.0, 4.0]
    face = random.standard_normal((3, 256)).astype(np.float32)
    return Performance(pose, face, pose[:1], actor="PXB184", seed=0, clip_name="a.wav", clip_sha256="")


def _gl() -> OpenGLRasteriser:
    problem = opengl.why_unavailable()
    if problem:
        pytest.skip(f"needs OpenGL: {problem}")
    return OpenGLRasteriser()


def test_the_stored_avatar_draws_as_the_released_one(
    added: AddedActor,
    avatar: CodecPortrait,
    model: CodecAvatar,
    cameras: list[Camera],
    performance: Performance,
) -> None:
    assert added.notes == ()
    assert added.manifest.avatar == "codec"
    assert f"{FILES}/body_dec.ckpt" in added.manifest.sources
    settings = PlateSettings(96, 96, view="both", frames=(1, 3))
    with _gl() as rasteriser:
        pictures = list(avatar.pictures(performance, settings, rasteriser))
        views = [fitted(camera, 96, 96) for camera in cameras]
        renderer = AvatarRenderer(FusedAvatar(model), views, rasteriser)
        wanted = list(renderer.frames(performance.pose[1:], performance.face[1:]))
        settings = PlateSettings(96, 96, view="both", frames=(1, 2), alpha=True, quality="preview")
        (cut_out,) = avatar.pictures(performance, settings, rasteriser)
    assert len(pictures) == len(wanted) == 2
    assert pictures[0].shape == (96, 192, 3)
    assert 0.02 < (pictures[0].max(axis=-1) > 0).mean() < 0.9
    for ours, theirs in zip(pictures, wanted, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert cut_out.shape == (48, 96, 4)
    alpha = cut_out[..., 3]
    assert alpha.min() == 0
    assert alpha.max() == 255
    assert ((alpha > 0) & (alpha < 255)).any()


def test_the_avatar_lines_up_with_the_rig(avatar: CodecPortrait, performance: Performance) -> None:
    """A camera of Blender's scene sees the avatar where it sees the rig's skin, within a part of a pixel."""
    scene = look_at((2.0, -3.5, 1.6), (0.2, 0.0, 0.8), 1920, 1080, 35.0)
    view = {"K": scene.K.tolist(), "Rt": scene.Rt.tolist(), "width": 1920, "height": 1080}
    settings = PlateSettings(1920, 1080, view=view)
    (camera,) = avatar.cameras(performance.pose, settings)
    skin = avatar._fused.avatar.lbs_fn
    body = skin.body
    recorded = skin.pose(skin.joints(performance.pose)).numpy()
    placed = to_armature_space(body.skin(place_on_stage(body, performance.pose), skin.template.numpy()))
    error = camera.project(recorded)[..., :2] - scene.project(placed)[..., :2]
    # Some vertices of this actor have more influences than count: these lag behind, in the original as well.
    whole = np.abs(skin.shares.sum(dim=1).numpy() - 1) < 1e-5
    assert whole.mean() > 0.95
    assert np.abs(error[:, whole]).max() < 0.05

    meshes = np.array(list(avatar.vertices(performance, range(1, 3))))
    assert meshes.shape == (2, *placed.shape[1:])
    offset = np.linalg.norm(meshes - placed[1:], axis=-1)
    assert 0 < offset.max() < 0.3  # the decoder moves the skin, and not far


def _other_person(root: Path) -> None:
    _change(root, lambda model: model["lbs_fn.lbs_template_verts"].add_(1.0))


def _fewer_weights(root: Path) -> None:
    _change(root, lambda model: model.pop("upscale_net.out_block.bias"))


def _other_sizes(root: Path) -> None:
    _change(root, lambda model: model.update({"tex_mean": torch.zeros(1, 3, 4, 4)}))


def _no_config(root: Path) -> None:
    path = root / FILES / "config.yml"
    path.unlink()
    path.write_text("model: [1, 2")


def _change(root: Path, change: Callable[[dict], object]) -> None:
    path = root / FILES / "body_dec.ckpt"
    content = torch.load(path, weights_only=True)
    path.unlink()  # and not the file that it is linked to
    change(content["model"])
    torch.save(content, path)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (_other_person, r"was trained on another person than .*static_assets\.pt is of"),
        (_fewer_weights, r"lacks 1 of its weights, for example upscale_net\.out_block\.bias"),
        (_other_sizes, r"does not fit its assets and config: .*tex_mean"),
        (_no_config, r"config\.yml cannot be read as a config"),
    ],
)
def test_an_avatar_that_is_refused_leaves_motion_as_it_is(
    source: Path, spoil: Callable[[Path], None], sentence: str
) -> None:
    spoil(source)
    added = add_released_actor("PXB184", source)
    (note,) = added.notes
    assert note.startswith("Its plate shows the bare mesh: ")
    assert re.search(sentence, note), note
    assert added.manifest.avatar is None
    assert not (added.folder / AVATAR_FOLDER).exists()
    assert isinstance(load_avatar(added.folder, torch.device("cpu")), FigureAvatar)


def test_a_damaged_avatar_is_named(added: AddedActor, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(added.folder, tmp_path / "PXB184", copy_function=os.link))
    (folder / AVATAR_FOLDER / "avatar.safetensors").unlink()
    assert ActorManifest.read(folder).avatar == "codec"
    (folder / AVATAR_FOLDER / "avatar.safetensors").write_bytes(b"")
    with pytest.raises(AvatarError, match=r"avatar cannot be read \(.*\): add the actor anew"):
        load_avatar(folder, torch.device("cpu"))
