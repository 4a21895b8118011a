from __future__ import annotations

import contextlib
import hashlib
import io
import re
import shutil
import struct
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import soundfile

from a2p_backend.audio import clip as clip_module
from a2p_backend.audio import resampling, track
from a2p_backend.audio.clip import ClipError, load_clip
from a2p_backend.audio.riff import wav_length
from kinematics.errors import A2PError

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data are not beside the repository")


def wav(samples: np.ndarray, rate: int = 48_000, subtype: str = "FLOAT", form: str = "WAV") -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate, format=form, subtype=subtype)
    return stream.getvalue()


def tone(seconds: float, rate: int = 48_000, hertz: float = 440.0, peak: float = 0.5) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    return (peak * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def test_the_speaker_is_the_first_channel_at_full_level() -> None:
    stereo = np.stack([tone(1, peak=0.5), tone(1, hertz=220, peak=0.1)], axis=1)
    left, right = load_clip(wav(stereo)), load_clip(wav(stereo), speaker="right")
    for clip in (left, right):
        assert np.abs(clip.samples[:][:, 0]).max() == pytest.approx(1.0, abs=1e-3)
    assert np.corrcoef(left.samples[:][:, 0], right.samples[:][:, 1])[0, 1] == pytest.approx(1.0)
    with pytest.raises(ClipError, match="one voice"):
        load_clip(wav(tone(1)), speaker="right")


@needs_shared
@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("empty_0_bytes.wav", "is empty"),
        ("header_only_no_samples.wav", "holds no sound"),
        ("nan_inf_float32.wav", r"402 samples that are not numbers .* first at \d\.\d\d s"),
        ("text_renamed.wav", "cannot be read as a recording"),
        ("zero_sample_rate.wav", "sample rate of 0"),
        ("bvh_frames_missing.bvh", "cannot be read as a recording"),
    ],
)
def test_bad_recordings_get_one_sentence(file: str, sentence: str) -> None:
    with pytest.raises(ClipError, match=sentence) as caught:
        load_clip(SHARED / "bad" / file)
    assert str(caught.value).startswith(file)
    assert "\n" not in str(caught.value)


@needs_shared
@pytest.mark.parametrize(
    ("file", "frames", "warnings"),
    [
        ("truncated_mid_data.wav", 20, [r"promises 2\.00 s; the first 0\.67 s", r"lasts only 0\.67 s"]),
        ("odd_byte_data_chunk.wav", 3, [r"lasts only 0\.10 s"]),
        ("pcm24_mono_48k_claim.wav", 20, [r"lasts only 0\.67 s"]),
        ("header_claims_3_hours.wav", 60, [r"promises 10800\.00 s; the first 2\.00 s"]),
        ("digital_silence_5s.wav", 150, ["silent on the actor's channel"]),
        ("ok_extensible_with_LIST.wav", 60, []),
        ("file name with spaces und Ümlaut 音声.wav", 60, []),
    ],
)
def test_odd_recordings_are_used(file: str, frames: int, warnings: list[str]) -> None:
    clip = load_clip(SHARED / "bad" / file)
    assert clip.frame_count == frames
    assert len(clip.warnings) == len(warnings)
    for said, expected in zip(clip.warnings, warnings, strict=True):
        assert re.search(expected, said)


@needs_shared
@pytest.mark.parametrize(
    ("file", "seconds", "is_conversation"),
    [
        ("jfk.flac", 11.0, False),
        ("lj050-0131_22k.wav", 7.67, False),
        ("vctk_p240_24k.mp3", 4.95, False),
        ("lj050-0131_8k.ogg", 7.67, False),
        ("austen0870_48k_stereo_24bit.wav", 7.1, False),
        ("two_speakers_stereo_turns_44k.mp3", 18.5, True),
    ],
)
def test_real_recordings(file: str, seconds: float, is_conversation: bool) -> None:
    clip = load_clip(SHARED / "speech" / file)
    assert clip.duration == pytest.approx(seconds, abs=1 / 30)
    assert clip.frame_count * 1600 == len(clip.samples)
    assert np.abs(clip.samples[:][:, 0]).max() == pytest.approx(1, abs=1e-5)
    assert clip.has_partner == is_conversation
    assert (np.abs(clip.samples[:][:, 1]).max() > 0.1) == is_conversation
    assert clip.sha256 == hashlib.sha256((SHARED / "speech" / file).read_bytes()).hexdigest()


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 44_101, 96_000, 192_000])
def test_any_rate_becomes_48_khz(rate: int) -> None:
    clip = load_clip(wav(tone(1.5, rate), rate))
    assert clip.samples[:].shape == (72_000, 2)
    inner = slice(4_800, -4_800)  # away from the ends, where the filter meets silence
    np.testing.assert_allclose(clip.samples[:][inner, 0], tone(1.5, peak=1.0)[inner], atol=0.02)


