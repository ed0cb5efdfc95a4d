"""Does it say of an impossible specification that it is impossible, and why?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchmarks.inverse.specs import FrozenSpec
from benchmarks.inverse.trial import Bench
from core.inverse import Goal, Specification, design, design_until, mdn_sampler
from core.inverse.feasibility import Feasibility, Limit

RECOGNITION = ("recognise",)
PROMISE_BUDGET = 3


def recognition_cell(bench: Bench, spec: FrozenSpec) -> dict[str, Any]:
    """Whether the specification is called infeasible, and whether the conflict is named.

    Named is strict: what the construction set against each other has to be called so. Feasible
    specifications go through the same, so that crying wolf shows. Where the nearest value of one
    requirement is offered, `kept` says whether SPICE confirms a design for it.
    """
    goals, sampler = spec.specification(bench.circuit), mdn_sampler(bench.run)
    found = design(bench.work, goals, sampler=sampler).feasibility
    offered = next((one for one in found.limits if one.resolves and not one.met_together), None)
    kept = None
    if offered is not None:
        wanted = _relaxed(goals, offered)
        tried = design_until(
            bench.work, wanted, bench.oracle, budget=PROMISE_BUDGET, sampler=sampler
        )
        kept = tried.confirmed > 0
    return {
        "kind": spec.kind,
        "recognised": not found.feasible,
        "named": bool(spec.culprits) and names_conflict(found, set(spec.culprits)),
        "kept": kept,
        "says": found.sentences[0] if found.sentences else "",
    }


def _relaxed(goals: Specification, offered: Limit) -> Specification:
    """The specification with one bound moved to the nearest value that is offered."""

    def moved(goal: Goal) -> Goal:
        if goal.quantity != offered.requirement.quantity:
            return goal
        return replace(
            goal, **{"low" if offered.requirement.sign > 0 else "high": offered.together}
        )

    return replace(goals, goals=tuple(map(moved, goals.goals)))


def names_conflict(found: Feasibility, culprits: set[str]) -> bool:
    """Whether the culprits are named: one as impossible by itself, or two as a pair that conflicts.

    Of two culprits one that is called impossible by itself will do: with the limits it may be.
    """
    quantity = {limit.requirement.name: limit.requirement.quantity for limit in found.limits}
    alone = {limit.requirement.quantity for limit in found.limits if not limit.possible}
    pairs = [{quantity[name] for name in pair} for pair in found.pairs]
    return bool(culprits & alone) or culprits in pairs
