"""A run small enough to train in seconds, for tests."""

from __future__ import annotations

from pathlib import Path

from core.circuits import load_circuit
from core.config import STAGES
from core.training.run_store import RunStore
from core.training.start import start_training

CIRCUIT = load_circuit("5t_opamp")
OVERRIDES = (
    "network.hidden_layers=2",
    "network.hidden_width=24",
    "baseline.epochs=15",
    "align.epochs=30",
    "target_only.epochs=30",
    "dual_head.epochs=4",
    "mdn.epochs=5",
    "mdn.hidden_width=24",
    "mdn.components=3",
    "ensemble.folds=3",
    "ensemble.transistors=false",
    *(f"{stage}.batch_size=64" for stage in STAGES),
    *(f"{stage}.members=2" for stage in ("baseline", "align", "target_only", "dual_head")),
)


def tiny_run(data: Path, out: Path, *overrides: str, **arguments) -> RunStore:  # type: ignore[no-untyped-def]
    """Train a tiny network on a data folder."""
    return start_training(CIRCUIT, data, out, overrides=[*OVERRIDES, *overrides], **arguments)
