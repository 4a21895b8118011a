"""Recordings that are performed piece by piece, on networks small enough to be instant."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest

import a2p_backend
from a2p_backend import performer, pieces
from a2p_backend.actors.actor import Actor, load_actor
from a2p_backend.audio.clip import Clip, load_clip
from a2p_backend.free_memory import free_memory
from a2p_backend.motion.sampler import sample
from a2p_backend.motion.windows import lay_windows
from a2p_backend.performer import perform
from a2p_backend.pieces import BEYOND, OPENING, perform_conversation, perform_recording
from a2p_backend.wire.edit import Edit
from a2p_backend.wire.performance import Performance
from a2p_backend.wire.progress import Cancelled, Progress
from a2p_backend.wire.settings import GenerateSettings
from kinematics.body_parts import BODY_PARTS
from kinematics.errors import A2PError
from tests.tiny_actor import write_conversation, write_tiny_actor, write_tone

CONVERSATION = Path(a2p_backend.__file__).parent / "assets" / "conversation.flac"

SETTINGS = GenerateSettings(steps=4, seed=3)
OTHER_SEED = GenerateSettings(steps=4, seed=4)
SECONDS, FRAMES = 45, 1350
PIECE = 600


@dataclass(frozen=True, eq=False)
class Watched:
    """Samples that remember how many of them were read at once."""

    samples: np.ndarray
    spans: list[int]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, span: slice) -> np.ndarray:
        self.spans.append(len(self.samples[span]))
        return self.samples[span]


@pytest.fixture(scope="module")
def actor(tmp_path_factory: pytest.TempPathFactory) -> Actor:
    return load_actor(write_tiny_actor(tmp_path_factory.mktemp("actors") / "tiny"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return load_clip(write_tone(tmp_path_factory.mktemp("clips") / "tone.wav", SECONDS))


@pytest.fixture(scope="module")
def take(actor: Actor, clip: Clip) -> Performance:
    return perform_recording(clip, actor, SETTINGS, longest=PIECE)


def joins(frames: int = FRAMES, longest: int = PIECE) -> list[int]:
    """The first frames that are not the piece before's."""
    return [piece.start + OPENING for piece in lay_windows(frames, longest, OPENING + BEYOND)[1:]]


def test_ten_minutes_are_performed_as_ever(actor: Actor, clip: Clip) -> None:
    whole, alone = perform_recording(clip, actor, SETTINGS), perform(clip, actor, SETTINGS)
    for name, array in whole.arrays().items():
        assert array.tobytes() == alone.arrays()[name].tobytes()


def test_pieces_join_without_a_jump() -> None:
    """Of one take the join may fall into a gesture; over several, a seam would show."""
    trained, longest = load_actor("default"), 300
    clip = load_clip(CONVERSATION)
    jumps = []
    for seed in range(3):
        settings = GenerateSettings(preset="draft", seed=seed)
        take = perform_recording(clip, trained, settings, longest=longest)
        (join,) = joins(take.frame_count, longest)
        codes = len(trained.manifest.face_codes)
        for motion in (
            trained.statistics.normalise_pose(take.pose),
            trained.statistics.normalise_face(take.face)[:, :codes],
        ):
            for order in (1, 2):  # velocity, acceleration
                change = np.linalg.norm(np.diff(motion, n=order, axis=0), axis=1)
                jumps.append(change[join - 3 : join + 2].max() / np.percentile(change, 99))
    assert np.median(np.reshape(jumps, (3, 4)), axis=0).max() <= 1


