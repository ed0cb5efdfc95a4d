"""What the panels of corners and Monte Carlo say, on tables as the simulations make them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from core.circuits import load_circuit
from core.figures import style
from core.figures.sign_off import corner_colours, corner_view, mismatch_histograms, spread_view
from core.inverse import Goal, GoalKind, MismatchYield, Specification
from core.inverse.verify import judge

CIRCUIT = load_circuit("5t_opamp")
SPECIFICATION = Specification(
    CIRCUIT,
    (
        Goal("dc_gain", GoalKind.MIN, 100.0),
        Goal("phase_margin", GoalKind.RANGE, 60.0, 80.0),
        Goal("supply_current", GoalKind.MAX, None, 20e-6),
    ),
)
TYPICAL = {
    "slewrate_pos": 5e6,
    "dc_gain": 200.0,
    "ugf": 8e6,
    "phase_margin": 70.0,
    "cmrr": 1000.0,
    "supply_current": 15e-6,
    "gate_area": 100.0,
    "power": 50e-6,
}
NOTHING = dict.fromkeys(TYPICAL, float("nan"))


def table_of(*rows: dict[str, float], failures: tuple[str, ...] = ()) -> pd.DataFrame:
    """Return judged conditions, each the typical one but for some values."""
    values = pd.DataFrame([{**TYPICAL, **row} for row in rows])
    reasons = pd.Series([*failures, *[""] * (len(rows) - len(failures))])
    judged = values.join(judge(SPECIFICATION, values, reasons))
    return judged.assign(condition=[f"condition {i}" for i in range(len(rows))])


def test_a_condition_that_holds_misses_nothing():
    view = corner_view(table_of({}), SPECIFICATION)
    assert view.loc["condition 0", "Verdict"] == "PASS"
    assert view.loc["condition 0", "Misses"] == ""


def test_a_condition_that_fails_says_what_misses_and_by_how_much():
    table = table_of({"dc_gain": 50.0, "supply_current": 23e-6}, {"phase_margin": 85.0})
    view = corner_view(table, SPECIFICATION)
    assert view["Verdict"].tolist() == ["FAIL", "FAIL"]
    assert view["Misses"].tolist() == [
        "DC gain 6 dB too low, Supply current 3 uA too high",
        "Phase margin 5° too high",
    ]


def test_conditions_have_their_units_set_apart():
    table = table_of({}).assign(condition="ff -40C 2.97V")
    assert corner_view(table, SPECIFICATION).index.tolist() == ["ff  -40 °C  2.97 V"]


def test_the_values_that_fail_are_coloured_and_no_others():
    table = table_of({}, {"dc_gain": 50.0}, {"phase_margin": 50.0})
    colours = corner_colours(corner_view(table, SPECIFICATION), table, SPECIFICATION)
    failing = colours.map(lambda css: style.FAIL in css)
    assert failing["DC gain"].tolist() == [False, True, False]
    assert failing["Phase margin"].tolist() == [False, False, True]
    assert not failing[["UGF", "CMRR", "Slew rate", "Misses"]].any(axis=None)
    assert failing["Verdict"].tolist() == [False, True, True]


def test_a_circuit_that_does_not_work_says_why_and_not_what_could_not_be_measured():
    table = table_of(NOTHING, failures=("M5 is not in saturation",))
    view = corner_view(table, SPECIFICATION)
    assert view.loc["condition 0", "Misses"] == "M5 is not in saturation"


def test_the_spread_shows_ratios_in_decibels_and_as_ratios():
    view = spread_view(table_of({}, {"dc_gain": 100.0}), SPECIFICATION)
    assert view.loc["DC gain"].tolist() == [
        "at least 40.0 dB",
        "40.0 dB (100 V/V)",
        "46.0 dB (200 V/V)",
        "46.0 dB (200 V/V)",
    ]


def test_histograms_of_mismatch_count_samples_on_an_axis_that_says_so():
    gains = np.linspace(150.0, 250.0, 40)
    table = table_of(*({"dc_gain": float(gain)} for gain in gains))
    figure = mismatch_histograms(MismatchYield(table, 1.0, 0.9, 1.0), SPECIFICATION)
    assert figure.layout.yaxis.title.text == "Samples"
    for bars in figure.data:
        assert sum(bars.y) == 40
    for number in range(1, len(CIRCUIT.metric_names) + 1):
        axis = figure.layout[f"yaxis{number if number > 1 else ''}"]
        assert axis.showticklabels is not False
        assert axis.rangemode == "tozero"
