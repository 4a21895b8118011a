"""How messages are framed, signed and checked: pure functions from messages to frames and back.

A message is a ZeroMQ multipart message:

    frame 0    HMAC-SHA256 over every other frame (each preceded by its length), 32 bytes
    frame 1    the header, a JSON object in UTF-8:
                 version   PROTOCOL_VERSION
                 kind      one of `Kind`
                 id        32 hexadecimal digits, fresh for every message
                 reply_to  the id of the request that this answers, or null
                 fields    a JSON object, by kind
                 arrays    [{"name", "dtype", "shape"}, ...]
    frame 2..  one frame of raw bytes an array: C order, little-endian

Nothing is unpickled, the dtypes are a closed list, and every length is checked against its limit before use.
Whatever the frames are, `decode` returns a Message or raises ProtocolError.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NoReturn, TypeGuard

import numpy as np
from numpy.typing import NDArray

from kinematics.errors import A2PError

PROTOCOL_VERSION = 1
MAX_HEADER_BYTES = 256 * 1024
MAX_ARRAYS = 32
MAX_DIMENSIONS = 4
MAX_ARRAY_BYTES = 512 * 1024 * 1024
MAX_MESSAGE_BYTES = MAX_ARRAY_BYTES + 64 * 1024 * 1024
DTYPES = ("|u1", "<i4", "<i8", "<f4", "<f8")

_ID = re.compile(r"[0-9a-f]{32}")
_ARRAY_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,63}")


class ProtocolError(A2PError):
    """Frames that are not a message of this protocol, or not signed with the right key."""


class VersionError(ProtocolError):
    """A properly signed message of another protocol version; `request_id` lets it be answered."""

    def __init__(self, version: object, request_id: str | None) -> None:
        super().__init__(
            f"The other side speaks version {str(version)[:20]!r} of the protocol, this side "
            f"{PROTOCOL_VERSION}: update the add-on and the backend to the same release."
        )
        self.request_id = request_id


class Kind(str, Enum):
    """What a message is."""

    # requests, client to backend
    HELLO = "hello"
    PING = "ping"
    ACTORS = "actors"
    BODY = "body"
    GENERATE = "generate"
    RENDER_PLATE = "render_plate"
    FACE_MOTION = "face_motion"
    RECORD = "record"
    CANCEL = "cancel"
    FINISH = "finish"
    # replies, backend to client
    ALIVE = "alive"
    PROGRESS = "progress"
    RESULT = "result"
    ERROR = "error"
    CANCELLED = "cancelled"


def new_id() -> str:
    """A fresh message id."""
    return secrets.token_hex(16)


def is_id(value: object) -> TypeGuard[str]:
    """Whether a value has the form of a message id."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


@dataclass(frozen=True, eq=False)
class Message:
    """One message; arrays that were received are read-only views of their frames."""

    kind: Kind
    fields: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    reply_to: str | None = None
    id: str = field(default_factory=new_id)


