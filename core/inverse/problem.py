"""The question as the solvers see it: standardised margins of requirements, their probability.

With the predictor's calibrated mean mu and standard deviation sigma of each quantity (in model
space: log10, the phase margin in degrees), a requirement with bound b holds with probability
Phi(t), t = +-(mu - b) / sigma. The probability that a design meets the whole specification is the
product over the requirements, times the probability that it is a working amplifier at all.
"""

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
from core.errors import InputError
from core.inverse.derived import AREA_SIGMA, SupplyModel, log_gate_area
from core.inverse.goals import (
    GATE_AREA,
    POWER,
    SUPPLY_CURRENT,
    Objective,
    Requirement,
    Specification,
    is_logarithmic,
)

# Shares and widths of the mixture that stands for what the calibrated sigma does not tell.
TAILS = ((0.97, 1.0), (0.025, 5.0), (0.005, 30.0))


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


@dataclass(frozen=True)
class Problem:
    """A specification as arrays over its c requirements.

    Attributes:
        quantities: names of the q columns of an outcome.
        requirements: the c requirements, named as the designer wrote them.
        objectives: what to maximise or minimise besides.
        column: c positions of the requirements' quantities among the q.
        sign: c times +1 (at least) or -1 (at most).
        bound: c bounds in model space.
        weight: c weights, the largest 1.
        objective_column: positions of the objectives' quantities.
        objective_sign: +1 to maximise, -1 to minimise.
        objective_weight: their weights.
        objective_aim: values to aim at, times sign, in typical spreads: just out of reach.
        scale: q typical spreads in model space, the yardstick of objectives and of hinges.
        floor: smallest sigma that the merit uses, as share of the scale. 0 ranks by probability;
            a larger one makes the merit a soft, weighted sum of squared violations, which is what
            tells compromises apart where nothing can meet everything.
        usual: q sigmas that are usual in the design space.
    """

    quantities: list[str]
    requirements: tuple[Requirement, ...]
    objectives: tuple[Objective, ...]
    column: Tensor
    sign: Tensor
    bound: Tensor
    weight: Tensor
    objective_column: Tensor
    objective_sign: Tensor
    objective_weight: Tensor
    objective_aim: Tensor
    scale: Tensor
    usual: Tensor
    floor: float = 0.0

    def margins(self, outcome: Outcome) -> Tensor:
        """Distance (n x c) of the mean to the bounds, model space; positive: met."""
        return self.sign * (outcome.mean[:, self.column] - self.bound)

    def standardised(self, outcome: Outcome, floor: float = 0.0) -> Tensor:
        """Margins in units of sigma (n x c); `floor` bounds sigma from below, as share of scale."""
        sigma = outcome.sigma[:, self.column]
        return self.margins(outcome) / torch.maximum(sigma, floor * self.scale[self.column])

    def log_probability(self, outcome: Outcome) -> Tensor:
        """log of the probability (n) that all requirements hold and the design works."""
        # A bound that is met exactly counts as met: gate areas are often equal to their limit.
        margins = self.margins(outcome) + 1e-9
        t = margins / outcome.sigma[:, self.column]
        return torch.special.log_ndtr(t).sum(1) + torch.log(outcome.validity.clamp_min(1e-12))

    def merit(self, outcome: Outcome) -> Tensor:
        """What the search maximises (n): weighted log probability plus objectives.

        Weights matter where something has to give: they are the exponents of the probabilities.
        The probabilities have heavy tails here (``log_heavy``).
        """
        margins = self.margins(outcome) + 1e-9
        sigma = self.judging_sigma(outcome, margins, self.floor)
        held = (self.weight * log_heavy(margins / sigma)).sum(1)
        return held + torch.log(outcome.validity.clamp_min(1e-12)) + self.reward(outcome)

    def judging_sigma(self, outcome: Outcome, margins: Tensor, floor: float) -> Tensor:
        """The sigmas (n x c) that margins are judged with, bounded from below and from above.

        Where a requirement is missed, more than twice the usual sigma does not count: else the
        search for what cannot be met runs to where the model knows nothing, a lottery ticket.
        """
        sigma = torch.maximum(outcome.sigma, floor * self.scale)[:, self.column]
        most = torch.maximum(2.0 * self.usual, floor * self.scale)[self.column]
        return torch.where(margins < 0, torch.minimum(sigma, most), sigma)

    def reward(self, outcome: Outcome) -> Tensor:
        """Objectives (n), in typical spreads of their quantities."""
        if not self.objectives:
            return torch.zeros(len(outcome.mean), dtype=torch.float64)
        values = outcome.mean[:, self.objective_column] / self.scale[self.objective_column]
        return (self.objective_weight * self.objective_sign * values).sum(1)


