"""The evaluation counts what it says it counts."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from core.data import DomainTable, load_dataset
from core.ensemble import evaluate, evaluate_run, load_predictor
from core.ensemble.evaluation import r2, rank_correlation
from core.errors import InputError
from tests import synthetic
from tests.tiny import CIRCUIT


def test_r2_by_hand():
    assert r2(np.array([1.0, 3.0]), np.array([1.0, 2.0])) == pytest.approx(0.5)


def test_a_constant_side_has_no_rank_correlation():
    rising, constant = pd.Series([1.0, 2.0, 3.0]), pd.Series([1.0, 1.0, 1.0])
    assert rank_correlation(rising, constant) == 0.0
    assert rank_correlation(rising, rising**3) == pytest.approx(1.0)


def test_the_recorded_evaluation_is_what_evaluate_finds_again(tiny):
    again = json.loads(json.dumps(evaluate_run(tiny.folder).to_dict()))
    assert again == tiny.read_json("evaluation.json")


def test_figures_agree_with_their_definitions(tiny, tiny_data):
    validation = load_dataset(tiny_data, CIRCUIT).validation
    predictor = load_predictor(tiny.folder)
    report = evaluate({"ensemble": predictor}, validation)
    valid = validation.rows(np.flatnonzero(validation.valid))
    assert report.rows == len(valid)
    assert report.excluded == len(validation) - len(valid)
    prediction, y = predictor.predict(valid.designs), valid.metrics["dc_gain"]
    row = report.table.loc[("ensemble", "dc_gain")]
    error = (prediction.median["dc_gain"] - y).abs()
    assert row["mae"] == pytest.approx(error.mean())
    assert row["mse"] == pytest.approx((error**2).mean())
    assert row["median_relative_error"] == pytest.approx((error / y).median())
    inside = y.between(prediction.lower["dc_gain"], prediction.upper["dc_gain"])
    assert row["coverage"] == pytest.approx(inside.mean())
    log_r2 = r2(np.log10(y.to_numpy()), np.log10(prediction.median["dc_gain"].to_numpy()))
    assert row["log_r2"] == pytest.approx(log_r2)


def test_the_worst_designs_come_with_their_sizes_and_whether_sigma_knew(tiny):
    worst = evaluate_run(tiny.folder).worst
    assert list(worst["error_in_spreads"]) == sorted(worst["error_in_spreads"], reverse=True)
    inside = worst["simulated"].between(worst["low"], worst["high"])
    assert (inside == worst["sigma_knew"]).all()
    assert set(CIRCUIT.variable_names) <= set(worst.columns)


def test_tables_of_ones_own_can_be_evaluated(tiny, tmp_path):
    sizes = synthetic.designs(40, seed=11)
    sizes.to_csv(tmp_path / "x.csv", index=False)
    synthetic.metrics(sizes, "B").to_csv(tmp_path / "y.csv", index=False)
    report = evaluate_run(tiny.folder, tmp_path / "x.csv", tmp_path / "y.csv")
    assert report.rows + report.excluded == 40
    assert "held-out rows of B" in report.text()


def test_tables_of_unequal_length_are_refused(tiny, tmp_path):
    sizes = synthetic.designs(40, seed=11)
    sizes.to_csv(tmp_path / "x.csv", index=False)
    synthetic.metrics(sizes.head(30), "B").to_csv(tmp_path / "y.csv", index=False)
    with pytest.raises(InputError, match="has 40 rows but"):
        evaluate_run(tiny.folder, tmp_path / "x.csv", tmp_path / "y.csv")


def test_rows_that_are_all_broken_cannot_be_evaluated(tiny, tiny_data):
    table = load_dataset(tiny_data, CIRCUIT).validation
    broken = DomainTable(
        table.designs, table.metrics, np.zeros(len(table), bool), table.reason, table.supply_current
    )
    with pytest.raises(InputError, match="working amplifiers"):
        evaluate({"ensemble": load_predictor(tiny.folder)}, broken)
