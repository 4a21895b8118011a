"""Draws normalised training items and test chunks from scenes, as the released code does, but for its slips.

Random numbers come from the generator that the caller gives, start first, then length, so training repeats.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from a2p_backend.actors.statistics import Statistics
from a2p_backend.training.scenes import SAMPLES_PER_FRAME, DatasetError, Scene, Signal

_MOST_DRAWS = 1000


@dataclass(frozen=True, eq=False)
class Item:
    """A normalised stretch of a scene, zero-padded behind its `length` frames.

    motion (T, C) float32, 0 where the face was not seen; audio (1600 T, 2) float32; keyframes (ceil(T /
    interval), C); present (T,) bool, false on unseen frames and in the padding; scene: index of the scene,
    start: the item's first frame in it.
    """

    motion: np.ndarray
    audio: np.ndarray
    keyframes: np.ndarray
    present: np.ndarray
    length: int
    scene: int
    start: int


@dataclass(frozen=True, eq=False)
class Batch:
    """Items stacked: motion (B, T, C), audio (B, 1600 T, 2), keyframes (B, K, C), the rest (B,).

    mask (B, T) bool is true inside the clip, present (B, T) bool where the motion was captured too.
    """

    motion: Tensor
    audio: Tensor
    keyframes: Tensor
    mask: Tensor
    present: Tensor
    lengths: Tensor
    keyframe_lengths: Tensor
    scenes: Tensor
    starts: Tensor

    def to(self, device: torch.device) -> Batch:
        return Batch(**{name: tensor.to(device) for name, tensor in vars(self).items()})


def collate(items: Sequence[Item], signal: Signal) -> Batch:
    """Stacks items of one size."""
    lengths = torch.tensor([item.length for item in items])
    frames = len(items[0].motion)
    return Batch(
        motion=_stack([item.motion for item in items]),
        audio=_stack([item.audio for item in items]),
        keyframes=_stack([item.keyframes for item in items]),
        mask=torch.arange(frames) < lengths[:, None],
        present=_stack([item.present for item in items]),
        lengths=lengths,
        keyframe_lengths=-(-lengths // signal.keyframe_interval),
        scenes=torch.tensor([item.scene for item in items]),
        starts=torch.tensor([item.start for item in items]),
    )


def _stack(arrays: Sequence[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(arrays))


@dataclass(frozen=True, eq=False)
class MotionDataset:
    """Normalised items of one signal of some scenes.

    With `shortest`, an item's length in frames is drawn from [shortest, longest) and padded to `longest`,
    as the diffusion networks train; without it every item is `longest` frames, as the codec and the guide
    train. Without `with_audio` items have an audio of no samples: the codec needs none, and a front end
    whose features were computed for whole scenes cuts them by an item's `scene`, `start` and `length`.

    released_indexing keeps the released code's slips, for comparison with it: item 0 belongs to the last
    scene, a start is never the last one possible, and a test scene of a whole number of chunks loses its
    last.
    """

    scenes: Sequence[Scene]
    signal: Signal
    statistics: Statistics
    longest: int = 600
    shortest: int | None = 400
    with_audio: bool = True
    released_indexing: bool = False

    def __post_init__(self) -> None:
        if self.shortest is not None and not 1 <= self.shortest < self.longest:
            raise ValueError(f"items of {self.shortest} to {self.longest} frames")

    def __len__(self) -> int:
        """Frames of all scenes: an item number drawn uniformly below it picks scenes by their length."""
        return sum(scene.frames for scene in self.scenes)

    def scene_of(self, number: int) -> int:
        """Index of the scene that item `number` is drawn from."""
        ends = np.cumsum([scene.frames for scene in self.scenes])
        if self.released_indexing:
            return -1 if number == 0 else int(np.searchsorted(ends, number, side="left"))
        return int(np.searchsorted(ends, number, side="right"))

    def item(self, number: int, rng: np.random.Generator) -> Item:
        """A random stretch of the scene of item `number`; a face item shows at least one captured frame.

        Raises DatasetError where the scene is too short, or its face was hardly ever captured.
        """
        index = self.scene_of(number)
        scene = self.scenes[index]
        starts = scene.frames - self.longest + (not self.released_indexing)
        if starts < 1:
            raise DatasetError(
                f"{scene.name} has {scene.frames} frames, too few to draw {self.longest} from; leave it out."
            )
        for _ in range(_MOST_DRAWS):
            start = int(rng.integers(0, starts))
            padded = self.shortest is not None
            length = int(rng.integers(self.shortest, self.longest)) if padded else self.longest
            if self.signal is Signal.POSE or scene.present[start : start + length].any():
                return self._stretch(index, start, length, padded)
        raise DatasetError(f"The face of {scene.name} was hardly ever captured; leave it out.")

    def batch(self, size: int, rng: np.random.Generator) -> Batch:
        """A training batch: `size` items, scenes drawn in proportion to their length."""
        return collate([self.item(int(rng.integers(len(self))), rng) for _ in range(size)], self.signal)

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[Batch]:
        """Training batches without end."""
        while True:
            yield self.batch(size, rng)

    def chunks(self) -> list[tuple[int, int]]:
        """Test chunks (scene index, first frame), scene by scene: consecutive, a shorter last one dropped."""
        return [
            (index, chunk * self.longest)
            for index, scene in enumerate(self.scenes)
            for chunk in range((scene.frames - self.released_indexing) // self.longest)
        ]

    def chunk(self, scene: int, start: int) -> Item:
        """The chunk of `sizes.longest` frames that begins there."""
        return self._stretch(scene, start, self.longest, padded=False)

    def _stretch(self, index: int, start: int, length: int, padded: bool) -> Item:
        scene = self.scenes[index]
        stop = start + length
        captured = scene.motion(self.signal, start, stop)
        if self.signal is Signal.POSE:
            motion, present = self.statistics.normalise_pose(captured), np.ones(length, dtype=bool)
        else:
            motion, present = self.statistics.normalise_face(captured), scene.present[start:stop]
        seen = motion * present[:, None]
        # The released reader takes keyframes before unseen frames are blanked where it pads, else after.
        keyframes = (motion if padded else seen)[:: self.signal.keyframe_interval]
        return Item(
            motion=_padded(seen, self.longest),
            audio=self._audio(scene, start, stop),
            keyframes=_padded(keyframes, -(-self.longest // self.signal.keyframe_interval)),
            present=_padded(present, self.longest),
            length=length,
            scene=index,
            start=start,
        )

    def _audio(self, scene: Scene, start: int, stop: int) -> np.ndarray:
        if not self.with_audio:
            return np.zeros((0, 2), dtype=np.float32)
        return _padded(
            self.statistics.normalise_audio(scene.audio(start, stop)), self.longest * SAMPLES_PER_FRAME
        )


def _padded(values: np.ndarray, rows: int) -> np.ndarray:
    """values (R, ...) with zeros behind, up to `rows` rows."""
    out = np.zeros((rows, *values.shape[1:]), dtype=values.dtype)
    out[: len(values)] = values
    return out
