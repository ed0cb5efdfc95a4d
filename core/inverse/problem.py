"""The question as the solvers see it: standardised margins of requirements, their probability.

With the predictor's calibrated mean mu and standard deviation sigma of each quantity (in model
space: log10, the phase margin in degrees), a requirement with bound b holds with probability
Phi(t), t = +-(mu - b) / sigma. The probability that a design meets the whole specification is the
product over the requirements, times the probability that it is a working amplifier at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from core.circuits import Circuit
from core.errors import InputError
from core.inverse.forward import Outcome
from core.inverse.goals import (
    POWER,
    SUPPLY_CURRENT,
    Objective,
    Requirement,
    is_logarithmic,
)
from core.inverse.specification import Specification
from core.inverse.tails import log_heavy


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
