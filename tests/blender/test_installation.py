from __future__ import annotations

import os
import shutil
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

from a2p_backend.wire.progress import Cancelled, Progress  # noqa: E402
from blender_addon import jobs  # noqa: E402
from blender_addon.services import pip_log, pythons, torch_builds  # noqa: E402
from blender_addon.services.bundle import Bundle, find_bundle  # noqa: E402
from blender_addon.services.installation import Order, installing  # noqa: E402
from blender_addon.services.torch_builds import Card, build_for, read_card  # noqa: E402
from kinematics.errors import A2PError  # noqa: E402

pytestmark = [pytest.mark.bpy, pytest.mark.usefixtures("addon")]

needs_scripts = pytest.mark.skipif(os.name != "posix", reason="the stand-in for Python is a script")

STAND_IN = f"""#!{sys.executable}
import pathlib, sys, time
said = sys.argv[1:]
if "-c" in said:
    print("3 13 8", __file__)
elif "venv" in said:
    programs = pathlib.Path(said[-1]) / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(__file__)
    (pathlib.Path(said[-1]) / "lib/python3.13/site-packages").mkdir(parents=True)
elif "download.pytorch.org" in " ".join(said):
    sys.exit("ERROR: Failed to establish a new connection")
else:
    print("Collecting " + said[-1], flush=True)
    if said[-1] == "slow":
        print("  Downloading torch-2.11.0-cp313.whl (506.0 MB)\\nProgress 50000000 of 500000000", flush=True)
        time.sleep(60)
    if said[-1] == "missing":
        sys.exit("ERROR: No matching distribution found for missing")
    program = pathlib.Path(sys.argv[0]).parent / "a2p"
    program.write_text("#!/bin/sh\\nexit " + ("1" if said[-1] == "broken" else "0"))
    program.chmod(0o755)
"""


@pytest.fixture
def python(tmp_path: Path) -> str:
    """A Python whose venv and pip do next to nothing."""
    path = tmp_path / "stand-in"
    path.write_text(STAND_IN)
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def order(python: str, tmp_path: Path) -> Order:
    bundle = Bundle(tmp_path / "pip-1.whl", f"{tmp_path}/a2p-1.whl[record]", tmp_path / "constraints.txt")
    return Order(tmp_path / "environment", bundle, python=python)


@pytest.fixture(autouse=True)
def no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_builds.shutil, "which", lambda name: None)


def with_package(order: Order, package: str) -> Order:
    return Order(order.folder, order.bundle, package, order.python)


@needs_scripts
def test_an_environment_is_made_with_a_log(order: Order) -> None:
    jobs.start("Installing", installing(order))
    assert order.program.is_file()
    said = order.log.read_text()
    assert f"Collecting {order.bundle.requirement}" in said
    assert "https://download.pytorch.org/whl/cpu cannot be used" in said
    assert jobs.outcome() == jobs.Outcome("The backend is installed: press Start.")


@needs_scripts
@pytest.mark.parametrize(
    ("package", "reason"),
    [
        ("missing", r"No matching distribution found for missing: see .*install\.log"),
        ("broken", "does not work here"),
    ],
)
def test_what_failed_leaves_a_reason_and_nothing_else(order: Order, package: str, reason: str) -> None:
    with pytest.raises(A2PError, match=reason):
        jobs.start("Installing", installing(with_package(order, package)))
    assert order.log.is_file()
    assert not order.folder.exists()


@needs_scripts
@pytest.mark.parametrize("ending", ["fails", "is cancelled", "Blender quits", "succeeds"])
def test_an_environment_that_works_is_kept_until_the_next_one_does(order: Order, ending: str) -> None:
    jobs.start("Installing", installing(order))
    (order.folder / "the old one").touch()

    if ending == "fails":
        with pytest.raises(A2PError):
            jobs.start("Installing", installing(with_package(order, "broken")))
    elif ending == "succeeds":
        jobs.start("Installing", installing(order))
    else:
        steps = installing(with_package(order, "slow"))
        assert any(news is not None and news.stage == "torch, 500 MB" for news in steps)
        assert not order.program.exists()
        if ending == "Blender quits":
            steps.close()
            assert order.unfinished.is_dir()
        else:
            with pytest.raises(Cancelled):
                _drain(steps)

    assert order.program.is_file()
    assert (order.folder / "the old one").exists() is (ending != "succeeds")
    left = {path.name for path in order.folder.parent.iterdir()} - {"stand-in"}
    assert left - {order.unfinished.name} == {order.folder.name, order.log.name}
    assert order.unfinished.exists() is (ending == "Blender quits")


@needs_scripts
def test_after_a_crash_the_next_attempt_finds_its_way(order: Order) -> None:
    order.before.mkdir()
    (order.before / "the old one").touch()
    order.folder.mkdir()  # half-made
    with pytest.raises(A2PError):
        jobs.start("Installing", installing(with_package(order, "missing")))
    assert (order.folder / "the old one").exists()
    assert not order.before.exists()


