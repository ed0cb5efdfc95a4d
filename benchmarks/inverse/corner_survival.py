"""Do designs that are said to hold in all 17 corners hold, and do nominal ones?"""

from __future__ import annotations

from typing import Any

from benchmarks.inverse.specs import PROCESS, FrozenSpec
from benchmarks.inverse.trial import Bench
from core.inverse import design_for_corners, design_until, mdn_sampler, simulate_corners
from core.spice import load_process

CORNER_METHODS = ("for corners", "nominal only")
RETURNED = 3
NOMINAL_BUDGET = 20


def corner_cell(bench: Bench, spec: FrozenSpec, method: str) -> dict[str, Any]:
    """How many designs are returned as good, and how many of them hold in all conditions.

    `for corners` sizes with room for the corners; what it returns claims all of them, and
    `first_round` is how many of the first round's candidates hold before any corner was seen.
    `nominal only` is the closed loop at the typical condition, its claims the typical one only.
    Every claim is simulated anew in all 17 conditions.
    """
    goals = spec.specification(bench.circuit)
    process, sampler = load_process(PROCESS), mdn_sampler(bench.run)
    row: dict[str, Any] = {}
    if method == "for corners":
        found = design_for_corners(bench.work, goals, process, k=RETURNED, sampler=sampler)
        returned, spent = found.confirmed, len(found.conditions)
        row["first_round"] = int(found.table["confirmed"].iloc[:RETURNED].sum())
        row["proposed"] = len(found.table)
    else:
        campaign = design_until(
            bench.work,
            goals,
            bench.oracle,
            confirmed=RETURNED,
            budget=NOMINAL_BUDGET,
            sampler=sampler,
        )
        returned = campaign.table[campaign.table["verdict"] == "PASS"]
        spent = len(campaign.table)
    survived = 0
    if len(returned):
        sizes = returned[bench.circuit.variable_names].reset_index(drop=True)
        worst = simulate_corners(goals, sizes, process).worst
        survived = int((worst["verdict"] == "PASS").sum())
    return row | {"returned": len(returned), "survived": survived, "spent": spent}