@pytest.mark.parametrize("rate", [8_000, 44_100, 44_101, 192_000])
def test_pieces_are_resampled_as_the_whole(rate: int, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(3).uniform(-1, 1, round(5.2 * rate)).astype(np.float32)

    def resampled(block: int) -> list[np.ndarray]:
        resampler = resampling.Resampler(rate, 48_000)
        blocks = [noise[start : start + block] for start in range(0, len(noise), block)]
        return [part for block in blocks for part in resampler.push(block)] + list(resampler.finish())

    (whole,) = resampled(len(noise))
    assert len(whole) == pytest.approx(5.2 * 48_000, abs=1)
    monkeypatch.setattr(resampling, "PIECE_SECONDS", 1)
    pieces = resampled(1000)
    assert len(pieces) == 6
    np.testing.assert_allclose(np.concatenate(pieces), whole, atol=1e-6)


def test_mono_gets_the_same_faint_partner_each_time() -> None:
    first, second = load_clip(wav(tone(2.0))), load_clip(wav(tone(2.0)))
    np.testing.assert_array_equal(first.samples[:], second.samples[:])
    assert first.samples[:][:, 1].std() == pytest.approx(0.001, rel=0.02)
    np.testing.assert_array_equal(first.sound[:][:, 1], first.samples[:][:, 0])


def test_negative_peak_counts_and_the_partner_stays_within_1() -> None:
    actor, partner = tone(1.0, peak=0.1), tone(1.0, hertz=300.0, peak=0.8)
    actor[500] = -0.4
    clip = load_clip(wav(np.stack([actor, partner], axis=1)))
    assert np.abs(clip.samples[:]).max(axis=0) == pytest.approx([1.0, 1.0], abs=1e-4)


def test_silence_is_not_amplified() -> None:
    hiss = 1e-5 * np.random.default_rng(1).standard_normal((96_000, 2)).astype(np.float32)
    clip = load_clip(wav(hiss))
    assert np.abs(clip.samples[:]).max() < 1e-3
    assert "silent" in clip.warnings[0]


def test_more_channels_warn_and_the_first_two_are_used() -> None:
    silent_rest = np.zeros((48_000, 6), np.float32)
    silent_rest[:, 1] = tone(1.0)
    silent_rest[:, 0] = tone(1.0, hertz=220.0)
    clip = load_clip(wav(silent_rest))
    assert "6 channels" in clip.warnings[0]
    assert np.abs(clip.samples[:]).max(axis=0) == pytest.approx([1, 1], abs=1e-4)


def test_last_frame_is_filled_with_silence() -> None:
    clip = load_clip(wav(np.ones(48_000 + 100, np.float32)))
    assert clip.frame_count == 31
    assert not clip.samples[48_100:][:, 0].any()
    assert load_clip(wav(np.ones(48_000 + 30, np.float32))).frame_count == 30  # under a millisecond more


def test_limits_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ClipError, match=r"10\.1 minutes: a running backend takes 10 .* `a2p generate`"):
        load_clip(wav(np.zeros(8_000 * 604, np.int16), 8_000, "PCM_U8"))
    hours = tmp_path / "day.wav"
    hours.write_bytes(wav(np.zeros(9 * 3600, np.int16), 1, "PCM_U8"))
    with pytest.raises(ClipError, match=r"day.wav lasts 9\.0 hours: at most 8 hours .* Cut it"):
        load_clip(hours)
    monkeypatch.setattr(clip_module, "MAX_CLIP_BYTES", 1000)
    with pytest.raises(ClipError, match="MiB"):
        load_clip(wav(tone(1.0)))


