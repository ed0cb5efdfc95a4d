"""What cannot be met: which requirement alone, which pair together, and the nearest that can."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import torch
from torch import Tensor

from core.circuits import Circuit
from core.inverse.forward import Outcome, join
from core.inverse.gauss_newton import Stretch, solve
from core.inverse.goals import (
    POWER,
    SUPPLY_CURRENT,
    Requirement,
    is_logarithmic,
    label_and_unit,
    round_safely,
    value_text,
)
from core.inverse.library import Library, evaluate
from core.inverse.problem import Problem, physical
from core.inverse.space import DesignSpace
from core.inverse.starts import SCREEN_FLOOR
from core.inverse.workbench import Workbench
from core.units import decibels, engineering

OPTIMISM = 1.645
# Sigmas that an offer stays on the safe side, the most that leaves one: it is a lucky one of many.
ROOMS = (2.0, 1.0, 0.0)
ROWS = 12
ITERATIONS = 10
NEAR = 0.01  # of the typical spread
NEAR_SIGMA = 0.5


@dataclass(frozen=True)
class Limit:
    """How far one requirement can be pushed.

    Attributes:
        requirement: the requirement.
        alone: best value of its quantity while every other requirement is dropped, by the model's
            median.
        together: best value while the others hold as well as they can; two sigmas on the safe
            side where there is a choice, and so rounded, to the digits that a sentence shows.
        possible: whether some design's 90 % interval reaches it, whatever the others.
        whole: best value among designs that no limits and ties hold back, whatever the others.
        resolves: whether asking for ``together`` instead is enough, since all others hold then.
    """

    requirement: Requirement
    alone: float
    together: float
    possible: bool
    whole: float
    resolves: bool

    @property
    def met_together(self) -> bool:
        """Whether some design meets it with the others."""
        return bool(self.requirement.margin(self.together) >= 0)


@dataclass(frozen=True)
class Feasibility:
    """The verdict on a specification.

    Attributes:
        probability: of the best design found.
        difficulty: share of random designs that meet everything, by the model.
        feasible: whether a design is known whose 90 % intervals reach every requirement.
        limits: how far each requirement goes; empty where the specification can be met.
        pairs: names of requirements that are met alone but not together.
        sentences: the verdict in words; empty where the specification can be met.
    """

    probability: float
    difficulty: float
    feasible: bool
    limits: tuple[Limit, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
    sentences: tuple[str, ...] = field(default=())


def reachable(problem: Problem, outcome: Outcome) -> bool:
    """Whether a working design is among them whose 90 % intervals reach every requirement."""
    return bool(_within_reach(problem, outcome).all(1).any())


def _within_reach(problem: Problem, outcome: Outcome) -> Tensor:
    """Mask (n x c): the design is likely to work, and its 90 % interval reaches the requirement."""
    margins = problem.margins(outcome)
    reach = margins + OPTIMISM * problem.judging_sigma(outcome, margins, 0.0)
    return (reach >= -1e-9) & (outcome.validity > 0.5)[:, None]


def assess(
    bench: Workbench,
    space: DesignSpace,
    problem: Problem,
    library: Library,
    found: Outcome,
    supply_voltage: float | None,
) -> Feasibility:
    """Judge a specification after the search that found `found`; quick where it can be met."""
    best = float(torch.exp(problem.log_probability(found).max())) if len(found.mean) else 0.0
    chances = torch.exp(problem.log_probability(library.outcome))[library.known :]
    difficulty = float(chances.mean())
    if reachable(problem, found):
        return Feasibility(best, difficulty, feasible=True)
    explorer = Explorer(bench, space, problem, library)
    volts = supply_voltage or 1.0
    seen = join([library.outcome, found, explorer.alone()])
    possible = _possible(problem, seen)
    together = explorer.together(possible)
    seen = join([seen, together, explorer.pairs(_unmet_pairs(problem, seen, possible))])
    limits = _limits(bench, problem, seen, possible, volts)
    pairs = tuple(
        (problem.requirements[a].name, problem.requirements[b].name)
        for a, b in _unmet_pairs(problem, seen, possible)
    )
    compromise = _compromise(bench, problem, seen, volts)
    sentences = _sentences(space, limits, pairs, compromise, best)
    return Feasibility(best, difficulty, False, limits, pairs, sentences)


@dataclass(frozen=True)
class Explorer:
    """Pushes requirements as far as they go, many variants of the problem in one batch."""

    bench: Workbench
    space: DesignSpace
    problem: Problem
    library: Library

    def alone(self) -> Outcome:
        """Each requirement on its own."""
        count = len(self.problem.requirements)
        return self._run([({k}, k) for k in range(count)])

    def together(self, possible: Tensor) -> Outcome:
        """Each requirement while the others that can be met at all are kept."""
        count = len(self.problem.requirements)
        kept = {k for k in range(count) if possible[k]}
        return self._run([(kept - {k}, k) for k in range(count)])

    def pairs(self, pairs: list[tuple[int, int]]) -> Outcome:
        """Two requirements at once, nothing else."""
        return self._run([(set(pair), pair[0]) for pair in pairs])

    def _run(self, variants: list[tuple[set[int], int]]) -> Outcome:
        """Solve every variant (requirements that are kept, one that is pushed) from the best
        screened starts for it."""
        outcome, problem = self.library.outcome, self.problem
        if not variants:
            return outcome.rows(torch.empty(0, dtype=torch.long))
        count = len(problem.requirements)
        t = problem.standardised(outcome, SCREEN_FLOOR)
        doubt = -2.0 * torch.log(outcome.validity.clamp_min(1e-12))
        begin, weights, pushes = [], [], []
        for kept, pushed in variants:
            weight = torch.full((count,), 1e-6, dtype=torch.float64)
            weight[list(kept)] = 1.0
            push = torch.zeros(count, dtype=torch.float64)
            push[pushed] = max(float(problem.margins(outcome)[:, pushed].max()), 0.0)
            push[pushed] = push[pushed] / float(problem.scale[problem.column[pushed]]) + 1.0
            miss = (weight * torch.relu(-t).square()).sum(1) + doubt - 0.2 * t[:, pushed]
            rows = torch.topk(-miss, min(ROWS, len(miss))).indices
            begin.append(self.library.index[rows])
            weights.append(weight.expand(len(rows), count))
            pushes.append(push.expand(len(rows), count))
        fine = ~self.space.coarse
        unit, _ = solve(
            self.bench.slopes,
            self.space,
            self.bench.region,
            problem,
            self.space.unit_of(torch.cat(begin)),
            movable=fine if bool(fine.any()) else ~fine,
            iterations=ITERATIONS,
            stretch=Stretch(torch.cat(weights) / problem.weight.clamp_min(1e-6), torch.cat(pushes)),
        )
        # Only what is on the grid can be built, and so be promised.
        snapped = self.space.snap(unit)
        return evaluate(self.bench.forward, self.space.designs(self.space.unit_of(snapped)))


def _possible(problem: Problem, seen: Outcome) -> Tensor:
    """Which requirements (c) some working design meets."""
    return _within_reach(problem, seen).any(0)


def _unmet_pairs(problem: Problem, seen: Outcome, possible: Tensor) -> list[tuple[int, int]]:
    met = _within_reach(problem, seen)
    count = len(problem.requirements)
    return [
        (a, b)
        for a, b in itertools.combinations(range(count), 2)
        if possible[a] and possible[b] and not bool((met[:, a] & met[:, b]).any())
    ]


def _limits(
    bench: Workbench, problem: Problem, seen: Outcome, possible: Tensor, volts: float
) -> tuple[Limit, ...]:
    """Best value of each requirement's quantity, alone and with the others nearly kept."""
    working, anywhere = _working(seen), _working(join([seen, bench.library.outcome]))
    margins, margins_anywhere = problem.margins(working), problem.margins(anywhere)
    scale, sigma = problem.scale[problem.column], working.sigma[:, problem.column]
    hair = torch.minimum(NEAR * scale, NEAR_SIGMA * sigma)
    # A hair of violation is the solver's tolerance, not a conflict; but what is known precisely
    # (supply current, area) has to hold precisely.
    short = torch.relu(-margins - hair) / scale
    limits = []
    for k, requirement in enumerate(problem.requirements):
        others = torch.arange(len(problem.requirements)) != k
        missed = (short * possible)[:, others].square().sum(1)
        for room in ROOMS:
            surely = (margins - room * sigma)[:, others] >= -1e-9
            eligible = surely.all(1) if room else missed <= missed.min() + 1e-9
            if bool(eligible.any()):
                break
        pushed = margins[:, k] - room * sigma[:, k]
        best_together = int(torch.where(eligible, pushed, -torch.inf).argmax())
        column, sign = int(problem.column[k]), float(problem.sign[k])
        values = torch.stack(
            [
                working.mean[margins[:, k].argmax(), column],
                working.mean[best_together, column] - sign * room * sigma[best_together, k],
                anywhere.mean[margins_anywhere[:, k].argmax(), column],
            ]
        )
        name = SUPPLY_CURRENT if requirement.quantity == POWER else requirement.quantity
        factor = volts if requirement.quantity == POWER else 1.0
        circuit = bench.forward.predictor.circuit
        alone, together, whole = (factor * physical(circuit, name, values)).tolist()
        if requirement.margin(together) < 0:
            together = round_safely(together, sign)
        resolves = not bool(short[best_together, others].any())
        limits.append(Limit(requirement, alone, together, bool(possible[k]), whole, resolves))
    return tuple(limits)


