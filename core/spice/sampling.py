"""Designs to simulate: a Sobol sequence over the design space, snapped to the grid."""

from __future__ import annotations

import numpy as np
import pandas as pd

from core.circuits import Circuit, Variable
from core.errors import InputError

_FEW = 10  # grid points; with so few, a log scale would only make some of them rare
_BLOCK = 4096  # designs drawn at a time; a power of two, as the sequence wants
_MOST_BLOCKS = 200


def sample_designs(circuit: Circuit, n: int, seed: int) -> pd.DataFrame:
    """Draw ``n`` distinct designs from the manufacturing grid that keep the circuit's balances.

    A scrambled Sobol sequence (Sobol 1967; Owen 1998) fills the space evenly; its points are
    snapped to the grid, and unbalanced or repeated ones are passed over. The first rows do not
    depend on ``n``.

    Returns:
        ``n x d`` designs, W and L in um, the rest in SI units.

    Raises:
        InputError: n is not positive, or the grid holds fewer such designs.
    """
    if n < 1:
        raise InputError(f"The number of designs is {n}: give at least 1.")
    from scipy.stats import qmc  # Slow to load, and needed for a new data set alone.

    sequence = qmc.Sobol(len(circuit.variables), scramble=True, rng=np.random.default_rng(seed))
    found = pd.DataFrame(columns=circuit.variable_names, dtype=float)
    for _ in range(_MOST_BLOCKS):
        block = _place(circuit, sequence.random(_BLOCK))
        block = block[circuit.is_balanced(block)]
        found = (pd.concat([found, block]) if len(found) else block).drop_duplicates()
        if len(found) >= n:
            return found.iloc[:n].reset_index(drop=True)
    raise InputError(
        f"{circuit.id} has only about {len(found)} designs that keep its balances: "
        f"ask for fewer than {n}, or widen [[balances]] in its TOML."
    )


def _place(circuit: Circuit, unit: np.ndarray) -> pd.DataFrame:
    """Map points of the unit cube (n x d) to designs on the grid."""
    columns = zip(circuit.variables, unit.T, strict=True)
    return pd.DataFrame({variable.name: _to_grid(variable, u) for variable, u in columns})


def _to_grid(variable: Variable, unit: np.ndarray) -> np.ndarray:
    grid = variable.grid
    if variable.scale == "log" and len(grid) > _FEW:
        return variable.snap(variable.minimum * (variable.maximum / variable.minimum) ** unit)
    return grid[np.minimum((unit * len(grid)).astype(int), len(grid) - 1)]
