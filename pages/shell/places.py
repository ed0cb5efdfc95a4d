"""Where data sets and runs are kept."""

from __future__ import annotations

import os
from pathlib import Path

from core.circuits import circuit_ids
from core.data import bundled_dataset_folder
from core.errors import CheckpointError
from core.training.run_store import RunStore, list_runs

PROJECT = Path(__file__).resolve().parents[2]
# What people make lies beside the project, or wherever this variable says.
WORKSPACE = Path(os.environ.get("CROSSFAB_WORKSPACE", PROJECT))
RUNS = WORKSPACE / "runs"
UPLOADS = WORKSPACE / "uploads"
LIBRARY = WORKSPACE / "library" / "designs.sqlite"
SHIPPED = PROJECT / "checkpoints"
BUNDLED = "bundled"
SHIPPED_RUN = "shipped"


def circuits() -> list[str]:
    """Ids of the circuits, the 5T OTA first."""
    return circuit_ids()


def data_folders(circuit_id: str) -> dict[str, Path]:
    """Data sets of a circuit by name: the bundled one, then the uploaded and generated ones."""
    folders = {BUNDLED: bundled_dataset_folder(circuit_id)}
    own = UPLOADS / circuit_id
    if own.is_dir():
        kept = (path for path in sorted(own.iterdir()) if path.is_dir())
        folders |= {path.name: path for path in kept if not path.name.startswith(".")}
    return folders


def run_folders(circuit_id: str) -> dict[str, Path]:
    """Runs of a circuit by name: the one that ships, then one's own, newest first."""
    folders = {}
    if (SHIPPED / circuit_id / "config.json").is_file():
        folders[SHIPPED_RUN] = SHIPPED / circuit_id
    for run in list_runs(RUNS):
        if _circuit_of(run) == circuit_id:
            folders[run.folder.name] = run.folder
    return folders


def _circuit_of(run: RunStore) -> str:
    try:
        circuit = run.config().get("circuit", "")
    except CheckpointError:
        return ""
    return str(circuit)


def stamp(folder: Path, pattern: str = "**/*") -> tuple[int, int]:
    """Return what changes whenever a file in a folder does: newest time (ns) and total size."""
    stats = [path.stat() for path in folder.glob(pattern) if path.is_file()]
    return max((s.st_mtime_ns for s in stats), default=0), sum(s.st_size for s in stats)
