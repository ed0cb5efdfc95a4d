"""How much of a metric's variation over the whole design space each variable accounts for.

Sobol' total-order indices (Homma and Saltelli 1996), estimated by ``scipy.stats.sobol_indices``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.stats import sobol_indices, uniform
from torch import Tensor

from core.circuits import Circuit
from core.ensemble.predictor import Predictor

POINTS = 512  # a power of two, as Sobol' sequences want it


def total_effects(predictor: Predictor, *, points: int = POINTS, seed: int = 0) -> pd.DataFrame:
    """Return the total effect of each variable on each metric, as the model sees them.

    Args:
        predictor: its means in model space (log10 where the circuit says so) are analysed.
        points: of the Sobol' sequence; the model is asked at points x (variables + 2) designs.
        seed: of the sequence.

    Returns:
        Metrics as rows, variables as columns: the share of a metric's variance, 0 to 1, that
        would remain if all other variables were known. Rows sum to more than 1 where variables
        act together.
    """
    return total_effects_of(
        lambda designs: predictor.moments(designs)[0], predictor.circuit, points, seed
    )


def total_effects_of(
    answer: Callable[[Tensor], Tensor], circuit: Circuit, points: int, seed: int
) -> pd.DataFrame:
    """Return the total effects of a function of designs (n x d, physical) with n x m answers."""
    grids = [variable.grid for variable in circuit.variables]

    @torch.no_grad()
    def function(shares: NDArray[np.float64]) -> NDArray[np.float64]:
        columns = [
            grid[np.minimum((share * len(grid)).astype(int), len(grid) - 1)]
            for grid, share in zip(grids, shares, strict=True)
        ]
        designs = torch.from_numpy(np.stack(columns, axis=1).astype(float))
        values: NDArray[np.float64] = answer(designs).double().numpy().T
        return values

    found = sobol_indices(
        func=function,
        n=points,
        dists=[uniform()] * len(grids),
        rng=np.random.default_rng(seed),
    )
    total = np.clip(np.atleast_2d(found.total_order), 0.0, 1.0)
    return pd.DataFrame(total, circuit.metric_names, circuit.variable_names)
