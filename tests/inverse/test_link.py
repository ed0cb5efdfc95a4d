"""A specification as text, and back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.circuits import load_circuit
from core.data import DomainTable
from core.errors import InputError
from core.inverse.goals import Goal, GoalKind
from core.inverse.link import (
    specification_from_text,
    specification_to_text,
    starting_specification,
)
from core.inverse.specification import Specification

CIRCUIT = load_circuit("5t_opamp")


def test_every_kind_of_goal_and_a_limit_come_back():
    wanted = Specification(
        CIRCUIT,
        (
            Goal("dc_gain", GoalKind.MIN, low=200.0),
            Goal("ugf", GoalKind.RANGE, 8e5, 2e6, 0.9),
            Goal("cmrr", GoalKind.MAX, high=3e4),
            Goal("phase_margin", GoalKind.TARGET, 63.0, 67.0),
            Goal("slewrate_pos", GoalKind.MAXIMIZE),
            Goal("gate_area", GoalKind.MINIMIZE, weight=0.5),
        ),
        {"l1": (0.5, 1.0)},
    )
    text = specification_to_text(wanted)
    assert specification_from_text(text, CIRCUIT) == wanted


def test_the_text_is_what_people_would_write():
    wanted = Specification(CIRCUIT, (Goal("ugf", GoalKind.RANGE, 8e5, 2e6, 0.9),))
    assert specification_to_text(wanted) == "ugf range 800000..2e+06 w0.9"


def test_an_ignored_goal_is_left_out():
    goals = (Goal("ugf", GoalKind.MIN, low=1e6), Goal("cmrr", GoalKind.IGNORE))
    assert specification_to_text(Specification(CIRCUIT, goals)) == "ugf min 1e+06"


@pytest.mark.parametrize(
    "text", ["ugf atleast 1e6", "ugf", "limit w1 1", "ugf min 1e6e", "<script>"]
)
def test_what_is_no_specification_is_refused_with_its_place(text):
    with pytest.raises(InputError, match="is no part of a specification"):
        specification_from_text(text, CIRCUIT)


def test_an_unknown_metric_in_a_link_is_named():
    with pytest.raises(InputError, match='"gain"'):
        specification_from_text("gain min 100", CIRCUIT)


@given(st.floats(1e-3, 1e9), st.floats(1e-3, 10))
def test_numbers_survive_to_six_digits(bound, weight):
    wanted = Specification(CIRCUIT, (Goal("ugf", GoalKind.MIN, low=bound, weight=weight),))
    goal = specification_from_text(specification_to_text(wanted), CIRCUIT).goals[0]
    assert goal.low == pytest.approx(bound, rel=1e-5)
    assert goal.weight == pytest.approx(weight, rel=1e-5)


def test_a_start_asks_for_what_seventy_percent_of_the_known_designs_reach():
    n = 101
    metrics = pd.DataFrame({name: np.linspace(100.0, 200.0, n) for name in CIRCUIT.metric_names})
    designs = pd.DataFrame({name: np.ones(n) for name in CIRCUIT.variable_names})
    blank = pd.Series([""] * n)
    known = DomainTable(designs, metrics, np.ones(n, bool), blank, pd.Series(np.full(n, np.nan)))
    goals = {goal.quantity: goal for goal in starting_specification(CIRCUIT, known).goals}
    assert goals["dc_gain"].low == 130.0
    assert goals["phase_margin"].low == 60.0


@pytest.mark.parametrize(
    ("largest", "asked"),
    [
        pytest.param(110.0, 60.0, id="a fifth reach more than sixty degrees"),
        pytest.param(50.0, 40.0, id="few designs come near sixty"),
    ],
)
def test_a_start_asks_for_sixty_degrees_of_phase_margin_where(largest, asked):
    n = 101
    metrics = pd.DataFrame({name: np.linspace(100.0, 200.0, n) for name in CIRCUIT.metric_names})
    metrics["phase_margin"] = np.linspace(0.0, largest, n)
    designs = pd.DataFrame({name: np.ones(n) for name in CIRCUIT.variable_names})
    known = DomainTable(
        designs, metrics, np.ones(n, bool), pd.Series([""] * n), pd.Series(np.full(n, np.nan))
    )
    goals = {goal.quantity: goal for goal in starting_specification(CIRCUIT, known).goals}
    assert goals["phase_margin"].low == asked
