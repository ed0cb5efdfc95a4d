"""Does it say of an impossible specification that it is impossible, and why?"""

from __future__ import annotations

from typing import Any

from benchmarks.inverse.specs import FrozenSpec
from benchmarks.inverse.trial import Bench
from core.inverse import design, mdn_sampler
from core.inverse.feasibility import Feasibility

RECOGNITION = ("recognise",)


def recognition_cell(bench: Bench, spec: FrozenSpec) -> dict[str, Any]:
    """Whether the specification is called infeasible, and whether the conflict is named.

    Named is strict: what the construction set against each other has to be called so. Feasible
    specifications go through the same, so that crying wolf shows.
    """
    result = design(bench.work, spec.specification(bench.circuit), sampler=mdn_sampler(bench.run))
    found = result.feasibility
    return {
        "kind": spec.kind,
        "recognised": not found.feasible,
        "named": bool(spec.culprits) and names_conflict(found, set(spec.culprits)),
        "says": found.sentences[0] if found.sentences else "",
    }


def names_conflict(found: Feasibility, culprits: set[str]) -> bool:
    """Whether the culprits are named: one as impossible by itself, or two as a pair that conflicts.

    Of two culprits one that is called impossible by itself will do: with the limits it may be.
    """
    quantity = {limit.requirement.name: limit.requirement.quantity for limit in found.limits}
    alone = {limit.requirement.quantity for limit in found.limits if not limit.possible}
    pairs = [{quantity[name] for name in pair} for pair in found.pairs]
    return bool(culprits & alone) or culprits in pairs
