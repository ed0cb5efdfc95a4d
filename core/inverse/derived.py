"""Derived quantities of a design: gate area, exactly; supply current, from known designs.

The nominal supply current follows from the mirror ratios alone; real mirrors miss it by some per
cent (channel-length modulation, headroom). Where the data hold simulated supply currents, a ridge
regression on second-order polynomials of the circuit's log features corrects the nominal value,
and its leave-one-out residuals say how far to trust it (Hastie, Tibshirani and Friedman, *The
Elements of Statistical Learning*, section 7.10).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from core.circuits import Circuit

NOMINAL_SIGMA = 0.02
MINIMUM_ROWS_PER_TERM = 2
AREA_SIGMA = 1e-6


def log_gate_area(circuit: Circuit, designs: Tensor) -> Tensor:
    """log10 of the total gate area (um^2) of designs (n x d, physical); differentiable."""
    column = {name: position for position, name in enumerate(circuit.variable_names)}
    area = torch.zeros(len(designs), dtype=designs.dtype)
    for device in circuit.devices:
        area = area + designs[:, column[device.width]] * designs[:, column[device.length]]
    return torch.log10(area.clamp_min(1e-12))


@dataclass(frozen=True)
class SupplyModel:
    """log10 of the supply current as nominal value plus a second-order correction.

    Attributes:
        circuit: the circuit it is of.
        centre: f feature means.
        scale: f feature standard deviations.
        coefficients: weights of the polynomial terms; empty: nominal value alone.
        sigma: standard deviation of the error, in decades.
    """

    circuit: Circuit
    centre: Tensor
    scale: Tensor
    coefficients: Tensor
    sigma: float

    def log_current(self, designs: Tensor) -> Tensor:
        """log10 of the supply current (A) of designs (n x d, physical); differentiable."""
        nominal = _log_nominal(self.circuit, designs)
        if not len(self.coefficients):
            return nominal
        terms = _terms((log_features(self.circuit, designs) - self.centre) / self.scale)
        return nominal + terms @ self.coefficients


def fit_supply_model(
    circuit: Circuit, designs: pd.DataFrame, current: np.ndarray, ridge: float = 1e-3
) -> SupplyModel:
    """Fit the correction to known designs (n x d) and their supply current (n, A, NaN allowed)."""
    table = torch.tensor(designs[circuit.variable_names].to_numpy(dtype=float))
    features = log_features(circuit, table)
    centre, scale = features.mean(0), features.std(0).clamp_min(1e-9)
    usable = torch.tensor(np.isfinite(current) & (np.nan_to_num(current) > 0))
    none = SupplyModel(circuit, centre, scale, torch.empty(0, dtype=torch.float64), NOMINAL_SIGMA)
    terms = _terms((features - centre) / scale)[usable]
    if len(terms) < MINIMUM_ROWS_PER_TERM * terms.shape[1]:
        return none
    wanted = torch.log10(torch.tensor(current)[usable]) - _log_nominal(circuit, table)[usable]
    gram = terms.T @ terms + ridge * torch.eye(terms.shape[1], dtype=terms.dtype)
    coefficients = torch.linalg.solve(gram, terms.T @ wanted)
    leverage = (terms * torch.linalg.solve(gram, terms.T).T).sum(1)
    residual = (wanted - terms @ coefficients) / (1.0 - leverage).clamp_min(1e-3)
    # Half the width of the central 68 %: a few broken designs must not widen all the others.
    low, high = torch.quantile(residual, torch.tensor([0.16, 0.84], dtype=residual.dtype))
    sigma = max(float(high - low) / 2.0, 1e-5)
    return SupplyModel(circuit, centre, scale, coefficients, sigma)


def log_features(circuit: Circuit, designs: Tensor) -> Tensor:
    """The circuit's features (n x f) of designs (n x d, physical); linear in the log sizes."""
    matrix = torch.tensor(circuit.feature_matrix, dtype=designs.dtype)
    return torch.log(designs.clamp_min(1e-30)) @ matrix.T


def _log_nominal(circuit: Circuit, designs: Tensor) -> Tensor:
    """log10 of the sum over the branches; without branches, of 1 A: the correction does it all."""
    if not circuit.branches:
        return torch.zeros(len(designs), dtype=designs.dtype)
    names = circuit.variable_names
    powers = [[branch.powers.get(name, 0.0) for name in names] for branch in circuit.branches]
    logs = torch.log(designs.clamp_min(1e-30)) @ torch.tensor(powers, dtype=designs.dtype).T
    return torch.logsumexp(logs, dim=1) / math.log(10.0)


def _terms(features: Tensor) -> Tensor:
    """Constant, linear and second-order terms (n x 1 + f + f (f + 1) / 2)."""
    rows, columns = torch.triu_indices(features.shape[1], features.shape[1])
    ones = torch.ones(len(features), 1, dtype=features.dtype)
    return torch.cat([ones, features, features[:, rows] * features[:, columns]], dim=1)
