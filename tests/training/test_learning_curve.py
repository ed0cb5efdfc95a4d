"""Accuracy against the rows of B, kept with a run."""

from __future__ import annotations

import pytest

from core.circuits import load_circuit
from core.config import preset, with_overrides
from core.data import load_dataset
from core.errors import InputError
from core.training.archive import run_archive
from core.training.learning_curve import (
    MODELS,
    TABLE,
    kept_learning_curve,
    learning_curve,
    learning_curve_of_run,
)
from core.training.run_store import RunStore
from tests.synthetic import write_dataset
from tests.tiny import CIRCUIT, OVERRIDES, tiny_run


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("data") / "small")


def test_each_count_is_trained_with_and_without_transfer(data):
    dataset = load_dataset(data, CIRCUIT)
    config = with_overrides(
        preset("quick"),
        [*OVERRIDES, "ensemble.gaussian_process=false", "target_only.epochs=120"],
    )
    said = []
    table = learning_curve(dataset, config, counts=(25, 60, 10_000), report=said.append)
    assert sorted(table["rows"].unique()) == [25, 60, len(dataset.train_rows)]
    assert set(table["model"]) == set(MODELS)
    assert len(table) == 3 * 2 * len(CIRCUIT.metric_names)
    assert (table["median_relative_error"] > 0).all()
    assert said[-1] == "3 of 3: done"
    error = table.groupby(["model", "rows"])["median_relative_error"].mean()
    assert error["target_only"].iloc[-1] < error["target_only"].iloc[0]


def test_a_run_without_its_data_is_refused(data, tmp_path):
    run = tiny_run(data, tmp_path / "run", "ensemble.gaussian_process=false")
    assert kept_learning_curve(run) is None
    run.write_json("config.json", {**run.config(), "fingerprint": "of other data"})
    with pytest.raises(InputError, match="not those that this run was trained on"):
        learning_curve_of_run(run)
    assert run_archive(run)[:2] == b"PK"


def test_a_table_of_other_data_or_another_split_is_not_shown(tmp_path):
    split = {"val_split": 0.2, "seed": 42}
    run = RunStore.create(tmp_path / "run", {"fingerprint": "a", "config": {"data": split}})
    for fingerprint, of_split, shown in (
        ("a", split, True),
        ("b", split, False),
        ("a", {**split, "seed": 1}, False),
    ):
        run.write_json(
            TABLE, {"fingerprint": fingerprint, "split": of_split, "rows": [{"rows": 25}]}
        )
        assert (kept_learning_curve(run) is not None) == shown


@pytest.mark.parametrize("circuit", ["5t_opamp", "two_stage_opamp"])
def test_the_shipped_runs_come_with_their_table(root, circuit):
    table = kept_learning_curve(RunStore(root / "checkpoints" / circuit))
    assert table is not None
    assert set(table["metric"]) == set(load_circuit(circuit).metric_names)
    error = table.pivot_table("median_relative_error", "rows", "model", aggfunc="mean")
    assert error.index[0] == 25
    assert error["align"].iloc[-1] < error["align"].iloc[0]