def _working(seen: Outcome) -> Outcome:
    works = seen.validity > 0.5
    return seen.rows(works) if bool(works.any()) else seen


def _sentences(
    space: DesignSpace,
    limits: tuple[Limit, ...],
    pairs: tuple[tuple[str, str], ...],
    compromise: list[str],
    best: float,
) -> tuple[str, ...]:
    circuit = space.circuit
    by_name = {limit.requirement.name: limit for limit in limits}
    labels = ", ".join(circuit.variable(name).label for name in space.restricted)
    within = f" within the limits on {labels}" if labels else ""
    found = [_alone_sentence(circuit, limit, within) for limit in limits if not limit.possible]
    for first, second in pairs:
        one, other = by_name[first], by_name[second]
        ways = [_reach(circuit, limit) for limit in (one, other) if limit.resolves]
        found.append(
            f"{one.requirement.text(circuit)} conflicts with {other.requirement.text(circuit)}"
            f"{within}{': with all else kept, ' if ways else ''}{', or '.join(ways)}."
        )
    if not found:
        found += [
            f"{limit.requirement.text(circuit)} cannot be met together with the others{within}: "
            f"{_reach(circuit, limit)} while they hold."
            for limit in limits
            if limit.resolves and not limit.met_together
        ]
    if not found and compromise:
        found.append(
            f"No single requirement is in the way{within}; the best compromise found gives "
            f"{', '.join(compromise)}."
        )
    if not found:
        found.append(
            "Every requirement can be met, but hardly all at once with certainty: the best design "
            f"found meets everything with probability {best:.2g}."
        )
    return tuple(found)


