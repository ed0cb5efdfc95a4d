"""Drift: scipy's own statistics on columns as the models see them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.circuits import load_circuit
from core.data import load_dataset
from core.data.drift import drift_table
from tests.synthetic import write_dataset

CIRCUIT = load_circuit("5t_opamp")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return load_dataset(write_dataset(tmp_path_factory.mktemp("data")), CIRCUIT)


def test_a_data_set_does_not_drift_from_itself(dataset):
    table = drift_table(replace(dataset, target=dataset.source))
    assert (table["ks"] == 0).all()
    assert (table["wasserstein"] == 0).all()
    assert (table["median_ratio"] == 1).all()
    assert set(table["verdict"]) == {"same distribution"}


def test_a_shift_by_a_factor_is_its_log_in_standard_deviations(dataset):
    b = dataset.source.rows(np.arange(len(dataset.source)))
    b.metrics["ugf"] *= 10.0
    row = drift_table(replace(dataset, target=b)).loc["ugf"]
    spread = np.std(np.log10(dataset.source.metrics["ugf"][dataset.source.valid]))
    assert row["wasserstein"] == pytest.approx(1.0 / spread)
    assert row["median_ratio"] == pytest.approx(10.0)


def test_outputs_drift_but_inputs_do_not(dataset):
    table = drift_table(dataset)
    assert set(table.loc[CIRCUIT.variable_names, "verdict"]) == {"same distribution"}
    assert table.loc["dc_gain", "verdict"] in ("shifted", "hardly overlaps")
    assert table.loc["slewrate_pos", "verdict"] == "same distribution"
