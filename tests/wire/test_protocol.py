from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a2p_backend.wire import protocol
from a2p_backend.wire.protocol import Kind, Message, ProtocolError, VersionError, decode, encode

KEY = b"k" * 32


def sign(*frames: bytes) -> list[bytes]:
    """Frames with a proper signature, to reach what lies behind the check of it."""
    signer = hmac.new(KEY, digestmod=hashlib.sha256)
    for frame in frames:
        signer.update(len(frame).to_bytes(8, "little") + frame)
    return [signer.digest(), *frames]


def header(**changes: Any) -> bytes:
    content = {"version": 1, "kind": "ping", "id": "a" * 32, "reply_to": None, "fields": {}, "arrays": []}
    return json.dumps({**content, **changes}).encode()


def test_message_round_trip() -> None:
    arrays = {
        "pose": np.arange(12, dtype=np.float32).reshape(3, 4)[:, ::2],
        "big_endian": np.arange(3, dtype=">i4"),
        "clip": np.zeros(0, np.uint8),
        "scalar": np.array(2.5),
    }
    sent = Message(Kind.GENERATE, {"name": "Ümlaut 音声"}, arrays, reply_to="b" * 32)
    received = decode(encode(sent, KEY), KEY)
    assert (received.kind, received.fields, received.reply_to, received.id) == (
        Kind.GENERATE,
        {"name": "Ümlaut 音声"},
        "b" * 32,
        sent.id,
    )
    assert received.arrays.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(received.arrays[name], array)


def test_any_changed_byte_breaks_the_signature() -> None:
    frames = encode(Message(Kind.PING, arrays={"a": np.zeros(2, np.uint8)}), KEY)
    for index, frame in enumerate(frames):
        changed = [*frames[:index], frame[:-1] + bytes([frame[-1] ^ 1]), *frames[index + 1 :]]
        with pytest.raises(ProtocolError, match="signed"):
            decode(changed, KEY)
    with pytest.raises(ProtocolError, match="signed"):
        decode(frames, b"x" * 32)
    with pytest.raises(ProtocolError, match="signed"):
        decode([frames[0], frames[1] + frames[2]], KEY)


def test_other_version_names_the_request_to_answer() -> None:
    with pytest.raises(VersionError, match="same release") as caught:
        decode(sign(header(version=2)), KEY)
    assert caught.value.request_id == "a" * 32


ONE_FLOAT = {"name": "a", "dtype": "<f4", "shape": [1]}


@pytest.mark.parametrize(
    "frames",
    [
        [b"{}"],
        [b"[" * 100_000],
        [b'{"version": NaN}'],
        [header(kind="format_disk")],
        [header(kind=["ping"])],
        [header(id="../..")],
        [header(fields=[])],
        [header(arrays=[ONE_FLOAT])],
        [header(arrays=[ONE_FLOAT]), b"123"],
        [header(arrays=[ONE_FLOAT, ONE_FLOAT]), b"1234", b"1234"],
        [header(arrays=[{**ONE_FLOAT, "dtype": "|O"}]), b"1234"],
        [header(arrays=[{**ONE_FLOAT, "dtype": ["<f4"]}]), b"1234"],
        [header(arrays=[{**ONE_FLOAT, "shape": [-1, -1]}]), b"1234"],
        [header(arrays=[{**ONE_FLOAT, "shape": [0] + [2**29] * 3}]), b""],
        [header(arrays=[{**ONE_FLOAT, "shape": [True]}]), b"1234"],
        [header(arrays=[{**ONE_FLOAT, "name": 3}]), b"1234"],
        [header(), *[b""] * (protocol.MAX_ARRAYS + 1)],
        [b" " * (protocol.MAX_HEADER_BYTES + 1)],
    ],
)
def test_signed_nonsense_is_refused(frames: list[bytes]) -> None:
    with pytest.raises(ProtocolError):
        decode(sign(*frames), KEY)


def test_arrays_that_cannot_travel_are_refused_by_the_sender() -> None:
    for array in (np.array(["text"]), np.array([None]), np.zeros(2, bool), np.zeros((1,) * 5, np.float32)):
        with pytest.raises(ProtocolError, match="cannot be sent"):
            encode(Message(Kind.RESULT, arrays={"a": array}), KEY)


def test_size_limits_hold_on_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = encode(Message(Kind.RESULT, arrays={"a": np.zeros(100, np.uint8)}), KEY)
    monkeypatch.setattr(protocol, "MAX_ARRAY_BYTES", 99)
    with pytest.raises(ProtocolError, match="too large"):
        decode(frames, KEY)
    with pytest.raises(ProtocolError, match="too large"):
        encode(Message(Kind.RESULT, arrays={"a": np.zeros(100, np.uint8)}), KEY)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
entries = st.fixed_dictionaries(
    {
        "name": st.just("a") | json_values,
        "dtype": st.sampled_from(protocol.DTYPES) | json_values,
        "shape": st.lists(st.integers(-1, 2**40), max_size=5) | json_values,
    }
)
headers = st.fixed_dictionaries(
    {
        "version": st.just(1),
        "kind": st.sampled_from([kind.value for kind in Kind]) | json_values,
        "id": st.just("a" * 32) | json_values,
        "reply_to": st.none() | json_values,
        "fields": st.dictionaries(st.text(), json_values, max_size=3),
        "arrays": st.lists(entries, max_size=3) | json_values,
    }
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(max_size=80), max_size=5))
def test_random_frames_never_raise_anything_else(frames: list[bytes]) -> None:
    for attempt in (frames, sign(*frames)):
        with pytest.raises(ProtocolError):
            decode(attempt, KEY)


@settings(max_examples=150, deadline=None)
@given(headers, st.lists(st.binary(max_size=16), max_size=3))
def test_random_headers_never_raise_anything_else(content: dict[str, Any], arrays: list[bytes]) -> None:
    try:
        message = decode(sign(json.dumps(content).encode(), *arrays), KEY)
    except ProtocolError:
        return
    assert sum(array.nbytes for array in message.arrays.values()) == sum(map(len, arrays))
