"""One tiny run that all tests of the ensemble look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.training.run_store import RunStore
from tests.synthetic import write_dataset
from tests.tiny import tiny_run


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small synthetic data folder."""
    return write_dataset(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def tiny(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    """A run of all stages on it; nothing may be written into it."""
    return tiny_run(tiny_data, tmp_path_factory.mktemp("runs") / "tiny")
