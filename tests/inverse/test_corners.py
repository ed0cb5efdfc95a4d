from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from core.circuits import load_circuit
from core.inverse import Goal, GoalKind, Specification
from core.inverse.corners import CornerTable, simulate_corners, standard_conditions, tightened
from core.inverse.mismatch_yield import simulate_yield, yield_of
from core.spice.process import load_process

SIZES = {"w1": 10.0, "w2": 5.0, "w3": 8.0, "l1": 1.0, "l2": 1.0, "l3": 1.0, "ibias": 1e-5}


def spec() -> Specification:
    goals = (
        Goal("dc_gain", GoalKind.MIN, 50.0),
        Goal("phase_margin", GoalKind.RANGE, 40.0, 100.0),
        Goal("supply_current", GoalKind.MAX, None, 1e-4),
    )
    return Specification(load_circuit("5t_opamp"), goals)


def test_there_are_seventeen_conditions_and_the_typical_one_is_first() -> None:
    conditions = standard_conditions(load_process("gf180mcu"))
    assert len(conditions) == len(set(conditions)) == 17
    assert (conditions[0].corner, conditions[0].supply) == ("tt", 3.3)
    assert {c.temperature for c in conditions[1:]} == {-40.0, 125.0}
    assert sorted({round(c.supply, 2) for c in conditions[1:]}) == [2.97, 3.63]


def test_bounds_move_by_what_the_corners_take() -> None:
    """A gain that loses a tenth asks for a ninth more; an angle moves by the difference.

    The second design collapses in some corners; the sturdier first one sets the bounds.
    """
    rows = [
        ("dc_gain", 90.0, 100.0, 120.0),
        ("phase_margin", 55.0, 60.0, 70.0),
        ("supply_current", 1e-5, 2e-5, 3e-5),
    ]
    spread = pd.DataFrame(rows, columns=["quantity", "minimum", "typical", "maximum"])
    worst = pd.DataFrame({"candidate": [1, 2], "held": [17, 3]})
    collapsed = spread.assign(candidate=2, minimum=1e-9)
    both = pd.concat([spread.assign(candidate=1), collapsed])
    corners = CornerTable(pd.DataFrame(), both, worst)
    bounds = {r.name: r.bound for r in tightened(spec(), corners).requirements}
    assert bounds["dc_gain >="] == pytest.approx(50.0 / 0.9)
    assert bounds["phase_margin >="] == pytest.approx(45.0)
    assert bounds["phase_margin <="] == pytest.approx(90.0)
    assert bounds["supply_current <="] == pytest.approx(1e-4 * 2.0 / 3.0)


@pytest.mark.ngspice
def test_a_design_passes_the_corners_where_every_condition_passes() -> None:
    conditions = standard_conditions(load_process("gf180mcu"))[:4]
    sizes = pd.DataFrame([SIZES])
    corners = simulate_corners(
        spec(), sizes, load_process("gf180mcu"), conditions=conditions, engine="ngspice"
    )
    assert len(corners.table) == 4
    worst = corners.worst.iloc[0]
    assert worst["dc_gain >= margin"] == corners.table["dc_gain >= margin"].min()
    assert (worst["verdict"] == "PASS") == (corners.table["verdict"] == "PASS").all()
    row = corners.spread[corners.spread["quantity"] == "dc_gain"].iloc[0]
    assert row["minimum"] <= row["typical"] <= row["maximum"]


@pytest.mark.ngspice
def test_mismatch_spreads_the_samples_and_the_yield_counts_them() -> None:
    found = simulate_yield(
        spec(), pd.Series(SIZES), load_process("gf180mcu"), 6, seed=1, engine="ngspice"
    )
    assert len(found.table) == 6
    assert found.table["cmrr"].std() > 0
    assert found.low <= found.share <= found.high


def test_the_interval_of_the_yield_is_the_exact_one() -> None:
    """All of 20 passing: the lower end solves p^20 = 0.025."""
    table = pd.DataFrame({"verdict": ["PASS"] * 20})
    found = yield_of(table)
    assert found.share == found.high == 1.0
    assert found.low == pytest.approx(0.025 ** (1 / 20))
    assert np.isclose(yield_of(pd.DataFrame({"verdict": ["PASS", "FAIL"]})).share, 0.5)
