"""Sentinels are found by rule and by repetition; oddities are listed, not refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from core.circuits import load_circuit
from core.data import load_dataset, quality_findings
from core.data.quality import measured_metrics, not_measured, repeated_extremes
from tests.synthetic import collapsed, write_dataset

CIRCUIT = load_circuit("5t_opamp")


def test_an_extreme_that_repeats_is_a_sentinel():
    values = np.r_[np.linspace(1.0, 2.0, 50), [9.0] * 4]
    assert repeated_extremes(values) == [9.0]


def test_a_repeated_smallest_value_is_one_as_well():
    values = np.r_[np.linspace(1.0, 2.0, 50), [0.0] * 5]
    assert repeated_extremes(values) == [0.0]


def test_a_sweep_that_ends_on_both_sides_leaves_two():
    values = np.r_[np.linspace(1.0, 2.0, 100), [1e11] * 5, [1e-3] * 5]
    assert repeated_extremes(values) == [1e11, 1e-3]


@pytest.mark.parametrize(
    "values",
    [
        np.linspace(1.0, 2.0, 50),
        np.r_[np.linspace(1.0, 2.0, 50), [9.0] * 3],
        np.repeat(np.arange(5.0), 6),
        np.full(10, 3.0),
        np.array([]),
    ],
    ids=["distinct", "three times", "every value repeats", "constant", "nothing"],
)
def test_what_is_no_sentinel(values):
    assert repeated_extremes(values) == []


def test_sentinels_and_values_not_above_the_minimum_are_not_measured():
    ugf = replace(CIRCUIT.metric("ugf"), sentinels=(1e11,), minimum=0.0)
    bad, why = not_measured(np.array([1e6, 1e11, 0.0, -5.0, np.nan]), ugf)
    assert bad.tolist() == [False, True, True, True, True]
    assert "failed measurement" in why[1]
    assert "not above 0" in why[2]
    assert why[0] == ""


def test_a_gain_below_one_is_measured_but_of_no_working_amplifier():
    table = pd.DataFrame(
        {
            "slewrate_pos": [1e6, 1e6],
            "dc_gain": [100.0, 0.5],
            "ugf": [1e6, 1e11],
            "phase_margin": [60.0, 33.0],
            "cmrr": [1e3, 2.0],
        }
    )
    measured, reasons = measured_metrics(table, CIRCUIT)
    assert reasons[0] == ""
    assert "dc_gain: not above 1" in reasons[1]
    assert measured.loc[1, "dc_gain"] == 0.5
    assert np.isnan(measured.loc[1, "ugf"])


def test_a_metric_falls_with_the_one_that_it_needs():
    table = pd.DataFrame([[1e6, 100.0, 1e11, 60.0, 1e3]], columns=CIRCUIT.metric_names)
    measured, _ = measured_metrics(table, CIRCUIT)
    assert np.isnan(measured.loc[0, "phase_margin"])
    assert measured.loc[0, "cmrr"] == 1e3


def test_the_collapsed_corner_is_found_as_not_valid(tmp_path):
    dataset = load_dataset(write_dataset(tmp_path), CIRCUIT)
    expected = collapsed(dataset.source.designs).to_numpy()
    assert expected.sum() > 0
    assert np.array_equal(~dataset.source.valid, expected)


def test_findings_count_sentinels_per_domain_and_column(tmp_path):
    dataset = load_dataset(write_dataset(tmp_path), CIRCUIT)
    findings = quality_findings(dataset).set_index(["domain", "column"])
    count = int(collapsed(dataset.target.designs).sum())
    assert findings.loc[("B", "ugf"), "rows"] == count
    assert findings.loc[("B", "dc_gain"), "rows"] == count


def test_values_off_the_grid_are_a_finding(tmp_path):
    dataset = load_dataset(write_dataset(tmp_path), CIRCUIT)
    dataset.target.designs.loc[3, "w1"] = 7.3
    findings = quality_findings(dataset)
    row = findings[findings["finding"].str.contains("off the grid")].iloc[0]
    assert (row["domain"], row["column"], row["rows"], row["example"]) == ("B", "w1", 1, 4)