def encode(message: Message, key: bytes) -> list[bytes]:
    """The frames of a message, signed. Raises ProtocolError for what the protocol cannot carry."""
    arrays = {name: _little_endian(name, array) for name, array in message.arrays.items()}
    header = {
        "version": PROTOCOL_VERSION,
        "kind": message.kind.value,
        "id": message.id,
        "reply_to": message.reply_to,
        "fields": dict(message.fields),
        "arrays": [
            {"name": name, "dtype": array.dtype.str, "shape": list(array.shape)}
            for name, array in arrays.items()
        ],
    }
    try:
        encoded = json.dumps(header, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ProtocolError(f"A {message.kind.value} message does not fit into JSON: {error}.") from error
    frames = [encoded, *(array.tobytes() for array in arrays.values())]
    _check_sizes(frames)
    return [_sign(frames, key), *frames]


def decode(frames: Sequence[bytes], key: bytes) -> Message:
    """The message in `frames`.

    Raises ProtocolError; its VersionError only for a message whose signature holds.
    """
    if len(frames) < 2:
        raise ProtocolError(f"A message has {len(frames)} frames: a signature and a header are needed.")
    signature, *content = frames
    _check_sizes(content)
    if not hmac.compare_digest(signature, _sign(content, key)):
        raise ProtocolError("A message is not signed with the backend's key.")
    header = _parse_header(content[0])
    if header.get("version") != PROTOCOL_VERSION:
        raise VersionError(header.get("version"), header["id"] if is_id(header.get("id")) else None)
    reply_to = header.get("reply_to")
    if not is_id(header.get("id")) or not (reply_to is None or is_id(reply_to)):
        raise ProtocolError("A message's id or reply_to is not 32 hexadecimal digits.")
    fields = header.get("fields")
    if not isinstance(fields, dict):
        raise ProtocolError("A message's fields are not a JSON object.")
    try:
        kind = Kind(header.get("kind"))
    except ValueError as error:
        raise ProtocolError(f"A message is of an unknown kind: {str(header.get('kind'))[:40]!r}.") from error
    return Message(kind, fields, _parse_arrays(header.get("arrays"), content[1:]), reply_to, header["id"])


def _sign(frames: Sequence[bytes], key: bytes) -> bytes:
    signer = hmac.new(key, digestmod=hashlib.sha256)
    for frame in frames:
        signer.update(
            len(frame).to_bytes(8, "little")
        )  # so that bytes cannot move from one frame to the next
        signer.update(frame)
    return signer.digest()


def _check_sizes(frames: Sequence[bytes]) -> None:
    """frames: header and arrays, without the signature."""
    if len(frames[0]) > MAX_HEADER_BYTES:
        raise ProtocolError(f"A message's header has {len(frames[0])} bytes: over {MAX_HEADER_BYTES}.")
    if len(frames) - 1 > MAX_ARRAYS:
        raise ProtocolError(f"A message holds {len(frames) - 1} arrays: over {MAX_ARRAYS}.")
    largest = max((len(frame) for frame in frames[1:]), default=0)
    if largest > MAX_ARRAY_BYTES or sum(map(len, frames)) > MAX_MESSAGE_BYTES:
        raise ProtocolError(f"A message is too large: an array may have {MAX_ARRAY_BYTES >> 20} MiB.")


def _little_endian(name: str, array: NDArray[Any]) -> NDArray[Any]:
    if not _ARRAY_NAME.fullmatch(name):
        raise ProtocolError(f"{name[:80]!r} is not a name for an array.")
    if array.dtype.kind not in "uif" or array.ndim > MAX_DIMENSIONS:
        raise ProtocolError(f"Array {name} ({array.dtype}, {array.ndim} dimensions) cannot be sent.")
    converted = array.astype(array.dtype.newbyteorder("<"), copy=False)
    if converted.dtype.str not in DTYPES:
        raise ProtocolError(f"Array {name} is of type {array.dtype}: only {', '.join(DTYPES)} can be sent.")
    return converted


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _parse_header(encoded: bytes) -> dict[str, Any]:
    try:
        header = json.loads(bytes(encoded).decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("A message's header is not JSON.") from error
    if not isinstance(header, dict):
        raise ProtocolError("A message's header is not a JSON object.")
    return header


def _parse_arrays(declared: object, frames: Sequence[bytes]) -> dict[str, NDArray[Any]]:
    if not isinstance(declared, list) or len(declared) != len(frames):
        raise ProtocolError("A message's arrays are not those that its header declares.")
    arrays: dict[str, NDArray[Any]] = {}
    for entry, frame in zip(declared, frames, strict=True):
        name, dtype, shape = _parse_entry(entry)
        if name in arrays:
            raise ProtocolError(f"A message holds the array {name} twice.")
        if math.prod(shape) * dtype.itemsize != len(frame):
            raise ProtocolError(f"Array {name} has {len(frame)} bytes, which its shape {shape} does not.")
        try:
            arrays[name] = np.frombuffer(frame, dtype).reshape(shape)
        except ValueError as error:  # an empty array whose other lengths multiply past what numpy can index
            raise ProtocolError(f"Array {name} declares no proper shape.") from error
    return arrays


def _parse_entry(entry: object) -> tuple[str, np.dtype[Any], tuple[int, ...]]:
    if not isinstance(entry, dict) or entry.keys() != {"name", "dtype", "shape"}:
        raise ProtocolError("A message declares an array by other things than name, dtype and shape.")
    name, dtype, shape = entry["name"], entry["dtype"], entry["shape"]
    if not isinstance(name, str) or not _ARRAY_NAME.fullmatch(name):
        raise ProtocolError(f"{str(name)[:80]!r} is not a name for an array.")
    if dtype not in DTYPES:
        raise ProtocolError(f"Array {name} is of a type that is not allowed: {str(dtype)[:40]!r}.")
    if not isinstance(shape, list) or len(shape) > MAX_DIMENSIONS:
        raise ProtocolError(f"Array {name} declares no proper shape.")
    for length in shape:
        if isinstance(length, bool) or not isinstance(length, int) or not 0 <= length <= MAX_ARRAY_BYTES:
            raise ProtocolError(f"Array {name} declares no proper shape.")
    return name, np.dtype(dtype), tuple(shape)
