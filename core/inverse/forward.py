"""What the search asks of a forward model: designs in, an outcome with its uncertainty out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from core.circuits import Circuit
from core.inverse.derived import AREA_SIGMA, SupplyModel, log_gate_area
from core.inverse.goals import GATE_AREA, SUPPLY_CURRENT


class KnownDesigns(Protocol):
    """The simulated designs of process B that the predictor learned from."""

    @property
    def designs(self) -> pd.DataFrame:
        """Sizes (n x d), physical."""

    @property
    def metrics(self) -> pd.DataFrame:
        """Metrics (n x m), NaN where not measured."""

    @property
    def valid(self) -> np.ndarray:
        """Which of the n work as amplifiers."""

    @property
    def supply_current(self) -> pd.Series:
        """Supply currents (n, A), NaN where not recorded."""


class Predictor(Protocol):
    """What a forward model of process B offers to the search."""

    @property
    def circuit(self) -> Circuit:
        """The circuit whose designs it predicts."""

    @property
    def half_width(self) -> Tensor:
        """Factors (m) on sigma of the 90 % interval."""

    @property
    def low_fidelity(self) -> Predictor | None:
        """A quicker predictor whose gradients are cheap; None where this one is as quick."""

    def moments(self, designs: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and sigma (n x m each, model space) of designs (n x d, physical)."""

    def validity(self, designs: Tensor) -> Tensor:
        """Probability (n) that designs (n x d, physical) are working amplifiers."""

    def known_designs(self) -> KnownDesigns:
        """The simulations of process B that it learned from."""


@dataclass(frozen=True)
class Outcome:
    """Predicted quantities of n designs, in model space; q = metrics, gate area, supply current."""

    mean: Tensor
    sigma: Tensor
    validity: Tensor

    def rows(self, index: Tensor) -> Outcome:
        """The outcome of some of the designs."""
        return Outcome(self.mean[index], self.sigma[index], self.validity[index])


def join(parts: Sequence[Outcome]) -> Outcome:
    """One outcome of several, in order."""
    return Outcome(
        torch.cat([part.mean for part in parts]),
        torch.cat([part.sigma for part in parts]),
        torch.cat([part.validity for part in parts]),
    )


class Forward(Protocol):
    """Outcome of designs, by a predictor or by a corrected one."""

    @property
    def predictor(self) -> Predictor:
        """The predictor of the metrics."""

    @property
    def supply(self) -> SupplyModel:
        """The model of the supply current."""

    @property
    def quantities(self) -> list[str]:
        """Names of the q columns of an outcome."""

    def __call__(self, designs: Tensor) -> Outcome:
        """Outcome of designs (n x d, physical, double); differentiable."""


@dataclass(frozen=True)
class ForwardModel:
    """Predictor and derived quantities as one function of physical designs."""

    predictor: Predictor
    supply: SupplyModel

    @property
    def quantities(self) -> list[str]:
        """Names of the q columns of an outcome."""
        return [*self.predictor.circuit.metric_names, GATE_AREA, SUPPLY_CURRENT]

    def __call__(self, designs: Tensor) -> Outcome:
        """Outcome of designs (n x d, physical, double); differentiable."""
        mean, sigma = self._metrics(designs)
        area = log_gate_area(self.predictor.circuit, designs)
        current = self.supply.log_current(designs)
        derived_sigma = torch.tensor([AREA_SIGMA, self.supply.sigma], dtype=torch.float64)
        return Outcome(
            torch.cat([mean, area[:, None], current[:, None]], dim=1),
            torch.cat([sigma, derived_sigma.expand(len(designs), 2)], dim=1),
            self.predictor.validity(designs.float()).double(),
        )

    def _metrics(self, designs: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and sigma (n x m) in model space, whichever transforms a run was trained with.

        Sigma follows by the delta method: sigma of log10 y is sigma times d log10 y / d f(y).
        """
        mean, sigma = (part.double() for part in self.predictor.moments(designs.float()))
        transforms = getattr(self.predictor, "transforms", None)
        if transforms is None:
            return mean, sigma
        columns = []
        for column, metric in enumerate(self.predictor.circuit.metrics):
            mu, spread = mean[:, column], sigma[:, column]
            name = transforms.metrics.maps[column]
            if metric.transform == "log10" and name != "log10":
                value = (torch.expm1(mu) if name == "log1p" else mu).clamp_min(1e-3)
                slope = (1.0 + value if name == "log1p" else 1.0) / (value * math.log(10.0))
                mu, spread = torch.log10(value), spread * slope
            columns.append((mu, spread))
        return torch.stack([c[0] for c in columns], 1), torch.stack([c[1] for c in columns], 1)
