"""Shared fixtures: seeds for every test, real parts found or the test skipped with the reason."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from playwright._impl._driver import compute_driver_executable

ROOT = Path(__file__).resolve().parents[1]
FOREIGN = ROOT.parent / "shared" / "data" / "cross_process_opamp"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with the reason, what this machine cannot run."""
    reasons = {"ngspice": _ngspice_reason, "browser": _browser_reason, "foreign": _foreign_reason}
    for marker, find_reason in reasons.items():
        marked = [item for item in items if item.get_closest_marker(marker)]
        reason = find_reason() if marked else ""
        if reason:
            for item in marked:
                item.add_marker(pytest.mark.skip(reason=reason))


def _ngspice_reason() -> str:
    from core.spice import available_engines

    return "" if "ngspice" in available_engines() else "the shared library of ngspice is not here"


def _browser_reason() -> str:
    if not _chromium():
        return "Chromium is not installed"
    driver = subprocess.run(
        [*compute_driver_executable(), "--version"], check=False, capture_output=True
    )
    return "" if driver.returncode == 0 else f"Playwright: {driver.stderr.decode().strip()}"


def _foreign_reason() -> str:
    return "" if FOREIGN.is_dir() else f"the foreign data set {FOREIGN.name} is not here"


def _chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(autouse=True)
def _seeds() -> None:
    """Every test starts from the same random state."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - libraries under test may draw from the global state
    torch.manual_seed(0)
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root folder."""
    return ROOT


@pytest.fixture(scope="session")
def foreign_folder() -> Path:
    """The foreign data set, one folder a circuit; use with the marker `foreign`."""
    return FOREIGN


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of Chromium; use with the marker `browser`."""
    path = _chromium()
    assert path is not None
    return path


@pytest.fixture
def data_copy(tmp_path: Path) -> Path:
    """A copy of the bundled data with 100 rows of A."""
    copy = Path(shutil.copytree(ROOT / "data" / "5t_opamp", tmp_path / "data"))
    for path in (copy / "source").iterdir():
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(lines[:101]), encoding="utf-8")
    return copy