def _compromise(bench: Workbench, problem: Problem, seen: Outcome, volts: float) -> list[str]:
    """What the design that misses least, in typical spreads, has where it misses."""
    working, circuit = _working(seen), bench.forward.predictor.circuit
    missed = torch.relu(-problem.margins(working)) / problem.scale[problem.column]
    best = int((problem.weight * missed.square()).sum(1).argmin())
    parts = []
    for k, requirement in enumerate(problem.requirements):
        if float(missed[best, k]) > NEAR:
            name = SUPPLY_CURRENT if requirement.quantity == POWER else requirement.quantity
            value = float(physical(circuit, name, working.mean[best, int(problem.column[k])]))
            label, _ = label_and_unit(circuit, requirement.quantity)
            value *= volts if requirement.quantity == POWER else 1.0
            parts.append(f"{label} {value_text(circuit, requirement.quantity, value)}")
    return parts


def _alone_sentence(circuit: Circuit, limit: Limit, within: str) -> str:
    requirement = limit.requirement
    by = f"{_gap(circuit, requirement, limit.alone)} away"
    alone, together, whole = (
        value_text(circuit, requirement.quantity, value)
        for value in (limit.alone, limit.together, limit.whole)
    )
    kept = "the other requirements kept" if limit.resolves else "the others kept where possible"
    best = f"{alone} on its own, {by}, and {together} with {kept}"
    text = (
        f"{requirement.text(circuit)} cannot be met by any design{within or ' of this circuit'}: "
        f"the best is {f'{alone}, {by}' if alone == together else best}."
    )
    if within and requirement.margin(limit.whole) >= 0:
        text += f" Without these limits {whole} is reached."
    return text


def _gap(circuit: Circuit, requirement: Requirement, reached: float) -> str:
    """Say how far off a value is: decibels of a voltage ratio, a factor where that is large."""
    quantity, (low, high) = requirement.quantity, sorted((reached, requirement.bound))
    if quantity in circuit.metric_names and circuit.metric(quantity).decibels:
        return f"{decibels(high / low):.2g} dB"
    if is_logarithmic(circuit, quantity) and high > 1.5 * low:
        return f"a factor of {high / low:.3g}"
    return engineering(high - low, label_and_unit(circuit, quantity)[1])


def _reach(circuit: Circuit, limit: Limit) -> str:
    quantity = limit.requirement.quantity
    label, _ = label_and_unit(circuit, quantity)
    return f"{label} reaches {value_text(circuit, quantity, limit.together)}"
