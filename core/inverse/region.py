"""The region that the model knows, and the boundary loss that keeps a search inside it.

A learned forward model is wrong outside its data, and a search that follows its gradients finds
exactly those places. The boundary loss is a hinge on leaving the known region (Ren, Padilla and
Malof, "Benchmarking deep inverse models over time, and the neural-adjoint method", NeurIPS 2020).
Here the unit box is a hard constraint of the solvers, so the hinge is only needed for the
circuit's balances: products of powers of variables that the known designs hold within bounds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from core.circuits import Circuit


@dataclass(frozen=True)
class KnownRegion:
    """Bounds on k linear combinations of the d log variables.

    Attributes:
        directions: k x d powers.
        lower: k smallest values among the known designs, natural logs.
        upper: k largest values.
    """

    directions: Tensor
    lower: Tensor
    upper: Tensor

    def excess(self, designs: Tensor) -> Tensor:
        """How far (n x k, natural logs, at least 0) designs (n x d) lie outside the bounds."""
        values = torch.log(designs) @ self.directions.T
        return torch.relu(self.lower - values) + torch.relu(values - self.upper)

    def holds(self, designs: Tensor, slack: float = 1e-6) -> Tensor:
        """Mask (n) of the designs inside."""
        return (self.excess(designs) <= slack).all(dim=1)


def known_region(circuit: Circuit, designs: pd.DataFrame) -> KnownRegion:
    """The range of each balance of the circuit over known designs (n x d)."""
    names = circuit.variable_names
    powers = [[balance.powers.get(name, 0.0) for name in names] for balance in circuit.balances]
    directions = torch.tensor(np.array(powers, dtype=float).reshape(len(powers), len(names)))
    logs = torch.log(torch.tensor(designs[names].to_numpy(dtype=float)))
    if not len(logs) or not len(directions):
        empty = torch.empty(0, dtype=torch.float64)
        return KnownRegion(directions[:0], empty, empty)
    values = logs @ directions.T
    return KnownRegion(directions, values.min(0).values, values.max(0).values)
