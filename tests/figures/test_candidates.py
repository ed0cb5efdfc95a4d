"""Candidates as tables: verdicts, margins, units."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from core.circuits import load_circuit
from core.data import bundled_dataset_folder, load_dataset
from core.figures import candidates as pictures
from core.figures.datasheet import datasheet
from core.figures.quantity import quantities
from core.inverse import Goal, GoalKind, Specification

CIRCUIT = load_circuit("5t_opamp")
SHOWN = quantities(CIRCUIT)
SPECIFICATION = Specification(
    CIRCUIT,
    (
        Goal("dc_gain", GoalKind.MIN, low=200.0),
        Goal("ugf", GoalKind.RANGE, 1e6, 2e6),
        Goal("phase_margin", GoalKind.MAXIMIZE),
    ),
)
ROW = {
    **{"slewrate_pos": 4e6, "dc_gain": 100.0, "ugf": 1.5e6, "phase_margin": 70.0, "cmrr": 1e3},
    **{"supply_current": 2e-5, "gate_area": 85.0, "power": 6.6e-5},
    **{"dc_gain_lo": 90.0, "dc_gain_hi": 110.0, "ugf_lo": 1.35e6, "ugf_hi": 1.65e6},
}


def needed(name):
    return [item for item in SPECIFICATION.requirements if item.quantity == name]


def test_a_miss_says_by_how_much_in_the_shown_unit():
    assert pictures.verdict(needed("dc_gain"), SHOWN["dc_gain"], 100.0) == "FAIL by 6 dB"
    assert pictures.verdict(needed("ugf"), SHOWN["ugf"], 2.5e6, "*") == "FAIL* by 500 kHz"


def test_equality_passes_and_what_was_not_measured_does_not():
    assert pictures.verdict(needed("dc_gain"), SHOWN["dc_gain"], 200.0) == "PASS"
    assert pictures.verdict(needed("dc_gain"), SHOWN["dc_gain"], np.nan) == "FAIL: not measured"


def test_a_quantity_without_requirement_has_no_verdict():
    assert pictures.verdict(needed("cmrr"), SHOWN["cmrr"], 1.0) == ""


def test_the_sheet_marks_predictions_and_not_simulations():
    sheet = pictures.spec_sheet(SPECIFICATION, ROW, {**ROW, "dc_gain": 210.0})
    assert sheet.loc["DC gain", "Verdict*"] == "FAIL* by 6 dB"
    assert sheet.loc["DC gain", "Verdict"] == "PASS"
    assert sheet.loc["UGF", "Spec"] == "1 MHz to 2 MHz"
    assert sheet.loc["Phase margin", "Spec"] == "as large as possible"
    assert "Power" not in sheet.index


def test_what_does_not_work_passes_nothing_whatever_its_numbers():
    reason = "M1 not in saturation (headroom 0.010 V)"
    measured = {**ROW, "dc_gain": 210.0}
    sheet = pictures.spec_sheet(SPECIFICATION, ROW, measured, reason)
    assert sheet.loc["DC gain", "Verdict"] == "FAIL: does not work"
    assert sheet.loc["Phase margin", "Verdict"] == ""
    sizes = {variable.name: float(variable.grid[1]) for variable in CIRCUIT.variables}
    text = datasheet(SPECIFICATION, {**ROW, **sizes}, None, measured, reason)
    assert f"Simulated in SPICE: no working amplifier ({reason})." in text
    assert "| PASS |" not in text


def test_intervals_are_half_widths_in_decibels_or_per_cent():
    sheet = pictures.spec_sheet(SPECIFICATION, ROW)
    assert sheet.loc["UGF", "90 %"] == "± 10 %"
    # 20 log10(110/90) / 2
    assert sheet.loc["DC gain", "90 %"] == "± 0.87 dB"
    assert sheet.loc["Gate area", "90 %"] == ""


@pytest.mark.parametrize(
    ("name", "values", "head", "first"),
    [
        ("ugf", [9.1e6, 2e7], "UGF [MHz]", 9.1),
        ("ibias", [1e-5, 2e-5], "Ib [uA]", 10.0),
        ("dc_gain", [100.0, 1000.0], "DC gain [dB]", 40.0),
        ("w1", [5.0, 6.0], "W1 [um]", 5.0),
    ],
)
def test_columns_stay_numbers_with_one_prefix_in_the_head(name, values, head, first):
    found, numbers = pictures.scaled_column(SHOWN[name], pd.Series(values))
    assert found == head
    assert numbers[0] == pytest.approx(first)


def test_a_datasheet_says_what_was_asked_found_and_sized():
    sizes = {variable.name: float(variable.grid[1]) for variable in CIRCUIT.variables}
    text = datasheet(SPECIFICATION, {**ROW, **sizes}, None, {**ROW, "dc_gain": 210.0})
    assert "# 5T OTA" in text
    assert "| DC gain | at least 46.0 dB | 40.0 dB (100 V/V) |" in text
    assert "| PASS |" in text
    assert "| M1 | NMOS | 1 / 1 |" in text
    assert "predicted; not simulated" not in text
    assert "predicted; not simulated" in datasheet(SPECIFICATION, {**ROW, **sizes}, None, None)


def one_candidate():
    sizes = {variable.name: variable.grid[0] for variable in CIRCUIT.variables}
    told = {"probability": 0.9, "worst_spec": "ugf >=", "trust_distance": 0.0, "known": True}
    return pd.DataFrame([{**sizes, **ROW, **told}])


def test_what_spice_said_stands_in_the_table_once_it_was_asked():
    table = one_candidate()
    assert pictures.SPICE not in pictures.candidates_view(table, SPECIFICATION, [""])
    view = pictures.candidates_view(table, SPECIFICATION, ["FAIL"])
    assert view[pictures.SPICE].tolist() == ["FAIL"]
    views = pictures.view_columns(view, CIRCUIT)
    assert pictures.SPICE in views["Metrics"]
    assert "Least sure of" in views["Cost and trust"]
    colours = pictures.view_colours(view, table, SPECIFICATION)
    assert colours[pictures.SPICE].tolist() == [pictures.verdict_style("FAIL")]


def test_every_column_is_seen_in_some_view_and_none_twice_in_one():
    view = pictures.candidates_view(one_candidate(), SPECIFICATION)
    assert view["From"].tolist() == ["data"]
    views = pictures.view_columns(view, CIRCUIT)
    assert tuple(views) == pictures.VIEWS
    assert views["Metrics"][-5:] == [
        "Slew rate [V/us]",
        "DC gain [dB]",
        "UGF [MHz]",
        "Phase margin [°]",
        "CMRR [dB]",
    ]
    assert views["90 %"][:4] == ["#", "P(all)", "Slew rate [V/us]", "Slew rate ±"]
    assert views["Sizes"][1:] == [
        *(f"{name} [um]" for name in ("W1", "W2", "W3", "L1", "L2", "L3")),
        "Ib [uA]",
    ]
    assert views["Cost and trust"][-3:] == [
        "Supply current [uA]",
        "Gate area [um²]",
        "Distance",
    ]
    seen = [head for name in pictures.VIEWS[:-1] for head in views[name]]
    assert set(seen) == set(views["All"]) == set(view.columns)


def test_every_specified_metric_of_a_candidate_passes_or_fails():
    sizes = {variable.name: float(variable.grid[1]) for variable in CIRCUIT.variables}
    trust = {"probability": 0.9, "known": False, "worst_spec": "ugf >=", "trust_distance": 1.0}
    rows = [{**ROW, **sizes, **trust}, {**ROW, **sizes, **trust, "dc_gain": 200.0, "ugf": 3e6}]
    table = pd.DataFrame(rows)
    view = pictures.candidates_view(table, SPECIFICATION)
    colours = pictures.view_colours(view, table, SPECIFICATION)
    good, bad = pictures.verdict_style("PASS"), pictures.verdict_style("FAIL")
    assert colours["DC gain [dB]"].tolist() == [bad, good]
    assert colours["UGF [MHz]"].tolist() == [good, bad]
    assert set(colours["CMRR [dB]"]) | set(colours["Phase margin [°]"]) == {""}


def test_the_front_joins_the_candidates_that_none_betters_in_both():
    sizes = {variable.name: float(variable.grid[1]) for variable in CIRCUIT.variables}
    gains, currents = [100.0, 200.0, 150.0, 50.0], [1e-5, 3e-5, 4e-5, 2e-5]
    table = pd.DataFrame(
        [
            {**ROW, **sizes, "dc_gain": gain, "supply_current": current}
            for gain, current in zip(gains, currents, strict=True)
        ]
    )
    known = load_dataset(bundled_dataset_folder(CIRCUIT.id), CIRCUIT).target
    figure = pictures.trade_off(table, known, SPECIFICATION, ("supply_current", "dc_gain"))
    front = next(trace for trace in figure.data if trace.name == "front")
    assert list(front.x) == pytest.approx([1e-5, 3e-5])
    assert list(front.y) == pytest.approx([40.0, 46.0206], abs=1e-3)
