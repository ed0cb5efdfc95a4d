from __future__ import annotations

import math

import pandas as pd
import pytest
import torch

from core.errors import InputError
from core.inverse import (
    Goal,
    GoalKind,
    Simulated,
    Specification,
    Workbench,
    design,
    design_until,
    judge,
)
from tests.inverse.textbook import K_N, LOAD, textbook_metrics

# Reality departs from the model by this share: much more than its sigma of 1 %.
DEPARTURE = {"dc_gain": 0.93, "ugf": 1.05}


def reality(sizes: pd.DataFrame, circuit) -> Simulated:
    """The closed form with another gain and UGF than the predictor's; wide pairs do not work."""
    designs = torch.tensor(sizes[circuit.variable_names].to_numpy(dtype=float))
    values = pd.DataFrame(textbook_metrics(designs).numpy(), columns=circuit.metric_names)
    for name, factor in DEPARTURE.items():
        values[name] *= factor
    values["gate_area"] = circuit.gate_area(sizes).to_numpy()
    values["supply_current"] = 2.0 * sizes["ibias"].to_numpy()
    values["power"] = 3.3 * values["supply_current"]
    failure = (sizes["w1"] > 45).map({True: "tail source not saturated", False: ""})
    return Simulated(values, failure.reset_index(drop=True), "closed form")


def narrow(bench: Workbench) -> Specification:
    circuit = bench.forward.predictor.circuit
    goals = (
        Goal("dc_gain", GoalKind.RANGE, 150.0, 155.0),
        Goal("ugf", GoalKind.RANGE, 2.0e7, 2.06e7),
    )
    return Specification(circuit, goals)


def test_a_few_simulations_correct_a_biased_model(bench: Workbench) -> None:
    spec = narrow(bench)
    circuit = spec.circuit
    blind = design(bench, spec).candidates
    simulated = reality(blind, circuit)
    assert (judge(spec, simulated.values, simulated.failure)["verdict"] == "FAIL").all()
    campaign = design_until(bench, spec, lambda sizes: reality(sizes, circuit), confirmed=3)
    assert campaign.confirmed == 3
    assert len(campaign.table) <= 8


def test_no_design_is_simulated_twice_and_the_budget_holds(bench: Workbench) -> None:
    spec = narrow(bench)
    campaign = design_until(
        bench, spec, lambda s: reality(s, spec.circuit), confirmed=50, budget=9, batch=4
    )
    assert len(campaign.table) == 9
    assert not campaign.table[spec.circuit.variable_names].duplicated().any()


def test_a_verified_design_is_predicted_as_it_was_simulated(bench: Workbench) -> None:
    circuit = bench.forward.predictor.circuit
    sizes = circuit.snap(bench.known.iloc[:1] * 1.3)
    seen = reality(sizes, circuit)
    table = pd.concat([sizes.reset_index(drop=True), seen.values], axis=1).assign(failure="")
    learned = bench.learn(table)
    design_there = torch.tensor(sizes.to_numpy(dtype=float))
    gain = bench.forward.quantities.index("dc_gain")
    before, after = bench.forward(design_there), learned.forward(design_there)
    truth = torch.log10(torch.tensor(seen.values["dc_gain"].iloc[0]))
    assert abs(after.mean[0, gain] - truth) < 0.1 * abs(before.mean[0, gain] - truth)
    assert after.sigma[0, gain] < 0.3 * before.sigma[0, gain]


def test_failures_are_rejected_and_counted(bench: Workbench) -> None:
    circuit = bench.forward.predictor.circuit
    spec = Specification(circuit, (Goal("ugf", GoalKind.MIN, 1e7),), {"w1": (46.0, 50.0)})
    campaign = design_until(bench, spec, lambda s: reality(s, circuit), budget=3)
    assert campaign.confirmed == 0
    assert campaign.rejections == {"tail source not saturated": 3}


def test_what_cannot_be_met_is_given_up_after_a_few_simulations(bench: Workbench) -> None:
    circuit = bench.forward.predictor.circuit
    spec = Specification(circuit, (Goal("slewrate_pos", GoalKind.MIN, 1e9),))
    campaign = design_until(bench, spec, lambda s: reality(s, circuit), budget=100)
    assert campaign.hopeless
    assert len(campaign.table) == 5


def test_a_model_that_sees_no_chance_is_not_believed_at_once(bench: Workbench) -> None:
    """In reality UGF is 5 % above what the model says, ten of its sigmas; then it has learned."""
    circuit = bench.forward.predictor.circuit
    widest, shortest, most = 45.0, 0.5, 2e-5
    best = math.sqrt(K_N * widest / shortest * most) / (2.0 * math.pi * LOAD)
    spec = Specification(circuit, (Goal("ugf", GoalKind.MIN, 1.03 * best),), {"w1": (1.0, widest)})
    campaign = design_until(bench, spec, lambda s: reality(s, circuit), budget=100)
    assert campaign.confirmed == 1
    assert not campaign.hopeless


def test_a_budget_below_one_is_refused(bench: Workbench) -> None:
    spec = narrow(bench)
    with pytest.raises(InputError, match="budget is 0"):
        design_until(bench, spec, lambda s: reality(s, spec.circuit), budget=0)


def test_a_campaign_ends_where_every_design_that_is_allowed_was_simulated(
    bench: Workbench,
) -> None:
    circuit = bench.forward.predictor.circuit
    fixed = {"w1": 20.0, "w2": 10.0, "l1": 1.0, "l2": 1.0, "l3": 1.0, "ibias": 1e-5}
    limits = {name: (size, size) for name, size in fixed.items()} | {"w3": (8.0, 9.0)}
    spec = Specification(circuit, (Goal("dc_gain", GoalKind.MIN, 1.0),), limits)
    asked = design_until(bench, spec, lambda sizes: reality(sizes, circuit), confirmed=9, budget=9)
    assert sorted(asked.table["w3"]) == [8.0, 8.5, 9.0]
    assert asked.confirmed == 3
    assert asked.hopeless
