from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from core.errors import InputError
from core.inverse import (
    Goal,
    GoalKind,
    ReferenceSettings,
    Specification,
    Tie,
    Workbench,
    design,
    guide,
    sensitivities,
    specification_from_flags,
)
from core.units import ratio
from tests.inverse.textbook import textbook_metrics

SIZES = (20.0, 10.0, 8.0, 1.0, 1.0, 1.0, 10e-6)


def match(bench: Workbench, share: float = 0.03) -> Specification:
    """A specification that one known design meets: every metric within a share of its own."""
    circuit = bench.forward.predictor.circuit
    values = textbook_metrics(torch.tensor([SIZES]))[0].tolist()
    goals = [
        Goal(name, GoalKind.RANGE, value - half, value + half)
        for name, value in zip(circuit.metric_names, values, strict=True)
        for half in [1.0 if name == "phase_margin" else share * value]
    ]
    return Specification(circuit, (*goals, Goal("gate_area", GoalKind.MAX, None, 80.0)))


def confirmed(candidates: pd.DataFrame, spec: Specification) -> np.ndarray:
    """Which candidates the closed form confirms."""
    names = spec.circuit.variable_names
    metrics = textbook_metrics(torch.tensor(candidates[names].to_numpy(dtype=float)))
    values = pd.DataFrame(metrics.numpy(), columns=spec.circuit.metric_names)
    values["gate_area"] = spec.circuit.gate_area(candidates).to_numpy()
    values["supply_current"] = 2.0 * candidates["ibias"].to_numpy()
    met = [r.margin(values[r.quantity]) >= 0 for r in spec.requirements]
    return np.all(met, axis=0)


def test_the_first_candidate_meets_a_narrow_specification(bench: Workbench) -> None:
    spec = match(bench)
    result = design(bench, spec)
    assert len(result.candidates) == 10
    assert confirmed(result.candidates, spec)[0]
    assert result.candidates["probability"].iloc[0] > 0.5
    assert result.conflicts == ()


def test_candidates_are_distinct_and_on_the_grid(bench: Workbench) -> None:
    result = design(bench, match(bench))
    circuit = result.specification.circuit
    sizes = result.candidates[circuit.variable_names]
    assert not sizes.duplicated().any()
    assert np.array_equal(circuit.snap(sizes).to_numpy(), sizes.to_numpy())


