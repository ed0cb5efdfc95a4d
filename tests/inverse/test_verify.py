from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from core.circuits import load_circuit
from core.errors import InputError
from core.inverse import Goal, GoalKind, Specification, Workbench, design, judge, verify
from core.spice.process import load_process


def spec() -> Specification:
    goals = (
        Goal("dc_gain", GoalKind.MIN, 100.0),
        Goal("phase_margin", GoalKind.RANGE, 60.0, 75.0),
        Goal("gate_area", GoalKind.MAX, None, 50.0),
    )
    return Specification(load_circuit("5t_opamp"), goals)


def verdicts(gain: float, margin: float, area: float, failure: str = "") -> pd.Series:
    values = pd.DataFrame({"dc_gain": [gain], "phase_margin": [margin], "gate_area": [area]})
    return judge(spec(), values, pd.Series([failure])).iloc[0]


def test_margins_are_counted_towards_the_good_side() -> None:
    row = verdicts(120.0, 70.0, 45.0)
    assert row["dc_gain >= margin"] == 20.0
    assert row["phase_margin <= margin"] == 5.0
    assert row["gate_area <= margin"] == 5.0
    assert row["verdict"] == "PASS"


def test_one_missed_requirement_fails_the_design() -> None:
    row = verdicts(99.0, 70.0, 45.0)
    assert row["dc_gain >="] == "FAIL"
    assert row["phase_margin >="] == "PASS"
    assert row["verdict"] == "FAIL"


def test_a_bound_that_is_met_exactly_is_met() -> None:
    assert verdicts(100.0, 60.0, 50.0)["verdict"] == "PASS"


def test_good_numbers_of_a_circuit_that_does_not_work_fail() -> None:
    assert verdicts(120.0, 70.0, 45.0, "M5 not saturated")["verdict"] == "FAIL"


def test_what_was_not_measured_fails() -> None:
    assert verdicts(120.0, np.nan, 45.0)["verdict"] == "FAIL"


def test_more_candidates_than_there_are_cannot_be_verified(bench: Workbench) -> None:
    circuit = bench.forward.predictor.circuit
    result = design(bench, Specification(circuit, (Goal("ugf", GoalKind.MIN, 1e7),)), n=3)
    with pytest.raises(InputError, match="give a number from 1 to 3"):
        verify(result, 4, load_process("gf180mcu"))
