"""The space that a search moves in: free log coordinates in a unit box, and the grid inside it.

Fixed and tied variables leave the search here, by ``log x = offset + matrix @ z``, so that no
solver ever has to know about them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from core.circuits import Circuit, Variable
from core.errors import InputError
from core.inverse.goals import Tie
from core.inverse.grid_points import matching, on_grid

COARSE_POINTS = 8


@dataclass(frozen=True)
class DesignSpace:
    """Free coordinates u in [0, 1]^p, linear in the logarithm of the free variables.

    Attributes:
        circuit: whose d variables are sized.
        free: names of the p variables that a search may move.
        grids: their grid points in physical units, ascending, at least two each.
        lower: p natural logs of the smallest allowed values.
        upper: p natural logs of the largest allowed values.
        offset: d natural logs: of fixed variables, and of the ratio of tied ones.
        matrix: d x p, which variable follows which coordinate.
    """

    circuit: Circuit
    free: tuple[str, ...]
    grids: tuple[np.ndarray, ...]
    lower: Tensor
    upper: Tensor
    offset: Tensor
    matrix: Tensor

    @property
    def dimension(self) -> int:
        """Number p of free coordinates."""
        return len(self.free)

    @property
    def restricted(self) -> tuple[str, ...]:
        """Names of the variables that limits or ties hold back."""
        kept = {name: len(grid) for name, grid in zip(self.free, self.grids, strict=True)}
        return tuple(v.name for v in self.circuit.variables if kept.get(v.name, 1) < len(v.grid))

    @cached_property
    def coarse(self) -> Tensor:
        """Mask (p) of the coordinates with so few grid points that rounding them changes all."""
        return torch.tensor([len(grid) <= COARSE_POINTS for grid in self.grids])

    @cached_property
    def counts(self) -> Tensor:
        """Number of grid points of each free coordinate (p)."""
        return torch.tensor([len(grid) for grid in self.grids])

    def designs(self, unit: Tensor) -> Tensor:
        """Physical designs (n x d) of unit coordinates (n x p); differentiable."""
        logs = self.lower + unit * (self.upper - self.lower)
        return torch.exp(self.offset + logs @ self.matrix.T)

    def unit(self, designs: Tensor) -> Tensor:
        """Unit coordinates (n x p), inside the box, of physical designs (n x d)."""
        columns = [self.circuit.variable_names.index(name) for name in self.free]
        logs = torch.log(designs[:, columns].double().clamp_min(1e-30))
        return ((logs - self.lower) / (self.upper - self.lower)).clamp(0.0, 1.0)

    @cached_property
    def unit_grid(self) -> Tensor:
        """Unit coordinates of the grid points (p x most points), padded with infinity."""
        padded = torch.full((self.dimension, int(self.counts.max())), math.inf, dtype=torch.float64)
        for row, grid in enumerate(self.grids):
            logs = torch.log(torch.tensor(grid))
            padded[row, : len(grid)] = (logs - self.lower[row]) / (
                self.upper[row] - self.lower[row]
            )
        return padded

    @cached_property
    def _between(self) -> Tensor:
        """Halfway between neighbours of the unit grid (p x most points - 1)."""
        return (self.unit_grid[:, 1:] + self.unit_grid[:, :-1]) / 2.0

    def snap(self, unit: Tensor) -> Tensor:
        """Indices (n x p) of the grid points nearest to unit coordinates, by ratio."""
        return torch.searchsorted(self._between, unit.T.contiguous()).T.contiguous()

    def snap_sobol(self, points: Tensor) -> Tensor:
        """Indices (n x p) of uniform points in [0, 1)^p: every value of a coarse grid alike.

        Fine grids are filled by ratio, coarse ones by position, as a designer would.
        """
        index = self.snap(points)
        uniform = (points * self.counts).long().clamp_max(self.counts - 1)
        return torch.where(self.coarse, uniform, index)

    def unit_of(self, index: Tensor) -> Tensor:
        """Unit coordinates (n x p) of grid indices (n x p)."""
        return self.unit_grid.gather(1, index.T).T

    def table(self, index: Tensor) -> pd.DataFrame:
        """Physical designs (n x d) of grid indices, exactly on the grid."""
        designs = self.designs(self.unit_of(index)).numpy()
        return self.circuit.snap(pd.DataFrame(designs, columns=self.circuit.variable_names))


def design_space(
    circuit: Circuit,
    limits: Mapping[str, tuple[float, float]] | None = None,
    ties: tuple[Tie, ...] = (),
) -> DesignSpace:
    """The space that limits and ties leave of a circuit's grid.

    Raises:
        InputError: nothing is left to size.
    """
    followers = {tie.variable: tie for tie in ties}
    grids = {v.name: _allowed(v, limits or {}) for v in circuit.variables}
    for tie in ties:
        leading = grids[tie.other]
        grids[tie.other] = leading[matching(leading * tie.ratio, grids[tie.variable])]
    free = tuple(n for n in circuit.variable_names if n not in followers and len(grids[n]) > 1)
    if not free:
        raise InputError("The limits fix every variable: leave at least one to be sized.")
    offset = torch.zeros(len(circuit.variables), dtype=torch.float64)
    matrix = torch.zeros(len(circuit.variables), len(free), dtype=torch.float64)
    for row, name in enumerate(circuit.variable_names):
        tie = followers.get(name, Tie(name, name))
        offset[row] = math.log(tie.ratio)
        if tie.other in free:
            matrix[row, free.index(tie.other)] = 1.0
        else:
            offset[row] += math.log(grids[tie.other][0])
    return DesignSpace(
        circuit=circuit,
        free=free,
        grids=tuple(grids[name] for name in free),
        lower=torch.tensor([math.log(grids[n][0]) for n in free], dtype=torch.float64),
        upper=torch.tensor([math.log(grids[n][-1]) for n in free], dtype=torch.float64),
        offset=offset,
        matrix=matrix,
    )


def _allowed(variable: Variable, limits: Mapping[str, tuple[float, float]]) -> np.ndarray:
    low, high = limits.get(variable.name, (-math.inf, math.inf))
    return variable.grid[on_grid(variable.grid, low, high)]
