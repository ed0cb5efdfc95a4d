"""The error analysis of the run that ships, as tables."""

from __future__ import annotations

import json

import pytest

from core.circuits import load_circuit
from core.figures import error_tables
from core.models import load_checkpoint

CIRCUIT = load_circuit("5t_opamp")
LABELS = ["Slew rate", "DC gain", "UGF", "Phase margin", "CMRR"]


@pytest.fixture
def evaluation(root):
    return json.loads((root / "checkpoints" / "5t_opamp" / "evaluation.json").read_text())


@pytest.fixture
def ensemble(root):
    folder = root / "checkpoints" / "5t_opamp"
    return load_checkpoint(folder, "5t_opamp_ensemble", "5t_opamp", "ensemble")


def test_the_worst_designs_stand_with_values_in_their_own_units(evaluation):
    table = error_tables.worst_table(evaluation, CIRCUIT)
    assert len(table) == len(evaluation["worst"])
    assert table["Error / spread"].is_monotonic_decreasing
    units = {"CMRR": "dB", "DC gain": "dB", "UGF": "Hz", "Slew rate": "V/us", "Phase margin": "°"}
    for _, row in table.iterrows():
        assert units[row["Metric"]] in row["Simulated"]
        assert row["W1"].endswith(" um")
    inside = [row["low"] <= row["simulated"] <= row["high"] for row in evaluation["worst"]]
    assert (table["Inside"] == "yes").tolist() == inside


def test_every_metric_has_a_size_that_its_errors_go_with(evaluation):
    table = error_tables.where_table(evaluation, CIRCUIT)
    assert table["Metric"].tolist() == LABELS
    assert set(table["Errors go with"]) <= {variable.label for variable in CIRCUIT.variables}
    assert table["Rank correlation"].between(-1.0, 1.0).all()


def test_the_shares_of_the_members_are_one_in_all(ensemble):
    shares = error_tables.member_shares(ensemble, CIRCUIT)
    assert shares.columns.tolist() == LABELS
    assert shares.sum().tolist() == pytest.approx([1.0] * 5)


def test_temperatures_are_roots_in_the_order_that_people_know(ensemble):
    table = error_tables.temperatures(ensemble, CIRCUIT)
    assert table.index[:2].tolist() == ["ensemble", "align"]
    squared = ensemble.tensors["temperature_squared.align"]
    assert (table.loc["align"] ** 2).tolist() == pytest.approx(squared.tolist())
