from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

from blender_addon import jobs  # noqa: E402
from blender_addon.services.installation import Installation, installing  # noqa: E402
from kinematics.errors import A2PError  # noqa: E402

pytestmark = [
    pytest.mark.bpy,
    pytest.mark.usefixtures("addon"),
    pytest.mark.skipif(os.name != "posix", reason="the stand-in for Python is a script"),
]

MAKES_ENVIRONMENT = f"""#!{sys.executable}
import pathlib, sys
if sys.argv[1:3] == ["-m", "venv"]:
    programs = pathlib.Path(sys.argv[-1]) / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(__file__)
else:
    print("Collecting " + sys.argv[-1])
    if sys.argv[-1] == "missing":
        sys.exit("No matching distribution found for missing")
    (pathlib.Path(sys.argv[0]).parent / "a2p").write_text("")
"""


@pytest.fixture
def python(tmp_path: Path) -> str:
    """A Python whose venv and pip do next to nothing."""
    path = tmp_path / "python"
    path.write_text(MAKES_ENVIRONMENT)
    path.chmod(0o755)
    return str(path)


def test_an_environment_is_made_with_a_log(python: str, tmp_path: Path) -> None:
    installation = Installation(tmp_path / "environment", "a2p", python)
    jobs.start("Installing", installing(installation))
    assert installation.program.is_file()
    assert "Collecting a2p" in installation.log.read_text()


def test_what_pip_says_last_is_the_reason(python: str, tmp_path: Path) -> None:
    installation = Installation(tmp_path / "environment", "missing", python)
    with pytest.raises(A2PError, match=r"found for missing: see .*install\.log"):
        jobs.start("Installing", installing(installation))


def test_offline_stays_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blender_addon.compat.online_access", lambda: False)
    with pytest.raises(RuntimeError, match="set to stay offline"):
        bpy.ops.a2p.install_backend()