def test_the_same_seed_gives_the_same_candidates(bench: Workbench) -> None:
    first, second = (design(bench, match(bench), seed=3).candidates for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_limits_and_ties_hold_in_every_candidate(bench: Workbench) -> None:
    circuit = bench.forward.predictor.circuit
    spec = Specification(
        circuit,
        (Goal("dc_gain", GoalKind.MIN, 100.0), Goal("ugf", GoalKind.MIN, 10e6)),
        {"l1": (0.5, 0.5), "ibias": (5e-6, 10e-6)},
        (Tie("w2", "w1", 0.5),),
    )
    table = design(bench, spec).candidates
    assert (table["l1"] == 0.5).all()
    assert (table["ibias"] <= 10e-6).all()
    assert np.allclose(table["w2"], 0.5 * table["w1"])


def test_minimising_area_gives_a_smaller_amplifier_that_still_meets_the_spec(
    bench: Workbench,
) -> None:
    circuit = bench.forward.predictor.circuit
    bounds = (Goal("dc_gain", GoalKind.MIN, 200.0), Goal("ugf", GoalKind.MIN, 20e6))
    plain = Specification(circuit, bounds)
    small = Specification(circuit, (*bounds, Goal("gate_area", GoalKind.MINIMIZE)))
    one, other = design(bench, plain), design(bench, small)
    assert confirmed(other.candidates, plain)[0]
    assert other.candidates["gate_area"].iloc[0] < one.candidates["gate_area"].iloc[0]


def test_power_is_supply_current_times_supply(bench: Workbench) -> None:
    circuit = bench.forward.predictor.circuit
    goals = (Goal("power", GoalKind.MAX, None, 40e-6), Goal("dc_gain", GoalKind.MIN, 100.0))
    table = design(bench, Specification(circuit, goals), supply_voltage=3.3).candidates
    assert table["power"].to_numpy() == pytest.approx(
        3.3 * 2.0 * table["ibias"].to_numpy(), rel=0.01
    )
    assert table["power"].iloc[0] <= 40e-6
    with pytest.raises(InputError, match="needs the supply voltage"):
        design(bench, Specification(circuit, goals))


def test_an_impossible_slew_rate_is_named_with_what_is_possible(bench: Workbench) -> None:
    circuit = bench.forward.predictor.circuit
    spec = specification_from_flags(circuit, "2.5e8,50,5e6,60,100")
    result = design(bench, spec)
    assert not result.feasibility.feasible
    assert any("Slew rate at least 250 V/us cannot be met" in s for s in result.conflicts)
    limit = result.feasibility.limits[0]
    # The closed form: at most 20 uA into 1 pF.
    assert limit.alone == pytest.approx(20e6, rel=0.01)
    assert not limit.possible


def test_an_impossible_gain_is_named_in_both_notations(bench: Workbench) -> None:
    circuit = bench.forward.predictor.circuit
    spec = Specification(circuit, (Goal("dc_gain", GoalKind.MIN, 1e5),))
    result = design(bench, spec)
    alone = result.feasibility.limits[0].alone
    gap = 20 * np.log10(1e5 / alone)
    assert "DC gain at least 100.0 dB (100 kV/V) cannot be met" in result.conflicts[0]
    assert f"{ratio(alone)}, {gap:.2g} dB away" in result.conflicts[0]


def test_a_limit_that_is_in_the_way_is_named_with_what_it_costs(bench: Workbench) -> None:
    """The closed form: 5 uA into 1 pF are 5 V/us, and 20 uA would be 20."""
    circuit = bench.forward.predictor.circuit
    goals = (Goal("slewrate_pos", GoalKind.MIN, 12e6), Goal("dc_gain", GoalKind.MIN, 50.0))
    result = design(bench, Specification(circuit, goals, {"ibias": (5e-6, 5e-6)}))
    limit = result.feasibility.limits[0]
    assert limit.alone == pytest.approx(5e6, rel=0.01)
    assert limit.whole == pytest.approx(20e6, rel=0.01)
    assert "by any design within the limits on Ib" in result.conflicts[0]
    assert "Without these limits 20 V/us is reached." in result.conflicts[0]


def test_what_is_promised_lies_on_the_grid(bench: Workbench) -> None:
    """7 uA would do, but the bias comes in steps of 5 uA; 10 uA are the nearest that can be."""
    circuit = bench.forward.predictor.circuit
    goals = (
        Goal("slewrate_pos", GoalKind.MIN, 6e6),
        Goal("supply_current", GoalKind.MAX, None, 15e-6),
    )
    found = design(bench, Specification(circuit, goals)).feasibility
    current = found.limits[1]
    assert found.pairs == (("slewrate_pos >=", "supply_current <="),)
    assert current.together == pytest.approx(20e-6, rel=0.01)


def test_two_requirements_that_exclude_each_other_are_named_together(bench: Workbench) -> None:
    """Slew rate goes with the current, gain against its root: 20 V/us and 500 do not meet."""
    circuit = bench.forward.predictor.circuit
    goals = (Goal("slewrate_pos", GoalKind.MIN, 19e6), Goal("dc_gain", GoalKind.MIN, 500.0))
    result = design(bench, Specification(circuit, goals))
    assert result.feasibility.pairs == (("slewrate_pos >=", "dc_gain >="),)
    assert "conflicts with" in result.conflicts[0]


def test_only_a_requirement_whose_relaxing_is_enough_is_offered(bench: Workbench) -> None:
    """UGF beyond any reach together with a conflict of others: no one value mends that."""
    circuit = bench.forward.predictor.circuit
    conflict = (Goal("slewrate_pos", GoalKind.MIN, 19e6), Goal("dc_gain", GoalKind.MIN, 500.0))
    alone = design(bench, Specification(circuit, conflict)).feasibility
    assert [limit.resolves for limit in alone.limits] == [True, True]
    ugf = Goal("ugf", GoalKind.MIN, 1e9)
    found = design(bench, Specification(circuit, (*conflict, ugf))).feasibility
    assert not any(limit.resolves for limit in found.limits)
    assert "kept" not in found.sentences[-1]


def test_the_nearest_value_that_is_offered_can_be_had(bench: Workbench) -> None:
    circuit = bench.forward.predictor.circuit
    slew, gain = Goal("slewrate_pos", GoalKind.MIN, 19e6), Goal("dc_gain", GoalKind.MIN, 500.0)
    alone = design(bench, Specification(circuit, (slew, gain))).feasibility
    limit = alone.limits[1]
    relaxed_gain = Goal("dc_gain", GoalKind.MIN, limit.together)
    assert f"{limit.together:.3g}" in alone.sentences[0]
    again = design(bench, Specification(circuit, (slew, relaxed_gain)))
    assert again.feasibility.feasible
    assert again.candidates["probability"].iloc[0] > 0.5


def test_the_reference_method_solves_an_easy_specification(bench: Workbench) -> None:
    circuit = bench.forward.predictor.circuit
    spec = specification_from_flags(circuit, "5e6,100,1e7,60,1000")
    settings = ReferenceSettings(starts=32, steps=60, learning_rate=0.02, lbfgs_steps=10)
    result = design(bench, spec, method="reference", reference=settings)
    assert confirmed(result.candidates, spec).any()


def test_starts_of_the_user_are_taken(bench: Workbench) -> None:
    circuit = bench.forward.predictor.circuit
    starts = pd.DataFrame([SIZES], columns=circuit.variable_names)
    result = design(bench, match(bench, 0.01), starts=starts)
    assert confirmed(result.candidates, match(bench, 0.01))[0]


def test_guidance_counts_known_designs(bench: Workbench) -> None:
    circuit = bench.forward.predictor.circuit
    table = bench.forward.predictor.known_designs()
    expected = int((table.valid & (table.metrics["dc_gain"] >= 150.0)).sum())
    found = guide(bench, Specification(circuit, (Goal("dc_gain", GoalKind.MIN, 150.0),)))
    assert found.meeting == expected
    assert 0.0 < found.difficulty < 1.0


def test_guidance_counts_the_designs_that_the_limits_allow(bench: Workbench) -> None:
    circuit = bench.forward.predictor.circuit
    table = bench.forward.predictor.known_designs()
    allowed = table.designs["l1"].between(0.5, 1.0) & (table.designs["ibias"] <= 1e-5)
    expected = int((table.valid & allowed & (table.metrics["dc_gain"] >= 150.0)).sum())
    limits = {"l1": (0.5, 1.0), "ibias": (5e-6, 1e-5)}
    goals = (Goal("dc_gain", GoalKind.MIN, 150.0),)
    found = guide(bench, Specification(circuit, goals, limits))
    assert (found.known, found.meeting) == (int((table.valid & allowed).sum()), expected)
    assert "known designs within the limits meet" in found.sentence


def test_guidance_says_what_to_relax(bench: Workbench) -> None:
    circuit = bench.forward.predictor.circuit
    goals = (Goal("slewrate_pos", GoalKind.MIN, 1e9), Goal("dc_gain", GoalKind.MIN, 50.0))
    found = guide(bench, Specification(circuit, goals))
    assert found.meeting == 0
    assert found.relaxations[0].requirement.quantity == "slewrate_pos"
    assert found.relaxations[0].bound == pytest.approx(20e6)


def test_sensitivities_are_the_powers_of_the_formula(bench: Workbench) -> None:
    circuit = bench.forward.predictor.circuit
    table = sensitivities(bench, pd.Series(SIZES, index=circuit.variable_names))
    assert table.loc["slewrate_pos", "ibias"] == pytest.approx(1.0, abs=1e-4)
    assert table.loc["dc_gain", "ibias"] == pytest.approx(-0.5, abs=1e-4)
    assert table.loc["ugf", "w1"] == pytest.approx(0.5, abs=1e-4)
    assert table.loc["supply_current", "ibias"] == pytest.approx(1.0, abs=1e-3)


def test_no_candidates_or_an_unknown_method_is_refused(bench: Workbench) -> None:
    with pytest.raises(InputError, match="at least 1"):
        design(bench, match(bench), n=0)
    with pytest.raises(InputError, match="Unknown method"):
        design(bench, match(bench), method="magic")


def test_a_space_of_coarse_variables_alone_is_searched_too(bench: Workbench) -> None:
    circuit = bench.forward.predictor.circuit
    held = {"w1": 20.0, "w2": 10.0, "w3": 8.0, "l2": 1.0, "l3": 1.0}
    limits = {name: (value, value) for name, value in held.items()}
    spec = Specification(circuit, (Goal("slewrate_pos", GoalKind.MIN, 19e6),), limits)
    table = design(bench, spec, n=10).candidates
    assert len(table) == 10
    assert table["ibias"].iloc[0] == 20e-6


def test_an_objective_alone_finds_the_best_the_space_has(bench: Workbench) -> None:
    """The closed form's largest gain: W1 = 50, L1 = L2 = 2, I = 5 uA."""
    circuit = bench.forward.predictor.circuit
    result = design(bench, Specification(circuit, (Goal("dc_gain", GoalKind.MAXIMIZE),)))
    best = result.candidates.iloc[0]
    assert result.feasibility.feasible
    assert (best["w1"], best["l1"], best["l2"], best["ibias"]) == (50.0, 2.0, 2.0, 5e-6)


def test_one_size_that_is_free_is_enough_to_search(bench: Workbench) -> None:
    spec = match(bench)
    fixed = dict(zip(spec.circuit.variable_names, SIZES, strict=True))
    limits = {name: (size, size) for name, size in fixed.items() if name != "w1"}
    found = design(bench, Specification(spec.circuit, spec.goals, limits), n=3).candidates
    assert len(found) == 3
    assert all((found[name] == size).all() for name, (size, _) in limits.items())
    assert found["w1"].iloc[0] == pytest.approx(SIZES[0], rel=0.1)
