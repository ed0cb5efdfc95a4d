"""Derived quantities of a design: gate area, exactly; supply current, from known designs.

The nominal supply current follows from the mirror ratios alone; real mirrors miss it by some per
cent (channel-length modulation, headroom). Where the data hold simulated supply currents, a
Gaussian process over the circuit's features corrects the nominal value, and its leave-one-out
residuals say how far to trust it (Rasmussen and Williams, *Gaussian Processes for Machine
Learning*, 2006, equation 5.12). Designs that do not work as amplifiers draw a current too, and tell
of the extremes that a bound on it leads to.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from core.circuits import Circuit
from core.data.transforms import InputTransform, fit_inputs
from core.ensemble.gaussian_process import GaussianProcess, Hyperparameters

NOMINAL_SIGMA = 0.02
MINIMUM_ROWS = 20
MAXIMUM_ROWS = 800
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
    """log10 of the supply current as nominal value plus a Gaussian process.

    Attributes:
        circuit: the circuit it is of.
        sigma: standard deviation of the error, in decades.
        departure: what the process takes, standardised features of a design, and the process of
            the departure from the nominal value; None: nominal value alone.
    """

    circuit: Circuit
    sigma: float
    departure: tuple[InputTransform, GaussianProcess] | None = None

    def log_current(self, designs: Tensor) -> Tensor:
        """log10 of the supply current (A) of designs (n x d, physical, double); differentiable."""
        nominal = _log_nominal(self.circuit, designs)
        if self.departure is None:
            return nominal
        inputs, process = self.departure
        return nominal + process.mean(inputs.forward(designs.clamp_min(1e-30)))[:, 0]


def fit_supply_model(circuit: Circuit, designs: pd.DataFrame, current: np.ndarray) -> SupplyModel:
    """Fit the correction to known designs (n x d) and their supply current (n, A, NaN allowed)."""
    usable = np.flatnonzero(np.isfinite(current) & (np.nan_to_num(current) > 0))
    if len(usable) < MINIMUM_ROWS:
        return SupplyModel(circuit, NOMINAL_SIGMA)
    # Evenly from all of them where they are many: the process is asked at every step of a search.
    usable = usable[:: math.ceil(len(usable) / MAXIMUM_ROWS)]
    known = torch.tensor(designs[circuit.variable_names].to_numpy(dtype=float)[usable])
    inputs = fit_inputs(known, circuit.feature_matrix, circuit.product_matrix)
    departure = torch.log10(torch.tensor(current[usable])) - _log_nominal(circuit, known)
    features = inputs.forward(known)
    process = GaussianProcess(features, departure[:, None], _smooth(features.shape[1]))
    residual = process.alpha[0] / torch.diagonal(process.inverse[0])
    # Half the width of the central 68 %: a few broken designs must not widen all the others.
    low, high = torch.quantile(residual, torch.tensor([0.16, 0.84], dtype=residual.dtype))
    return SupplyModel(circuit, max(float(high - low) / 2.0, 1e-5), (inputs, process))


def _smooth(features: int) -> Hyperparameters:
    """A kernel as wide as the data, the same along all standardised features.

    Only ratios matter to the mean; leave-one-out errors change little within a factor of two.
    """
    one = torch.ones(1, dtype=torch.float64)
    return Hyperparameters(
        length=torch.full((1, features), math.log(2.0 * math.sqrt(features)), dtype=torch.float64),
        amplitude=0.0 * one,
        noise=0.5 * math.log(1e-3) * one,
        slope=-0.5 * math.log(features) * one,
    )


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
