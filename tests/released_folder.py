"""A released actor's folder in miniature: tiny networks in the containers of the released files."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from a2p_backend.audio.wav2vec import LipAudioEncoder, Wav2Vec, Wav2VecConfig
from a2p_backend.motion.film_transformer import FiLMConfig, FiLMTransformer
from a2p_backend.motion.guide_transformer import GuideConfig, GuideTransformer
from a2p_backend.motion.lip_regressor import LipConfig, LipRegressor
from a2p_backend.motion.vq_codec import CodecConfig, VQCodec

CHANNELS, VERTICES = 8, 5
EXTRACTOR = "[(8, 10, 5), (8, 8, 4), (8, 4, 2), (8, 4, 2), (8, 4, 2)]"
AGGREGATOR = "[(8, 2, 1), (8, 3, 1)]"
FLAGS = {"skip_connections_agg": True, "residual_scale": 0.5, "agg_zero_pad": False, "no_conv_bias": False}
FILM_ARGS = {"layers": 1, "heads": 2, "latent_dim": 512, "not_rotary": False, "noise_schedule": "cosine"}

FACE = FiLMConfig(
    256, 16, 1, 2, 32, audio_width=2 * CHANNELS + 3 * VERTICES, audio_layers=2, max_audio_steps=1998
)
BODY = FiLMConfig(
    104, 16, 1, 2, 32, audio_width=2 * CHANNELS, guide_features=104, output_width=12, max_audio_steps=1998
)
CODEC = CodecConfig(width=8, codes=16, depth=2)
GUIDE = GuideConfig(
    codes=16,
    depth=2,
    width=16,
    layers=1,
    feed_forward=32,
    audio_width=2 * CHANNELS,
    audio_channels=6,
    audio_layers=1,
)
LIP = LipConfig(width=CHANNELS, encoder_layers=1, decoder_layers=1, feed_forward=16, vertices=VERTICES)


@dataclass
class Released:
    """What goes into the files; a test changes it, then calls `write`."""

    face: dict[str, Any]
    body: dict[str, Any]
    guide: dict[str, Any]
    codec: dict[str, Any]
    audio: dict[str, Any]
    lip_audio: dict[str, Any]
    lip: dict[str, Any]
    statistics: dict[str, Any]
    body_assets: dict[str, Any]
    args: dict[str, dict[str, Any]]
    """By the name of a network."""
    without: set[str] = field(default_factory=set)
    """Names of fields of this class that are not written."""

    PATHS = {
        "face": "checkpoints/diffusion/c1_face/model000800000.pt",
        "body": "checkpoints/diffusion/c1_pose/model000350000.pt",
        "guide": "checkpoints/guide/c1_pose/checkpoints/iter-0100000.pt",
        "codec": "checkpoints/vq/c1_pose/net_iter300000.pth",
        "audio": "assets/vq-wav2vec.pt",
        "lip_audio": "assets/wav2vec_large.pt",
        "lip": "assets/iter-0200000.pt",
        "statistics": "dataset/PXB184/data_stats.pth",
        "body_assets": "ca_body/data/PXB184/static_assets.pt",
    }
    OLD_FORMAT = {"audio", "lip_audio"}
    """Written by a torch that did not write zip files."""

    def write(self, root: Path) -> Path:
        for name, relative in self.PATHS.items():
            path = root / relative
            if name in self.without:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            zipped = name not in self.OLD_FORMAT
            torch.save(getattr(self, name), path, _use_new_zipfile_serialization=zipped)
            if name in self.args:
                folder = path.parent.parent if name == "guide" else path.parent
                (folder / "args.json").write_text(json.dumps(self.args[name]))
        return root


def released() -> Released:
    """Everything in order; seeded."""
    torch.manual_seed(0)
    audio = _namespace(EXTRACTOR, activation="gelu", log_compression=False)
    lip_audio = _namespace(EXTRACTOR, log_compression=True)  # old files say nothing of the activation
    speech = Wav2Vec(Wav2VecConfig.from_args(vars(audio), aggregator=True)).state_dict()
    lip_speech = Wav2VecConfig.from_args(vars(lip_audio), aggregator=True)
    lip = LipRegressor(LipAudioEncoder(lip_speech), LIP).state_dict()
    lip |= {
        f"regression_model.{side}_positional_encoding.pe": torch.zeros(1024, CHANNELS)
        for side in ("cond", "target")
    }
    quantiser = {"vector_quantizer.vars": torch.zeros(1, 4, 2)}
    frozen_audio = {f"audio_model.{key}": value for key, value in (speech | quantiser).items()}
    frozen_audio["audio_resampler.kernel"] = torch.zeros(1, 1, 41)
    frozen_lip = {f"lip_model.{key}": value for key, value in lip.items()}
    face, body, guide = (
        _parameters(network) | {"rotary.freqs": torch.zeros(8)}
        for network in (FiLMTransformer(FACE), FiLMTransformer(BODY), GuideTransformer(GUIDE))
    )
    codec = VQCodec(CODEC)
    for codebook in codec.quantizer.codebooks:
        codebook.embed.normal_()
        codebook.inited.fill_(1)
    optimizer = torch.optim.AdamW(codec.parameters())
    return Released(
        face=face | frozen_audio | frozen_lip,
        body=body | frozen_audio,
        guide={
            "iteration": 100_000,
            "model_state_dict": guide | frozen_audio,
            "optimizer_state_dict": optimizer.state_dict(),
        },
        codec={
            "net": codec.state_dict() | {"decoder.project_mean_shape.weight": torch.zeros(8, 104)},
            "optimizer": optimizer.state_dict(),
            "scheduler": torch.optim.lr_scheduler.MultiStepLR(optimizer, [10]),
        },
        audio={"args": audio, "model": speech | quantiser, "optimizer_history": [{"num_updates": 3}]},
        lip_audio={"args": lip_audio, "model": speech},
        lip={"model_state_dict": lip, "iteration": 200_000},
        statistics=_statistics(),
        body_assets=_body_assets(),
        args={
            "face": {**FILM_ARGS, "data_format": "face", "add_frame_cond": None},
            "body": {**FILM_ARGS, "data_format": "pose", "add_frame_cond": 1},
            "guide": {"layers": 1, "dim": 16, "resume_pth": "checkpoints/vq/c1_pose/net_iter300000.pth"},
            "codec": {"nb_joints": 104, "output_emb_width": 8, "code_dim": 16, "depth": 2},
        },
    )


def _namespace(extractor: str, **flags: Any) -> argparse.Namespace:
    return argparse.Namespace(
        conv_feature_layers=extractor, conv_aggregator_layers=AGGREGATOR, arch="wav2vec", **FLAGS, **flags
    )


def _parameters(network: nn.Module) -> dict[str, Tensor]:
    """A state dict whose parameters are stored as Parameter objects, as in the diffusion checkpoints."""
    return network.state_dict() | dict(network.named_parameters())


def _statistics() -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {
        **{f"{name}_mean": random.standard_normal(size) for name, size in (("pose", 104), ("code", 256))},
        **{f"{name}_std": random.uniform(0.5, 2, size) for name, size in (("pose", 104), ("code", 256))},
        "audio_mean": np.array([0.01, -0.01]),
        "audio_std": np.array([0.1, 0.1]),
        "audio_std_flat": np.array([0.1]),
        "pose_std_flat": np.array([1.0]),
    }


def _body_assets() -> dict[str, Any]:
    """Two joints, one triangle, tensors and arrays mixed as in the released file."""
    still = [0.0, 0.0, 0.0, 1.0]
    bones = [
        {"Name": "root", "Parent": 2**32 - 1, "TranslationOffset": [0.0, 0.0, 0.0], "PreRotation": still},
        {"Name": "arm", "Parent": 0, "TranslationOffset": [0.0, 10.0, 0.0], "PreRotation": still},
    ]
    mesh = {
        "RestPositions": [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
        "RestVertexNormals": [[0.0, 0.0, 1.0]] * 3,
        "TextureCoordinates": [],
        "Faces": {"Indices": np.array([[0, 1, 2]])},
        "SkinningWeights": [[0, 1.0], [0, 1.0], [1, 1.0]],
        "SkinningOffsets": [0, 1, 2, 3],
    }
    return {
        "lbs_model_json": {"Skeleton": {"Bones": bones}, "SkinnedModel": mesh},
        "lbs_config_dict": {
            "transform": torch.eye(14, 104 + 1),
            "transform_offsets": torch.zeros(1, 14),
            "nr_position_params": 104,
            "nr_scaling_params": 1,
        },
        "lbs_scale": torch.zeros(1),
        "lbs_template_verts": torch.tensor([[1.0, 2.0, 3.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
        "topology": {"vi": np.array([[0, 1, 2]])},
    }
