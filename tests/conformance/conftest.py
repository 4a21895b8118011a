"""`--golden DIR`: compare with the stored outputs of any folder; by default with the repository's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from .goldens import DEFAULT_FOLDER, Golden, files, find, is_inputs

_COMPARED = pytest.StashKey[set[str]]()
_RECOGNISED = pytest.StashKey[set[Path]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden", metavar="DIR", default=None, help="folder of stored outputs to compare with")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "golden(files, arrays=None): run once for each stored output that matches (see goldens.py)"
    )


def _given_folder(config: pytest.Config) -> str | None:
    # Where pytest starts above this folder, the command line is parsed before this file is loaded.
    return config.getoption("golden", default=None)


def _folder(config: pytest.Config) -> Path:
    given = _given_folder(config)
    folder = Path(given).resolve() if given else DEFAULT_FOLDER
    if not folder.is_dir():
        raise pytest.UsageError(f"--golden: there is no folder {folder}")
    return folder


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("golden")
    if marker is not None:
        found: list[Golden | None] = list(find(_folder(metafunc.config), *marker.args))
        recognised = metafunc.config.stash.setdefault(_RECOGNISED, set())
        recognised.update(golden.path for golden in found if golden)
        metafunc.parametrize("golden", found or [None], ids=str)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What the folder does not hold is not tested, and not reported as skipped either."""
    absent = [item for item in items if _is_golden(item) and item.callspec.params["golden"] is None]
    if absent:
        items[:] = [item for item in items if item not in absent]
        config.hook.pytest_deselected(items=absent)


def _is_golden(item: pytest.Item) -> bool:
    return "golden" in getattr(getattr(item, "callspec", None), "params", {})


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    outcome = yield
    report = outcome.get_result()
    if report.when == "call" and not report.skipped and _is_golden(item):
        item.config.stash.setdefault(_COMPARED, set()).add(item.nodeid)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A folder in which nothing is recognised is a failure, not a pass."""
    if _given_folder(session.config) and not session.config.option.collectonly:
        compared = session.config.stash.get(_COMPARED, set())
        if not compared and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    given = _given_folder(config)
    if not given:
        return
    compared = len(config.stash.get(_COMPARED, set()))
    terminalreporter.write_line(
        f"goldens of {given}: {compared} comparisons"
        + ("" if compared else "; nothing in this folder is recognised, which counts as a failure")
    )
    recognised = config.stash.get(_RECOGNISED, set())
    others = [path for path in files(_folder(config)) if path not in recognised and not is_inputs(path)]
    if others:
        terminalreporter.write_line("not recognised: " + ", ".join(path.name for path in others))
