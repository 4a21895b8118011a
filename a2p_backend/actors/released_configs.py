"""How the released networks are built.

That is read from their arguments and, where the original takes fixed numbers or ignores an argument, from the
shapes of their tensors.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from a2p_backend.actors.addresses import where_to_get
from a2p_backend.actors.manifest import ActorError
from a2p_backend.actors.released_tensors import Stored, naming
from a2p_backend.audio.wav2vec import Wav2VecConfig
from a2p_backend.motion.film_transformer import FiLMConfig
from a2p_backend.motion.guide_transformer import GuideConfig
from a2p_backend.motion.lip_regressor import LipConfig
from a2p_backend.motion.vq_codec import CodecConfig
from a2p_backend.wire.performance import FACE_SIZE, POSE_SIZE


def film_config(name: Literal["face", "body"], stored: Stored, args: Mapping[str, Any]) -> FiLMConfig:
    """Of a denoiser. Raises ActorError where its arguments are not its own, or it is of another kind."""
    data_format, features = {"face": ("face", FACE_SIZE), "body": ("pose", POSE_SIZE)}[name]
    if args.get("data_format") != data_format:
        raise ActorError(f"data_format is {args.get('data_format')!r}, not {data_format!r}")
    for flag, built in (("not_rotary", False), ("unconstrained", False), ("noise_schedule", "cosine")):
        if args.get(flag, built) != built:
            raise ActorError(f"{flag} is {args[flag]!r}, which no released network has")
    shapes = {key: value.shape for key, value in stored.items()}
    width, found = shapes["input_projection.weight"]
    if found != features:
        raise ActorError(f"it denoises {found} numbers, not {features}")
    guided = "frame_cond_projection.weight" in shapes
    smoothed = "post_pose_layers.0.weight" in shapes
    return FiLMConfig(
        features=features,
        width=width,
        layers=_layers(args, "layers", stored, "seqTransDecoder.stack."),
        heads=_number(args, "heads"),
        feed_forward=shapes["seqTransDecoder.stack.0.linear1.weight"][0],
        audio_width=shapes["cond_projection.weight"][1],
        audio_layers=_count(stored, "cond_encoder."),
        guide_features=shapes["frame_cond_projection.weight"][1] if guided else 0,
        output_width=shapes["post_pose_layers.0.weight"][0] if smoothed else 0,
        max_audio_steps=shapes["null_cond_embed"][1],
        max_guides=shapes["null_pose_embed"][1] if guided else FiLMConfig.max_guides,
    )


def guide_config(stored: Stored, args: Mapping[str, Any], codec: CodecConfig) -> GuideConfig:
    """Of a guide that writes the codec's codes. Raises ActorError where its arguments are not its own."""
    shapes = {key: value.shape for key, value in stored.items()}
    config = GuideConfig(
        codes=shapes["final_layer.weight"][0],
        depth=codec.depth,
        width=_number(args, "dim"),
        layers=_layers(args, "layers", stored, "seqTransDecoder.stack."),
        feed_forward=shapes["seqTransDecoder.stack.0.linear1.weight"][0],
        audio_width=shapes["pre_audio.0.weight"][1],
        audio_channels=shapes["pre_audio.0.weight"][0],
        audio_layers=GuideConfig.audio_layers_of(stored),
        max_audio_steps=shapes["null_cond_embed"][1],
    )
    if config.codes != codec.codes:
        raise ActorError(f"it writes {config.codes} codes, but the codec reads {codec.codes}")
    return config


def lip_config(stored: Stored) -> LipConfig:
    """Of a lip regressor, apart from the audio network in it."""
    shapes = {key: value.shape for key, value in stored.items()}
    coordinates, width = shapes["project_output.weight"]
    feed_forward, _ = shapes["regression_model.transformer_encoder.0.feedforward.ff.0.weight"]
    return LipConfig(
        width=width,
        encoder_layers=_count(stored, "regression_model.transformer_encoder."),
        decoder_layers=_count(stored, "regression_model.transformer_decoder."),
        feed_forward=feed_forward,
        vertices=coordinates // 3,
        max_positions=shapes["regression_model.cond_positional_encoding.pe"][-2],
    )


def codec_config(stored: Stored, args: Mapping[str, Any]) -> CodecConfig:
    """Of a codec. Raises ActorError where its arguments are not its own, or it codes no poses of ours."""
    config = CodecConfig(
        features=_number(args, "nb_joints"),
        width=_number(args, "output_emb_width"),
        codes=_number(args, "code_dim"),
        depth=_layers(args, "depth", stored, "quantizer.layers."),
    )
    if config.features != POSE_SIZE:
        raise ActorError(f"it codes {config.features} numbers, not a pose's {POSE_SIZE}")
    return config


def fairseq_config(content: Any, path: Path, *, aggregator: bool) -> Wav2VecConfig:
    """What a fairseq checkpoint says of itself: in `args`, or in newer files in `cfg`, below `model`."""
    args = content.get("args") if isinstance(content, dict) else None
    if args is None and isinstance(content, dict):
        config = content.get("cfg")
        args = config.get("model") if isinstance(config, dict) else config
    if isinstance(args, argparse.Namespace):
        args = vars(args)
    if not isinstance(args, dict):
        raise ActorError(
            f"{path} does not say how its network is built (args or cfg): {where_to_get('assets')}."
        )
    with naming(path):
        return Wav2VecConfig.from_args(args, aggregator=aggregator)


def _count(keys: Iterable[str], prefix: str) -> int:
    """How many layers, which are numbered after the prefix, there are."""
    return len({key.removeprefix(prefix).split(".")[0] for key in keys if key.startswith(prefix)})


def _number(args: Mapping[str, Any], name: str) -> int:
    value = args.get(name)
    if type(value) is not int or value <= 0:
        raise ActorError(f"{name} is {value!r}, not a number of something")
    return value


def _layers(args: Mapping[str, Any], name: str, stored: Stored, prefix: str) -> int:
    """The argument, which has to be the number of layers that the file holds."""
    number, found = _number(args, name), _count(stored, prefix)
    if number != found:
        raise ActorError(f"{name} is {number}, but there are {found}")
    return number
