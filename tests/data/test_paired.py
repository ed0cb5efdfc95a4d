"""Paired drift against shifts that are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from core.circuits import load_circuit
from core.data.paired import paired_drift

CIRCUIT = load_circuit("5t_opamp")


@pytest.fixture
def source():
    generator = np.random.default_rng(1)
    columns = {name: 10.0 ** generator.normal(2.0, 0.3, 200) for name in CIRCUIT.metric_names}
    return pd.DataFrame({**columns, "phase_margin": generator.uniform(40.0, 80.0, 200)})


def test_a_constant_factor_is_found_exactly(source):
    drift = paired_drift(CIRCUIT, source, source.assign(ugf=0.5 * source["ugf"])).loc["ugf"]
    assert drift["median"] == pytest.approx(0.5)
    assert drift["low"] == pytest.approx(drift["high"])
    assert drift["rank_correlation"] == pytest.approx(1.0)


def test_an_angle_drifts_by_a_difference(source):
    target = source.assign(phase_margin=source["phase_margin"] - 7.0)
    assert paired_drift(CIRCUIT, source, target).loc["phase_margin", "median"] == pytest.approx(-7)


def test_the_percentiles_are_those_of_the_ratio(source):
    ratio = np.linspace(1.0, 2.0, len(source))
    drift = paired_drift(CIRCUIT, source, source.assign(cmrr=ratio * source["cmrr"])).loc["cmrr"]
    assert [drift["low"], drift["median"], drift["high"]] == pytest.approx([1.1, 1.5, 1.9])


def test_a_design_counts_only_where_both_processes_measured(source):
    target = source.copy()
    target.loc[:49, "dc_gain"] = np.nan
    drift = paired_drift(CIRCUIT, source, target)
    assert drift.loc["dc_gain", "designs"] == 150
    assert drift.loc["ugf", "designs"] == 200


def test_nothing_measured_is_not_a_number(source):
    drift = paired_drift(CIRCUIT, source, source.assign(ugf=np.nan)).loc["ugf"]
    assert drift["designs"] == 0
    assert np.isnan(drift["median"])
