"""Pictures of a trained avatar."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch

from a2p_backend.avatar.digest import digest_of
from a2p_backend.avatar.once_a_take import OnceATake
from a2p_backend.avatar.portrait import Picture, studio_pictures
from a2p_backend.avatar.rasteriser import Rasteriser
from a2p_backend.avatar.surface import Surface
from a2p_backend.avatar.trained.carriers import Carrier, carrier_for
from a2p_backend.avatar.trained.decoder import Decoder, FloatArray
from a2p_backend.avatar.trained.footing import Footing
from a2p_backend.wire.performance import Performance
from a2p_backend.wire.settings import PlateSettings, ViewCamera
from kinematics.body import Body
from kinematics.stage import place_on_stage

ALIASES: Mapping[str, tuple[str, ...]] = {
    "jaw_open": ("jawOpen", "mouthOpen", "A", "aa", "vrc.v_aa"),
    "lips_wide": ("mouthStretchLeft", "mouthStretchRight", "ee", "I", "vrc.v_ih"),
    "lips_round": ("mouthPucker", "mouthFunnel", "ou", "U", "vrc.v_ou"),
    "brows_up": ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    "blink": ("eyeBlinkLeft", "eyeBlinkRight", "blink", "Blink", "vrc.blink"),
    "smile": ("mouthSmileLeft", "mouthSmileRight", "happy", "Joy"),
}
"""What common face rigs call an expression code: ARKit's names and VRM's."""
_SEVERAL = ("Left", "Right")
_MOST = 1.2
"""Beyond this an expression would tear the face."""
_FRAMES_AT_ONCE = 20


class TrainedPortrait:
    """A trained avatar, drawn in a studio; an `a2p_backend.avatar.portrait.Avatar`."""

    def __init__(self, decoder: Decoder, body: Body, face_codes: tuple[str, ...] = ()) -> None:
        """face_codes: what the actor calls its first expression codes."""
        self._decoder, self._body = decoder, body
        self._expression_of_code = expression_matrix(decoder.expressions, face_codes)
        self._posed = OnceATake(self._pose)

    @cached_property
    def digest(self) -> str:
        return digest_of([*self._decoder.arrays().items(), ("expressions", self._expression_of_code)])

    def step(self, settings: PlateSettings) -> int:
        return 1

    def pictures(
        self, performance: Performance, settings: PlateSettings, rasteriser: Rasteriser
    ) -> Generator[Picture]:
        decoder = self._decoder
        surface = Surface.from_texture(
            decoder.faces, decoder.source, decoder.uvs, decoder.texture, decoder.gloss, rasteriser.device
        )
        shown = settings.frames_of(performance.frame_count)
        # A camera of the scene is to see the character where its rig is.
        in_scene = isinstance(settings.view, ViewCamera)
        footing = Footing() if in_scene else Footing.of(decoder.vertices)
        placed = map(footing.place, self.vertices(performance, shown))
        shapes = zip(placed, self.light(performance, shown), strict=True)
        yield from studio_pictures(shapes, surface, settings, rasteriser)

    def vertices(self, performance: Performance, frames: range) -> Iterator[npt.NDArray[np.float32]]:
        pose, carrier = self._posed(performance)
        for start in range(0, len(frames), _FRAMES_AT_ONCE):
            some = frames[start : start + _FRAMES_AT_ONCE]
            rows = slice(some.start, some.stop)
            values = self._expressions(performance.face[rows])
            yield from carrier.carry(self._decoder.shaped(values, pose[rows]), rows)

    def _pose(self, performance: Performance) -> tuple[FloatArray, Carrier]:
        """The take's poses on the stage, and how they carry the skin."""
        pose = place_on_stage(self._body, performance.pose)
        return pose, carrier_for(self._decoder, self._body, pose, performance.fps)

    def light(self, performance: Performance, frames: range) -> Iterator[torch.Tensor | None]:
        """The network's light on the texture, frame by frame."""
        network = self._decoder.network
        for frame in frames:
            if network is None or not network.config.channels:
                yield None
                continue
            values = torch.from_numpy(self._expressions(performance.face[frame : frame + 1]))
            with torch.inference_mode():
                yield network.light(values)[0]

    def _expressions(self, face: FloatArray) -> FloatArray:
        """(T, E) of face codes (T, 256)."""
        codes = np.clip(face[:, : len(self._expression_of_code)], 0.0, _MOST)
        expressions: FloatArray = (codes @ self._expression_of_code).astype(np.float32)
        return expressions


def expression_matrix(expressions: tuple[str, ...], face_codes: tuple[str, ...]) -> FloatArray:
    """(codes, expressions): which expression shows which code. Of a code's other names the first serves."""
    matrix = np.zeros((len(face_codes), len(expressions)), np.float32)
    for row, code in enumerate(face_codes):
        if code in expressions:
            matrix[row, expressions.index(code)] = 1.0
            continue
        found = [name for name in ALIASES.get(code, ()) if name in expressions]
        for name in found:
            if name == found[0] or any(side in name and side in "".join(found) for side in _SEVERAL):
                matrix[row, expressions.index(name)] = 1.0
    return matrix
