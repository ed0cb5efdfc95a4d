"""Verified designs go back to process B's data, after a check that they are of the same kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from core.circuits import Circuit, Metric
from core.data import load_dataset
from core.data.additions import Addition, add_target_rows, refuse_bundled
from core.errors import InputError
from core.spice.process import Process
from core.spice.simulate import simulate
from core.units import engineering

PROBES = 3
# Two engines differ by 0.1 % at most; another process or testbench by much more.
TOLERANCE = 0.02
TOLERANCE_DEGREES = 1.0
UNKNOWN_PROCESS = "B"


def add_verified(
    folder: str | Path,
    circuit: Circuit,
    process: Process,
    verified: pd.DataFrame,
    engine: str = "auto",
) -> Addition:
    """Add simulated designs to the B rows of a data folder; repeated ones are left out.

    Args:
        folder: a data folder of this circuit; not one that comes with Crossfab.
        circuit: the circuit of the designs.
        process: what they were simulated in, at its typical corner, temperature and supply.
        verified: one row a design: sizes, metrics (SI units, NaN: not measured),
            ``supply_current`` and ``failure``, such as ``Verification.simulated``.
        engine: for the check of the folder.

    Raises:
        InputError: as ``check_data_folder`` and ``add_target_rows`` do; nothing is changed then.
    """
    check_data_folder(folder, circuit, process, engine)
    return add_target_rows(folder, circuit, verified)


def check_data_folder(
    folder: str | Path, circuit: Circuit, process: Process, engine: str = "auto"
) -> None:
    """Whether designs simulated here and now may stand beside the B rows of a folder.

    Its description has to name this process, and some of its own designs, simulated again, have
    to give what is written there: only that shows the same testbench, models and conditions.

    Raises:
        InputError: bundled data, faults of the data, another process, other results.
    """
    folder = Path(folder)
    refuse_bundled(folder)
    dataset = load_dataset(folder, circuit)
    if dataset.target_process not in (UNKNOWN_PROCESS, process.name):
        raise InputError(
            f'"{folder}" holds B rows of {dataset.target_process}: the designs were simulated in '
            f"{process.name}. Name a folder of {process.name}."
        )
    working = np.flatnonzero(dataset.target.valid)
    chosen = working[np.linspace(0, len(working) - 1, PROBES).astype(int)]
    told = dataset.target.rows(chosen)
    seen = simulate(circuit, process, told.designs, engine=engine).metrics
    for position, row in enumerate(chosen):
        for metric in circuit.metrics:
            there = float(told.metrics[metric.name].iloc[position])
            here = float(seen[metric.name].iloc[position])
            if not _agree(metric, there, here):
                raise InputError(
                    f'"{folder}" was made with another process or testbench: the B design of row '
                    f"{row + 1} has {metric.label} {engineering(there, metric.unit)} there and "
                    f"{engineering(here, metric.unit)} simulated in {process.name} now."
                )


def _agree(metric: Metric, there: float, here: float) -> bool:
    if metric.transform == "identity":
        return abs(here - there) <= TOLERANCE_DEGREES
    return abs(here - there) <= TOLERANCE * abs(there)
