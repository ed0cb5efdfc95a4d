"""Monte Carlo of device mismatch: the same design with devices that are not quite equal.

M. J. M. Pelgrom, A. C. J. Duinmaijer and A. P. G. Welbers, "Matching properties of MOS
transistors", IEEE JSSC 24(5), 1989: the threshold and the current factor of a device vary with a
standard deviation of A / sqrt(W L). The coefficients A stand in the description of the process.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from core.circuits import Circuit
from core.errors import InputError
from core.spice.checks import check_designs, make_conditions
from core.spice.netlist import Shifts
from core.spice.process import Process
from core.spice.simulate import Progress, SimulationTable, run_jobs


def mismatch_sigma(
    circuit: Circuit, process: Process, design: Mapping[str, float]
) -> dict[str, tuple[float, float]]:
    """Standard deviations of threshold (V) and relative current factor, by device name."""
    sigma = {}
    for device in circuit.devices:
        table = process.devices[device.polarity].mismatch
        width = float(design[device.width]) - table["dw"]
        length = float(design[device.length]) - table["dl"]
        root = math.sqrt(width * length)
        sigma[device.name] = (table["a_vth"] / root, table["a_beta"] / root)
    return sigma


def draw_mismatch(
    circuit: Circuit, process: Process, design: Mapping[str, float], n: int, seed: int
) -> list[Shifts]:
    """Draw ``n`` sets of independent normal shifts, one pair a device.

    The first sets do not depend on ``n``.
    """
    sigma = mismatch_sigma(circuit, process, design)
    normal = np.random.default_rng(seed).standard_normal((n, len(sigma), 2))
    scaled = normal * np.array(list(sigma.values()))
    return [
        {name: (float(vth), float(beta)) for name, (vth, beta) in zip(sigma, row, strict=True)}
        for row in scaled
    ]


def simulate_mismatch(
    circuit: Circuit,
    process: Process,
    design: Mapping[str, float] | pd.Series,
    n: int,
    seed: int,
    *,
    corner: str = "tt",
    temperature: float = 27.0,
    supply: float | None = None,
    engine: str = "auto",
    jobs: int = 1,
    progress: Progress | None = None,
) -> SimulationTable:
    """Simulate one design ``n`` times with random mismatch; the rest as in ``simulate``.

    Returns:
        One row a sample.

    Raises:
        InputError: as ``simulate`` does; or n is not positive, or the process has no coefficients.
    """
    if n < 1:
        raise InputError(f"The number of Monte Carlo samples is {n}: give at least 1.")
    if not all(device.mismatch for device in process.devices.values()):
        raise InputError(f"{process.name} has no mismatch coefficients: add them to its TOML.")
    conditions = make_conditions(process, corner, temperature, supply)
    check_designs(circuit, process, pd.DataFrame([dict(design)]))
    sizes = {name: float(design[name]) for name in circuit.variable_names}
    todo = [(sizes, shifts) for shifts in draw_mismatch(circuit, process, sizes, n, seed)]
    return run_jobs(circuit, conditions, todo, pd.RangeIndex(n), engine, jobs, progress)