def test_a_piece_goes_on_from_the_one_before(
    actor: Actor, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    performed: list[tuple[Clip, Performance]] = []

    def watched(clip: Clip, *arguments, **named) -> Performance:
        performed.append((clip, perform(clip, *arguments, **named)))
        return performed[-1][1]

    monkeypatch.setattr(pieces, "perform", watched)
    take = perform_recording(clip, actor, SETTINGS, longest=PIECE)
    laid = lay_windows(FRAMES, PIECE, OPENING + BEYOND)
    assert [part.frame_count for part, _ in performed] == [piece.length for piece in laid]
    for (before, (_, earlier)), (after, (_, later)) in zip(
        zip(laid, performed, strict=True), list(zip(laid, performed, strict=True))[1:], strict=False
    ):
        shift, join = after.start - before.start, after.start + OPENING
        for name in ("pose", "face"):
            kept, went_on = getattr(earlier, name)[shift:], getattr(later, name)
            np.testing.assert_allclose(went_on[:OPENING], kept[:OPENING], atol=1e-3)
            # What the earlier piece made past the join is made anew, by other noise and from its first frame.
            assert np.abs(went_on[OPENING : OPENING + 60] - kept[OPENING : OPENING + 60]).max() > 0.1
            assert np.abs(went_on[OPENING:300] - getattr(earlier, name)[OPENING:300]).max() > 0.1
            np.testing.assert_array_equal(getattr(take, name)[join : after.stop][:60], went_on[OPENING:][:60])
        np.testing.assert_allclose(later.guide[:4], earlier.guide[shift // 30 :][:4], atol=1e-4)


def test_the_same_recording_gives_the_same_bytes(actor: Actor, clip: Clip, take: Performance) -> None:
    again = perform_recording(clip, actor, SETTINGS, longest=PIECE)
    assert all(array.tobytes() == again.arrays()[name].tobytes() for name, array in take.arrays().items())
    assert again.header() == take.header()
    assert take.clip_sha256 == clip.sha256


def test_an_edit_reaches_across_pieces(actor: Actor, clip: Clip, take: Performance) -> None:
    guide = np.full((SECONDS, 104), np.nan, np.float32)
    guide[[3, 30]] = 1.5
    edit = Edit(
        start=take,
        locked_pose=((20, 50), (300, 700)),
        locked_face=((1300, 1350),),
        kept=("legs",),
        guide=guide,
    )
    again = perform_recording(clip, actor, OTHER_SEED, edit, longest=PIECE)
    for first, stop in edit.locked_pose:
        np.testing.assert_allclose(again.pose[first:stop], take.pose[first:stop], atol=1e-3)
    np.testing.assert_allclose(again.face[1300:], take.face[1300:], atol=1e-3)
    legs, arm = list(BODY_PARTS["legs"]), list(BODY_PARTS["left_arm"])
    np.testing.assert_allclose(again.pose[:, legs], take.pose[:, legs], atol=1e-3)
    for first, stop in ((60, 290), (710, 1350)):
        assert np.abs(again.pose[first:stop][:, arm] - take.pose[first:stop][:, arm]).max() > 0.1
    free = np.setdiff1d(np.arange(104), legs)
    np.testing.assert_allclose(again.guide[np.ix_([3, 30], free)], 1.5, atol=1e-4)
    assert again.edit == edit.to_dict()


def test_a_variation_is_one_in_every_piece(
    actor: Actor, clip: Clip, take: Performance, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []
    monkeypatch.setattr(
        performer, "sample", lambda *given, **named: begun.append(named) or sample(*given, **named)
    )
    again = perform_recording(clip, actor, OTHER_SEED, Edit(start=take, strength=0.5), longest=PIECE)
    laid = lay_windows(FRAMES, PIECE, OPENING + BEYOND)
    assert [named["skip"] for named in begun] == [2] * 2 * len(laid)
    np.testing.assert_allclose(begun[0]["initial"][0], take.pose[: laid[0].stop], atol=1e-5)
    # The body's and the face's last runs begin from the end of the take, after the seconds that stay.
    for named, motion in zip(begun[-2:], (take.pose, take.face), strict=True):
        np.testing.assert_allclose(
            named["initial"][0, OPENING:], motion[laid[-1].start + OPENING :], atol=1e-5
        )
    assert again.edit["strength"] == 0.5


def test_progress_is_of_the_whole_clip(actor: Actor, clip: Clip) -> None:
    heard = defaultdict(list)
    perform_recording(
        clip, actor, SETTINGS, on_progress=lambda news: heard[news.stage].append(news), longest=PIECE
    )
    assert list(heard) == ["audio", "guide", "body", "face"]
    for news in heard.values():
        fractions = [step.fraction for step in news]
        assert fractions == sorted(fractions)
        assert fractions[-1] == 1.0
    assert [step.done for step in heard["body"]] == list(range(1, 17))


def test_cancelling_acts_between_pieces_and_within_them(actor: Actor, clip: Clip) -> None:
    for stage, done in (("face", 4), ("body", 6)):
        heard: list[Progress] = []
        with pytest.raises(Cancelled):
            perform_recording(
                clip,
                actor,
                SETTINGS,
                on_progress=heard.append,
                cancelled=lambda stage=stage, done=done, heard=heard: any(
                    (news.stage, news.done) == (stage, done) for news in heard
                ),
                longest=PIECE,
            )
        assert (heard[-1].stage, heard[-1].done) == (stage, done)


def test_the_sound_is_never_read_whole(actor: Actor, clip: Clip) -> None:
    watched = Watched(clip.samples[:], [])
    perform_recording(dataclasses.replace(clip, samples=watched), actor, SETTINGS, longest=PIECE)
    assert sum(watched.spans) >= len(watched)
    assert max(watched.spans) <= 600 * 1600


def test_motion_that_memory_cannot_hold_is_refused_at_once(
    actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = MagicMock()
    sound.__len__.return_value = 3 * 3600 * 48_000
    clip = Clip(sound, "podcast.wav", "")
    monkeypatch.setattr(pieces, "free_memory", lambda: 500 << 20)
    with pytest.raises(A2PError, match=r"lasts 180 minutes, whose motion takes 889 MiB .* 500 MiB"):
        perform_recording(clip, actor, SETTINGS)
    sound.__getitem__.assert_not_called()


def test_two_people_of_a_long_recording(actor: Actor, tmp_path) -> None:
    path = write_conversation(tmp_path / "two.wav", seconds=25)
    clips = load_clip(path), load_clip(path, speaker="right")
    left, right = perform_conversation(clips, (actor, actor), SETTINGS, longest=PIECE)
    assert left.frame_count == right.frame_count == 750
    assert np.abs(left.pose[-60:] - right.pose[-60:]).max() > 0.1


def test_an_actor_without_a_body_performs_long_clips(clip: Clip, tmp_path) -> None:
    take = perform_recording(
        clip, load_actor(write_tiny_actor(tmp_path / "face", ("face",))), SETTINGS, longest=PIECE
    )
    assert (take.guide.shape, take.missing, len(take.warnings)) == ((0, 104), ("body",), 1)
    assert not take.pose.any()
    assert (np.abs(np.diff(take.face, axis=0)).max(axis=1) > 0).all()


def test_what_a_container_may_take_counts(tmp_path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 900 kB\nMemAvailable: 800 kB\n")
    assert free_memory(tmp_path / "meminfo", tmp_path) == 800 << 10
    (tmp_path / "memory.max").write_text("600000\n")
    (tmp_path / "memory.stat").write_text("anon 100000\nfile 400000\n")
    assert free_memory(tmp_path / "meminfo", tmp_path) == 500_000
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory(tmp_path / "absent", tmp_path) is None