def log_heavy(t: Tensor) -> Tensor:
    """log of a heavy-tailed cumulative distribution of standardised margins, any shape.

    A Gaussian tail makes a requirement that the model believes to be missed by ten sigmas decide
    alone, although the model may simply be wrong there. In the mixture of Gaussians of widths 1,
    5 and 30, such a requirement costs a few units and the search serves the others.
    """
    parts = [
        math.log(share) + torch.special.log_ndtr((t / width).clamp_min(-1e9))
        for share, width in TAILS
    ]
    return torch.logsumexp(torch.stack(parts), dim=0)


def log_heavy_density(t: Tensor) -> Tensor:
    """log of the density that belongs to ``log_heavy``."""
    parts = [
        math.log(share / (width * math.sqrt(2.0 * math.pi))) - 0.5 * (t / width).square()
        for share, width in TAILS
    ]
    return torch.logsumexp(torch.stack(parts), dim=0)


def make_problem(
    specification: Specification,
    quantities: list[str],
    scale: Tensor,
    supply_voltage: float | None,
    screened: Outcome,
) -> Problem:
    """Translate a specification to model space.

    Args:
        specification: what is wanted.
        quantities: names of the q columns of an outcome.
        scale: q typical spreads in model space.
        supply_voltage: V of the target process, which power goals need.
        screened: outcome of designs all over the space: what is reachable, and how surely known.

    Raises:
        InputError: a power goal without a supply voltage.
    """
    requirements, objectives = specification.requirements, specification.objectives
    needed = {r.quantity for r in requirements} | {o.quantity for o in objectives}
    if POWER in needed and supply_voltage is None:
        raise InputError(
            "The goal of power needs the supply voltage: name the process, or bound supply_current."
        )
    volts = supply_voltage or 1.0
    weights = [requirement.weight for requirement in requirements]
    heaviest = max(weights, default=1.0) or 1.0

    def column(quantity: str) -> int:
        return quantities.index(SUPPLY_CURRENT if quantity == POWER else quantity)

    reach = screened.mean.min(0).values, screened.mean.max(0).values
    extremes = [
        float((reach[1] if o.sign > 0 else reach[0])[column(o.quantity)])
        * o.sign
        / float(scale[column(o.quantity)])
        for o in objectives
    ]
    return Problem(
        quantities=quantities,
        requirements=requirements,
        objectives=objectives,
        column=torch.tensor([column(r.quantity) for r in requirements], dtype=torch.long),
        sign=_doubles([r.sign for r in requirements]),
        bound=_doubles([_model_bound(specification, r, volts) for r in requirements]),
        weight=_doubles([weight / heaviest for weight in weights]),
        objective_column=torch.tensor([column(o.quantity) for o in objectives], dtype=torch.long),
        objective_sign=_doubles([o.sign for o in objectives]),
        objective_weight=_doubles([o.weight for o in objectives]),
        objective_aim=_doubles([extreme + 0.5 for extreme in extremes]),
        scale=scale,
        usual=screened.sigma.median(0).values,
    )


def physical(circuit: Circuit, quantity: str, values: Tensor) -> Tensor:
    """Values of a quantity from model space to physical units."""
    return 10.0**values if is_logarithmic(circuit, quantity) else values


def _model_bound(specification: Specification, requirement: Requirement, volts: float) -> float:
    bound = requirement.bound / volts if requirement.quantity == POWER else requirement.bound
    if is_logarithmic(specification.circuit, requirement.quantity):
        return math.log10(bound)
    return bound


def _doubles(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)
