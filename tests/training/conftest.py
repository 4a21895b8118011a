from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.synthetic_scenes import write_dataset


@pytest.fixture(scope="session")
def synthetic_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("synthetic"))