@needs_scripts
def test_a_full_disk_is_told_before_anything_is_fetched(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(order.folder.parent)._replace(free=8_500_000_000)
    monkeypatch.setattr("blender_addon.services.installation.shutil.disk_usage", lambda folder: usage)
    monkeypatch.setattr(torch_builds.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(torch_builds.sys, "platform", "linux")
    with pytest.raises(A2PError, match=r"has 8\.5 GB free, and the backend needs up to 9"):
        jobs.start("Installing", installing(order))


@needs_scripts
def test_cancel_ends_pip_and_takes_the_half_made_environment_away(order: Order) -> None:
    steps = installing(with_package(order, "slow"))
    stage = "torch, 500 MB"
    assert any(news == Progress(stage, 50, 500) for news in steps)
    with pytest.raises(Cancelled):
        _drain(steps)
    assert not order.folder.exists()


def _drain(steps: Iterator[Progress | None]) -> None:
    steps.throw(Cancelled())
    for _ in steps:
        pass


@needs_scripts
def test_a_card_that_needs_another_build_does_not_get_the_usual_one(
    order: Order, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 6.1, 560.35.03, NVIDIA GeForce GTX 1080")
    tool.chmod(0o755)
    monkeypatch.setattr(torch_builds.shutil, "which", lambda name: str(tool))
    monkeypatch.setattr(torch_builds.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(torch_builds.sys, "platform", "linux")
    with pytest.raises(A2PError, match="cannot be reached"):
        jobs.start("Installing", installing(order))


def test_offline_stays_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blender_addon.compat.online_access", lambda: False)
    with pytest.raises(RuntimeError, match="set to stay offline"):
        bpy.ops.a2p.install_backend()


def test_without_a_bundle_the_user_is_told(tmp_path: Path) -> None:
    with pytest.raises(A2PError, match="no backend to install in"):
        find_bundle(tmp_path)
    for name in ("pip-26.3-py3-none-any.whl", "a2p-0.1.0-py3-none-any.whl", "constraints.txt"):
        with zipfile.ZipFile(tmp_path / name, "w"):
            pass
    assert find_bundle(tmp_path).requirement == f"{tmp_path}/a2p-0.1.0-py3-none-any.whl[record]"


@needs_scripts
@pytest.mark.parametrize(
    "answer", ["3 10 8 /usr/bin/python3.10", "3 12 4 /32-bit", "Python was not found", ""]
)
def test_a_python_that_will_not_do_is_said(answer: str, tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\necho {answer}")
    program.chmod(0o755)
    with pytest.raises(A2PError, match=r"is no 64-bit Python 3\.11 to 3\.14"):
        _drain_for(pythons.finding(str(program)))


def test_an_old_blender_looks_for_a_python_and_says_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pythons.sys, "version_info", (3, 10, 13))
    monkeypatch.setattr(pythons.shutil, "which", lambda name: sys.executable if name == "python3" else None)
    assert _drain_for(pythons.finding("")).program == sys.executable
    monkeypatch.setattr(pythons.shutil, "which", lambda name: None)
    with pytest.raises(
        A2PError, match=r"this Blender \(with 3\.10\) does not bring: install one from python"
    ):
        _drain_for(pythons.finding(""))


def _drain_for(steps: Iterator[Progress | None]) -> pythons.Python:
    """What the steps return."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize(
    ("said", "card"),
    [
        ("8.9, 560.35.03, NVIDIA RTX A4000\n9.0, 560.35.03, B\n", Card("NVIDIA RTX A4000", (8, 9), 560)),
        ("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver", None),
        ("", None),
        (None, None),
    ],
)
def test_cards_are_read(said: str | None, card: Card | None) -> None:
    assert read_card(said) == card


@pytest.mark.parametrize(
    ("system", "machine", "card", "index", "needed"),
    [
        ("linux", "x86_64", None, "cpu", False),
        ("win32", "AMD64", None, None, False),
        ("darwin", "arm64", None, None, False),
        ("linux", "aarch64", None, None, False),
        ("win32", "AMD64", Card("RTX 5090", (12, 0), 581), "cu130", True),
        ("linux", "x86_64", Card("RTX 5090", (12, 0), 581), None, False),
        ("linux", "x86_64", Card("RTX 4090", (8, 9), 560), "cu128", True),
        ("win32", "AMD64", Card("GTX 1080", (6, 1), 581), "cu126", True),
    ],
)
def test_each_machine_gets_its_build_of_pytorch(
    system: str, machine: str, card: Card | None, index: str | None, needed: bool
) -> None:
    build = build_for(card, system, machine)
    assert build.index == (index and f"https://download.pytorch.org/whl/{index}")
    assert build.needed is needed


def test_where_there_is_no_pytorch_it_is_said_at_once() -> None:
    with pytest.raises(A2PError, match="Macs with Intel"):
        build_for(None, "darwin", "x86_64")


def test_only_the_last_programs_words_count(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as file:
        file.write(b"ERROR: Failed to establish a new connection\nInstalling collected packages: torch\n")
        pip_log.note(file, "pip installs a2p")
        file.write(b"Collecting a2p\nERROR: No matching distribution found for a2p.\n[notice] pip is old\n")
    assert pip_log.progress(log, "looking", tmp_path) == Progress("looking", 0, 1)
    assert pip_log.reason(log) == "No matching distribution found for a2p"


def test_pips_words_become_progress(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        "Collecting torch\n  Downloading torch-2.11.0-cp313.whl (506.0 MB)\r\nProgress 1 of 2000\n"
    )
    assert pip_log.progress(log, "looking", tmp_path) == Progress("looking", 0, 1)
    log.write_text("  Downloading https://x.org/torch-2.11.whl (506.0 MB)\nProgress 53000000 of 506000000\n")
    assert pip_log.progress(log, "looking", tmp_path) == Progress("torch, 506 MB", 53, 506)
    with log.open("a") as file:
        file.write("Collecting sympy\n  Downloading sympy-1.14.0.whl (6.3 MB)\nProgress 1 of 6000000\n")
    assert pip_log.progress(log, "looking", tmp_path) == Progress("looking", 0, 1), "not worth telling"
    log.write_text("Installing collected packages: MarkupSafe, typing-extensions, torch\n")
    for name in ("markupsafe-3.0.4", "typing_extensions-4.16.0", "other-1"):
        (tmp_path / f"{name}.dist-info").mkdir()
    assert pip_log.progress(log, "looking", tmp_path) == Progress("unpacking packages", 2, 3)
