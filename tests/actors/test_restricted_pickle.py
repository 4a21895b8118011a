"""What released files hold is read as it is; a pickle that wants more does nothing."""

from __future__ import annotations

import argparse
import builtins
import collections
import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from a2p_backend.actors.restricted_pickle import (
    Inert,
    RestrictedPickleError,
    StoredTensor,
    open_checkpoint,
    read_object_array,
)

STATS = Path(__file__).parents[3] / "shared" / "data" / "stats"


class Calls:
    """Pickles to a call of `function`."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def write_zip(path: Path, pickled: bytes, records: dict[str, bytes] | None = None, **options: Any) -> Path:
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in {"archive/data.pkl": pickled, **(records or {})}.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_a_checkpoint_is_read_as_torch_wrote_it(zipped: bool, tmp_path: Path) -> None:
    layer = torch.nn.Linear(3, 4)
    optimizer = torch.optim.AdamW(layer.parameters())
    layer(torch.ones(3)).sum().backward()
    optimizer.step()
    saved = {
        "net": layer.state_dict(),
        "parameters": dict(layer.named_parameters()),
        "optimizer": optimizer.state_dict(),
        "scheduler": torch.optim.lr_scheduler.MultiStepLR(optimizer, [3]),
        "args": argparse.Namespace(layers=8, name="pose"),
        "turned": torch.arange(12.0).half().reshape(3, 4).T,
        "part": torch.arange(12)[4:9:2],
        "bfloat": torch.ones(2, dtype=torch.bfloat16),
        "empty": torch.zeros(0, 3),
        "array": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "big_endian": np.arange(3, dtype=">i4"),
        "scalar": np.float32(2.5),
        "containers": (collections.defaultdict(list, a=[1]), collections.Counter("aab"), {1, 2}, b"x", None),
    }
    path = tmp_path / "checkpoint.pt"
    torch.save(saved, path, _use_new_zipfile_serialization=zipped)
    with open_checkpoint(path, inert=("torch.optim",)) as content:
        assert content.keys() == saved.keys()
        assert isinstance(content["scheduler"], Inert)
        assert content["args"] == saved["args"]
        for name in ("turned", "part", "bfloat", "empty"):
            assert torch.equal(content[name].read(), saved[name]), name
        for group in ("net", "parameters"):
            for key, value in saved[group].items():
                assert torch.equal(content[group][key].read(), value), key
        assert content["optimizer"]["param_groups"][0]["betas"] == (0.9, 0.999)
        for name in ("array", "big_endian", "scalar"):
            np.testing.assert_array_equal(content[name], saved[name])
        assert content["containers"] == ({"a": [1]}, {"a": 2, "b": 1}, {1, 2}, b"x", None)


@pytest.mark.parametrize("actor", ["PXB184", "RLW104", "TXB805", "GQS883"])
def test_released_statistics_are_read(actor: str) -> None:
    path = STATS / f"{actor}.pth"
    if not path.exists():
        pytest.skip(f"no released statistics at {STATS}")
    expected = torch.load(path, weights_only=False)
    with open_checkpoint(path) as content:
        assert content.keys() == expected.keys()
        for name, values in expected.items():
            np.testing.assert_array_equal(content[name], values)


def test_an_object_array_of_numpy_is_read(tmp_path: Path) -> None:
    path = tmp_path / "results.npy"
    motions = np.random.default_rng(0).standard_normal((2, 30, 104))
    np.save(path, {"motions": motions, "lengths": [30, 20]})
    content = read_object_array(path).item()
    np.testing.assert_array_equal(content["motions"], motions)
    assert content["lengths"] == [30, 20]


HOSTILE = {
    "system": (Calls(os.system, "touch {proof}"), "system"),
    "eval": (Calls(eval, "open({proof!r}, 'w')"), "eval"),
    "getattr": (Calls(getattr, "x", "upper"), "getattr"),
    "import": (Calls(builtins.__import__, "os"), "__import__"),
    "open": (Calls(io.open, "{proof}", "w"), "open"),
    "nested": (Calls(pickle.loads, b"."), "loads"),
    "own class": (argparse.ArgumentParser, "ArgumentParser"),
}


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("attack", HOSTILE)
def test_foreign_names_are_refused_and_nothing_happens(attack: str, protocol: int, tmp_path: Path) -> None:
    value, name = HOSTILE[attack]
    proof = tmp_path / "proof"
    if isinstance(value, Calls):
        function, arguments = value.call
        filled = [part.format(proof=str(proof)) if isinstance(part, str) else part for part in arguments]
        value = Calls(function, *filled)
    path = write_zip(tmp_path / "hostile.pt", pickle.dumps({"model": value}, protocol))
    with (
        pytest.raises(RestrictedPickleError, match=rf"hostile\.pt is refused: it asks for .*{name}"),
        open_checkpoint(path, inert=("torch.optim",)),
    ):
        pass
    assert not proof.exists()


TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n((Vstorage\nctorch\nFloatStorage\nV%s\nVcpu\nI%d\ntQ"
"""Up to the storage: its key and its size."""
TENSOR_END = b"I%d\n(I%d\nt(I%d\ntI00\nccollections\nOrderedDict\n)RtR."
"""Offset, size and stride."""


def tensor(key: bytes, elements: int, offset: int, size: int, stride: int) -> bytes:
    return TENSOR % (key, elements) + TENSOR_END % (offset, size, stride)


MALFORMED = {
    "attributes of a name": (b"cargparse\nNamespace\n}V__init__\nI1\nsb.", "a state for"),
    "attributes of a function": (b"c_codecs\nencode\n(N}V__code__\nI1\nstb.", "a state for"),
    "call of a value": (b"])R.", "it calls what is not"),
    "call of an allowed name": (b"cnumpy\nndarray\n(I1000000000000\ntR.", "it calls what is not"),
    "inst": (b"(ios\nsystem\n.", "the instruction INST"),
    "extension": (b"\x82\x01.", "the instruction EXT1"),
    "persistent file": (b"Vfile:///etc/passwd\nQ.", "outside the pickle"),
    "deep key": (b"}(" + b")" + b"\x85" * 100_000 + b"I1\nu.", "a tuple as the key"),
    "stack": (b"0.", "malformed pickle"),
    "group": (b"t.", "malformed pickle"),
    "no end": (b"]", "exhausted"),
    "long text": (b"\x8d\xff\xff\xff\xff\xff\xff\xff\x00x.", "only 2 remain"),
    "object dtype as bytes": (
        (
            b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntVb\ntR"
            b"(I1\n(I1\ntcnumpy\ndtype\n(VO8\nI00\nI01\ntR(I3\nV|\nNNNI-1\nI-1\nI0\ntb"
            b"I00\nc_codecs\nencode\n(Vabcdefgh\nVlatin1\ntRtb."
        ),
        "without shape, type",
    ),
    "array of another size": (
        (
            b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntVb\ntR"
            b"(I1\n(I1000000000000\ntcnumpy\ndtype\n(Vf8\nI00\nI01\ntR(I3\nV<\nNNNI-1\nI-1\nI0\ntb"
            b"I00\nc_codecs\nencode\n(Vabcdefgh\nVlatin1\ntRtb."
        ),
        "another size",
    ),
    "beyond its storage": (tensor(b"0", 4, 1, 4, 1), "beyond its storage"),
    "negative": (tensor(b"0", 4, -1, 1, 1), "not whole numbers"),
    "empty and endless": (tensor(b"0", 0, 0, 0, 1 << 80), "no machine can hold"),
    "a list of itself": (b"]q\x00h\x00a.", "nested without end"),
    "a list of itself in another": (b"]q\x00]h\x00aa.", "nested without end"),
    "deep": (b"]" * 200 + b"a" * 199 + b".", "nested without end"),
    "the same a billion times": (
        b"]I0\na" + b"".join(b"q%c](" % n + b"h%c" % n * 10 + b"e" for n in range(10)) + b".",
        "more values than",
    ),
    "spread from one number": (tensor(b"0", 1, 0, 1_000_000_000_000, 0), "beyond its storage"),
}


@pytest.mark.parametrize("attack", MALFORMED)
def test_malformed_pickles_are_refused(attack: str, tmp_path: Path) -> None:
    pickled, reason = MALFORMED[attack]
    path = write_zip(tmp_path / "bad.pt", pickled, {"archive/data/0": bytes(16)})
    with pytest.raises(RestrictedPickleError, match=rf"bad\.pt is .*{reason}"), open_checkpoint(path):
        pass
    assert argparse.Namespace(a=1).a == 1


@pytest.mark.parametrize("key", [b"../../secret", b"/etc/passwd", b"1"])
def test_a_tensor_elsewhere_is_refused(key: bytes, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "elsewhere.pt", tensor(key, 4, 0, 4, 1), {"archive/data/0": bytes(16)})
    with open_checkpoint(path) as content:
        assert isinstance(content, StoredTensor)
        with pytest.raises(RestrictedPickleError, match="numbers are not in the file"):
            content.read()


def test_a_storage_larger_than_its_record_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "large.pt", tensor(b"0", 1 << 40, 0, 4, 1), {"archive/data/0": bytes(16)})
    with open_checkpoint(path) as content, pytest.raises(RestrictedPickleError, match="another size"):
        content.read()


def test_compressed_records_are_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "bomb.pt", b"N" * 1_000_000 + b".", compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(RestrictedPickleError, match="compressed record"), open_checkpoint(path):
        pass


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_a_file_that_was_cut_short_is_damaged(zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / "cut.pt"
    torch.save({"model": torch.ones(1000)}, path, _use_new_zipfile_serialization=zipped)
    path.write_bytes(path.read_bytes()[:-800])
    with pytest.raises(RestrictedPickleError, match=r"cut\.pt is (refused|damaged)"), open_checkpoint(path):
        pass


def test_a_flipped_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "flipped.pt"
    torch.save(torch.ones(1000), path)
    content = bytearray(path.read_bytes())
    content[content.index(b"\x00\x00\x80\x3f" * 100) + 40] ^= 1
    path.write_bytes(content)
    with (
        open_checkpoint(path) as stored,
        pytest.raises(RestrictedPickleError, match=r"flipped\.pt is damaged"),
    ):
        stored.read()
