"""Which values are points of a manufacturing grid, up to rounding."""

from __future__ import annotations

import numpy as np


def on_grid(grid: np.ndarray, low: float, high: float) -> np.ndarray:
    """Mask of the grid points between low and high, ends included up to rounding."""
    slack = 1e-9 * np.abs(grid)
    mask: np.ndarray = (grid >= low - slack) & (grid <= high + slack)
    return mask


def matching(values: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Mask of the values that are grid points, up to rounding."""
    mask: np.ndarray = np.isclose(values[:, None], grid[None, :], rtol=1e-6, atol=0).any(axis=1)
    return mask