def test_a_long_recording_lies_on_the_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    samples = np.stack([tone(3.0, 44_100), tone(3.0, 44_100, hertz=220.0)], axis=1)
    path = tmp_path / "long.wav"
    path.write_bytes(wav(samples, 44_100))
    held = load_clip(path)
    monkeypatch.setattr(track, "IN_MEMORY", 1000)
    laid = load_clip(path)
    assert not held.samples.tracks[0]._file._rolled
    assert laid.samples.tracks[0]._file._rolled
    np.testing.assert_array_equal(laid.samples[:], held.samples[:])
    np.testing.assert_array_equal(laid.samples[143_000:150_000], held.samples[:][143_000:])
    part = laid.part(30, 60)
    assert (part.frame_count, part.sha256) == (30, laid.sha256)
    np.testing.assert_array_equal(part.sound[10:20], held.samples[48_010:48_020])
    assert len(part.samples[47_990:48_010]) == 10


def test_a_recording_that_does_not_fit_on_the_disk_is_refused_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "podcast.wav"
    path.write_bytes(wav(np.zeros(3 * 3600, np.int16), 1, "PCM_U8"))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Mock(free=1 << 30))
    monkeypatch.setattr(clip_module, "Track", None)  # nothing is begun
    with pytest.raises(ClipError, match=r"180 minutes, whose sound takes 3955 MiB .* has 1024 .*TMPDIR"):
        load_clip(path)


def test_a_disk_that_fills_up_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    full = track.Track()
    monkeypatch.setattr(full._file, "write", Mock(side_effect=OSError(28, "No space left on device")))
    with pytest.raises(A2PError, match=r"No space left on device.*TMPDIR"):
        full.append(np.ones(3, np.float32))


def test_the_partner_s_noise_does_not_depend_on_how_it_is_drawn() -> None:
    noise = np.random.default_rng(0).standard_normal(40_000, np.float32) * np.float32(0.001)
    np.testing.assert_array_equal(load_clip(wav(tone(1.0))).samples[:40_000][:, 1], noise)


def test_ten_minutes_are_not_too_long() -> None:
    clip = load_clip(wav(np.zeros(48_000 * 600, np.int16), subtype="PCM_U8"))
    assert clip.frame_count == 18_000


def test_cut_off_flac_is_used_up_to_the_damage() -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 48_000 * 3)
    whole = wav(noise, subtype="PCM_16", form="FLAC")
    clip = load_clip(whole[: len(whole) * 2 // 3], "cut.flac")
    assert 1 < clip.duration < 2
    assert "header promises 3.00 s" in clip.warnings[0]
    with pytest.raises(ClipError, match="cannot be read"):
        load_clip(whole[:100])


def test_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(A2PError, match="No such file"):
        load_clip(tmp_path / "absent.wav")


def test_riff_reader_knows_streams_and_long_files() -> None:
    content = bytearray(wav(tone(1.0), subtype="PCM_16"))
    place = content.index(b"data") + 4
    content[place : place + 4] = struct.pack("<I", 0xFFFFFFFF)
    length = wav_length(io.BytesIO(content))
    assert length is not None
    assert length.declared is None
    assert load_clip(bytes(content)).warnings == ()
    assert wav_length(io.BytesIO(wav(tone(1.0), subtype="PCM_16", form="RF64"))).declared == 1.0
    assert wav_length(io.BytesIO(b"RIFF")) is None


def test_random_damage_gives_a_clip_or_a_sentence() -> None:
    generator = np.random.default_rng(5)
    whole = wav(tone(1.2), subtype="PCM_16")
    for _ in range(60):
        damaged = bytearray(whole)
        for place in generator.integers(0, 60, 4):
            damaged[place] = generator.integers(256)
        with contextlib.suppress(ClipError):
            assert np.isfinite(load_clip(bytes(damaged)).samples[:]).all()
