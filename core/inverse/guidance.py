"""Help while a specification is being set: how many designs still meet it, and what binds."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor

from core.inverse.goals import POWER, Requirement, label_and_unit, value_text
from core.inverse.pools import pose
from core.inverse.problem import Problem, physical
from core.inverse.specification import Specification
from core.inverse.workbench import Workbench

SLACK = 1e-6  # of a limit: sizes in tables have six digits


@dataclass(frozen=True)
class Relaxation:
    """What giving way on one requirement alone would do.

    Attributes:
        requirement: the one to relax.
        bound: the value that the best known design reaches while it meets all the others;
            NaN where no known design meets the others.
        known: how many known designs meet everything else.
        alone: how many known designs meet this requirement, whatever the others.
    """

    requirement: Requirement
    bound: float
    known: int
    alone: int


@dataclass(frozen=True)
class Guidance:
    """Where a specification stands.

    Attributes:
        known: number of known working designs, within the limits on the sizes.
        meeting: how many of them meet everything, as simulated.
        difficulty: share of random designs that meet everything, by the model.
        relaxations: one a requirement, the most effective first.
        sentence: the same in words.
    """

    known: int
    meeting: int
    difficulty: float
    relaxations: tuple[Relaxation, ...]
    sentence: str


def guide(
    bench: Workbench, specification: Specification, supply_voltage: float | None = None
) -> Guidance:
    """Count known designs, estimate the difficulty, and find what to relax; milliseconds.

    Raises:
        InputError: a power goal without a supply voltage.
    """
    question = pose(bench, specification, supply_voltage)
    problem, measured = question.problem, bench.measured
    allowed = pd.Series(True, index=bench.known.index)
    for name, (low, high) in specification.limits.items():
        allowed &= bench.known[name].between(low * (1.0 - SLACK), high * (1.0 + SLACK))
    working = (measured.validity > 0) & measured.mean.isfinite().all(1)
    working &= torch.from_numpy(allowed.to_numpy(copy=True))
    margins = problem.margins(measured.rows(working))
    met = margins >= 0
    library = question.library
    chances = torch.exp(problem.log_probability(library.outcome))[library.known :]
    relaxations = sorted(
        (
            _relaxation(
                question.problem, specification, measured.mean[working], met, k, supply_voltage
            )
            for k in range(len(problem.requirements))
        ),
        key=lambda item: (-item.known, item.alone),
    )
    count = int(met.all(1).sum())
    return Guidance(
        known=int(working.sum()),
        meeting=count,
        difficulty=float(chances.mean()) if len(chances) else 0.0,
        relaxations=tuple(relaxations),
        sentence=_sentence(specification, int(working.sum()), count, relaxations),
    )


def _relaxation(
    problem: Problem,
    specification: Specification,
    values: Tensor,
    met: Tensor,
    k: int,
    supply_voltage: float | None,
) -> Relaxation:
    alone = int(met[:, k].sum())
    others = met.clone()
    others[:, k] = True
    rows = others.all(1)
    requirement = problem.requirements[k]
    if not bool(rows.any()):
        return Relaxation(requirement, float("nan"), 0, alone)
    reached = values[rows, int(problem.column[k])] * problem.sign[k]
    best = physical(specification.circuit, requirement.quantity, reached.max() * problem.sign[k])
    volts = (supply_voltage or 1.0) if requirement.quantity == POWER else 1.0
    return Relaxation(requirement, float(best) * volts, int(rows.sum()), alone)


def _sentence(
    specification: Specification, known: int, meeting: int, relaxations: list[Relaxation]
) -> str:
    within = " within the limits" if specification.limits else ""
    text = f"{meeting} of {known:,} known designs{within} meet all requirements."
    helpful = [item for item in relaxations if item.known > meeting]
    if not helpful:
        return text if meeting else f"{text} {_hopeless(specification, relaxations)}"
    best, circuit = helpful[0], specification.circuit
    quantity = best.requirement.quantity
    label, _ = label_and_unit(circuit, quantity)
    if meeting:
        return f"{text} Tightest: {label}; without it {best.known} would."
    bound = value_text(circuit, quantity, best.bound)
    return f"{text} Tightest: {label}; relaxed to {bound}, one would."


def _hopeless(specification: Specification, relaxations: list[Relaxation]) -> str:
    rare = relaxations[0]
    text = rare.requirement.text(specification.circuit)
    return f"No single one to relax: {text} is met by {rare.alone}."
