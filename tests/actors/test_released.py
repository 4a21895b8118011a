"""Actors from released files, on a miniature of them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from a2p_backend.actors.actor import load_actor
from a2p_backend.actors.manifest import ActorError
from a2p_backend.actors.registry import user_actors
from a2p_backend.actors.released import add_released_actor, read_statistics, remove_actor
from a2p_backend.actors.released_configs import film_config, guide_config, lip_config
from a2p_backend.actors.restricted_pickle import StoredTensor, open_checkpoint
from a2p_backend.audio.clip import load_clip
from a2p_backend.motion.film_transformer import FiLMConfig
from a2p_backend.motion.guide_transformer import GuideConfig
from a2p_backend.motion.lip_regressor import LipConfig
from a2p_backend.motion.vq_codec import CodecConfig
from a2p_backend.performer import perform
from a2p_backend.wire.settings import GenerateSettings
from kinematics.errors import A2PError
from tests.released_folder import BODY, CHANNELS, FACE, GUIDE, VERTICES, Released, released
from tests.tiny_actor import write_tone

STATS = Path(__file__).parents[3] / "shared" / "data" / "stats"
MANIFEST = Path(__file__).parents[1] / "data" / "golden" / "motion" / "state_dict_keys.json"


@pytest.fixture(autouse=True)
def nothing_of_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("A2P_ACTORS", str(tmp_path / "actors"))


def test_a_released_folder_becomes_an_actor_that_performs(tmp_path: Path) -> None:
    source = released().write(tmp_path / "released")
    added = add_released_actor("PXB184", source)
    assert added.folder == user_actors() / "PXB184"
    (note,) = added.notes
    assert "there is no ca_body/data/NAME/body_dec.ckpt" in note
    stats = "dataset/PXB184/data_stats.pth"
    assert added.manifest.sources[stats] == hashlib.sha256((source / stats).read_bytes()).hexdigest()
    assert len(added.manifest.sources) == 13
    assert not list(user_actors().glob(".*"))

    actor = load_actor("PXB184", torch.device("cpu"))
    assert (actor.face.config, actor.denoiser.config, actor.guide.config) == (FACE, BODY, GUIDE)
    assert not actor.features.config.log_compression
    assert actor.lip.audio_encoder.wav2vec_model.feature_extractor.log_compression
    clip = load_clip(write_tone(tmp_path / "tone.wav", seconds=2, channels=2))
    performance = perform(clip, actor, GenerateSettings("PXB184", steps=3))
    assert performance.pose.shape == (60, 104)
    assert actor.body.skeleton.names == ("root", "arm")
    np.testing.assert_array_equal(actor.body.mesh.vertices[0], [1.0, 2.0, 3.0])
    assert np.ptp(performance.pose, axis=0).min() > 0
    assert np.ptp(performance.face, axis=0).min() > 0
    assert performance.settings["face_guidance"] == 10.0


def test_the_face_hears_lips_after_the_features(tmp_path: Path) -> None:
    add_released_actor("mine", released().write(tmp_path / "released"))
    actor = load_actor("mine", torch.device("cpu"))
    audio = torch.randn(1, 130 * 1600, 2, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        features = actor.hear(audio)
        heard = actor.hear_face(audio, features)
        partner = actor.hear_face(audio * torch.tensor([1.0, 0.0]), features)
        half = actor.hear_face(audio, features, torch.bfloat16)
        first_block = actor.lip(audio[:, : 120 * 1600, 0]).flatten(2)
    steps = features.shape[1]
    assert features.shape[2] == 2 * CHANNELS
    assert heard.shape == (1, steps, 2 * CHANNELS + 3 * VERTICES)
    assert torch.equal(heard[..., : 2 * CHANNELS], features)
    assert torch.equal(heard, partner)
    assert torch.equal(half[..., : 2 * CHANNELS], features)
    lips, error = heard[..., 2 * CHANNELS :], (half - heard)[..., 2 * CHANNELS :]
    assert 0 < error.square().mean().sqrt() < 0.02 * lips.std()
    # Each step has the nearest frame's lips, and blocks of four seconds do not hear each other.
    step = steps // 2
    frame = int((step + 0.5) * 130 / steps)
    assert torch.equal(heard[0, step, 2 * CHANNELS :], first_block[0, frame])


def test_lips_are_taken_from_the_face_where_they_have_no_file_of_their_own(tmp_path: Path) -> None:
    files = released()
    files.without = {"lip"}
    add_released_actor("mine", files.write(tmp_path / "released"))
    bias = load_actor("mine", torch.device("cpu")).lip.project_output.bias
    assert torch.equal(bias, files.lip["model_state_dict"]["project_output.bias"])


def test_keys_of_a_training_on_several_gpus(tmp_path: Path) -> None:
    files = released()
    files.body = {f"module.{key}": value for key, value in files.body.items()}
    files.lip["model_state_dict"] = {f"module.{key}": v for key, v in files.lip["model_state_dict"].items()}
    assert "body" in add_released_actor("mine", files.write(tmp_path / "released")).manifest.networks


def test_the_newest_checkpoint_and_the_guides_own_codec(tmp_path: Path) -> None:
    source = released().write(tmp_path / "released")
    pose = source / "checkpoints/diffusion/c1_pose"
    (pose / "model000350000.pt").rename(pose / "model000900000.pt")
    (pose / "model000100000.pt").write_bytes(b"older")
    (pose / "opt000900000.pt").write_bytes(b"the optimiser's")
    (source / "checkpoints/vq/c1_pose/net_iter900000.pth").write_bytes(b"another codec")
    sources = add_released_actor("mine", source).manifest.sources
    assert "checkpoints/diffusion/c1_pose/model000900000.pt" in sources
    assert "checkpoints/vq/c1_pose/net_iter300000.pth" in sources


@pytest.mark.parametrize(
    ("missing", "networks", "note"),
    [
        ("face", {"guide", "codec", "body"}, r"face stays at rest.*diffusion/c1_face.*_models\.tar"),
        (
            "lip_audio",
            {"guide", "codec", "body"},
            r"face stays at rest.*wav2vec_large\.pt.*asset_models\.tar",
        ),
        ("guide", {"face", "lip", "body"}, r"body keeps its mean pose.*guide/c1_pose"),
        ("codec", {"face", "lip", "body"}, r"body keeps its mean pose.*vq/c1_pose"),
        ("body", {"face", "lip", "guide", "codec"}, r"body keeps its mean pose.*diffusion/c1_pose"),
    ],
)
def test_an_actor_with_a_missing_network_does_the_rest(
    missing: str, networks: set[str], note: str, tmp_path: Path
) -> None:
    files = released()
    files.without = {missing}
    added = add_released_actor("part", files.write(tmp_path / "released"))
    assert added.manifest.networks.keys() == networks
    assert re.search(note, " ".join(added.notes))
    actor = load_actor("part", torch.device("cpu"))
    assert (actor.performs_face, actor.performs_body) == (
        "face" in networks,
        missing in ("face", "lip_audio"),
    )


def _other_keys(files: Released) -> None:
    files.body["unknown.weight"] = torch.zeros(2, 3)


def _missing_key(files: Released) -> None:
    del files.face["final_layer.bias"]


def _other_shape(files: Released) -> None:
    files.guide["model_state_dict"]["norm_cond.weight"] = torch.zeros(3)


def _other_speech(files: Released) -> None:
    key = "audio_model.feature_extractor.conv_layers.0.0.weight"
    files.body[key] = files.body[key] + 1


def _other_lips(files: Released) -> None:
    key = "project_output.bias"
    files.lip["model_state_dict"] = files.lip["model_state_dict"] | {key: torch.ones(3 * VERTICES)}


def _no_flag(files: Released) -> None:
    del files.audio["args"].log_compression


def _no_args(files: Released) -> None:
    del files.lip_audio["args"]


def _layers(files: Released) -> None:
    files.args["face"]["layers"] = 10**9


def _swapped(files: Released) -> None:
    files.face, files.body = files.body, files.face


def _pickled_object(files: Released) -> None:
    files.statistics["pose_mean"] = Path


def _statistics(files: Released) -> None:
    del files.statistics["code_std"]


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (_other_keys, r"c1_pose.model000350000\.pt is not the released network: unknown\.weight is 2 x 3, "),
        (_missing_key, r"c1_face.*: final_layer\.bias is nothing, where 256 belongs"),
        (_other_shape, r"iter-0100000\.pt is not the released network: norm_cond\.weight is 3, where 16"),
        (_other_speech, r"c1_pose.*was trained with another speech network than .*vq-wav2vec\.pt"),
        (_other_lips, r"c1_face.*was trained with another speech network than .*iter-0200000\.pt"),
        (_no_flag, r"vq-wav2vec\.pt is not the released file.*log_compression"),
        (_no_args, r"wav2vec_large\.pt does not say how its network is built"),
        (_layers, r"c1_face.*args\.json is not the released file: layers is 1000000000, but there are 1"),
        (_swapped, r"c1_face.*it denoises 104 numbers, not 256"),
        (_pickled_object, r"data_stats\.pth is refused: it asks for pathlib\.Path"),
        (_statistics, r"data_stats\.pth is not the released file: it has no code_std"),
    ],
)
def test_wrong_files_are_named(spoil: Callable[[Released], None], sentence: str, tmp_path: Path) -> None:
    files = released()
    spoil(files)
    with pytest.raises(A2PError, match=sentence):
        add_released_actor("wrong", files.write(tmp_path / "released"))
    assert not any(user_actors().iterdir())


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ({"statistics"}, r"lacks data_stats\.pth: .*fetch.*\.zip from https://github\.com/facebookresearch"),
        ({"audio"}, r"lacks vq-wav2vec\.pt: .*asset_models\.tar from"),
        ({"face", "body", "guide", "codec"}, r"holds no network of an actor"),
    ],
)
def test_what_no_actor_can_do_without(missing: set[str], sentence: str, tmp_path: Path) -> None:
    files = released()
    files.without = missing
    with pytest.raises(ActorError, match=sentence):
        add_released_actor("wrong", files.write(tmp_path / "released"))


def test_a_body_that_cannot_be_read_leaves_the_default_one(tmp_path: Path) -> None:
    files = released()
    files.body_assets["lbs_scale"] = torch.zeros(3)
    added = add_released_actor("mine", files.write(tmp_path / "released"))
    assert added.manifest.body == "default"
    assert re.search("default actor's skeleton: The body of actor mine is damaged", added.notes[0])


def test_names_and_folders_that_do_not_serve(tmp_path: Path) -> None:
    source = released().write(tmp_path / "released")
    with pytest.raises(ActorError, match="cannot name an actor"):
        add_released_actor("../escape", source)
    with pytest.raises(ActorError, match="There is no folder"):
        add_released_actor("mine", tmp_path / "absent")
    other = source / "dataset/RLW104/data_stats.pth"
    other.parent.mkdir()
    other.write_bytes(b"of another actor")
    with pytest.raises(ActorError, match="more than one data_stats"):
        add_released_actor("mine", source)
    add_released_actor("PXB184", source)
    with pytest.raises(ActorError, match="is there already"):
        add_released_actor("PXB184", source)
    add_released_actor("PXB184", source, replace=True)
    assert remove_actor("PXB184") == user_actors() / "PXB184"
    assert not any(user_actors().iterdir())
    (user_actors() / "PXB184").mkdir()  # a folder of the user's own
    with pytest.raises(ActorError, match="is there already"):
        add_released_actor("PXB184", source)
    for name in ("PXB184", "default", "..", ""):
        with pytest.raises(ActorError, match="was added"):
            remove_actor(name)


@pytest.mark.parametrize("actor", ["PXB184", "RLW104", "TXB805", "GQS883"])
def test_released_statistics(actor: str) -> None:
    path = STATS / f"{actor}.pth"
    if not path.exists():
        pytest.skip(f"no released statistics at {STATS}")
    expected = torch.load(path, weights_only=False)
    with open_checkpoint(path) as content:
        statistics = read_statistics(content, path)
    np.testing.assert_array_equal(statistics.face_std, expected["code_std"])
    np.testing.assert_array_equal(statistics.pose_mean, expected["pose_mean"])
    assert statistics.audio_std == expected["audio_std_flat"][0]


@pytest.mark.parametrize("kind", ["diffusion_face", "diffusion_pose", "guide", "lip_regressor"])
def test_the_released_sizes_are_read_from_the_released_keys(kind: str) -> None:
    keys = json.loads(MANIFEST.read_text(encoding="utf-8"))[kind]["keys"]
    stored = {
        key: StoredTensor(
            None, key, torch.float32, 1 << 40, 0, tuple(entry["shape"]), (0,) * len(entry["shape"])
        )
        for key, entry in keys.items()
    }
    match kind:
        case "diffusion_face":
            found = film_config("face", stored, {"layers": 8, "heads": 8, "data_format": "face"})
            assert found == FiLMConfig.released_face()
        case "diffusion_pose":
            found = film_config("body", stored, {"layers": 6, "heads": 8, "data_format": "pose"})
            assert found == FiLMConfig.released_body()
        case "guide":
            assert guide_config(stored, {"layers": 6, "dim": 64}, CodecConfig()) == GuideConfig()
        case "lip_regressor":
            assert lip_config(stored) == LipConfig()
