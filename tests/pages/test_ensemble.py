"""The Ensemble page and its states."""

from __future__ import annotations

import json

import pytest

from core.circuits import load_circuit
from core.figures.model_names import model_name
from core.training.run_store import RunStore
from tests.pages.conftest import texts

PAGE = "pages/learn/ensemble.py"


def test_without_a_run_it_links_to_training(empty_workspace, open_page):
    assert "No trained run yet" in texts(open_page(PAGE))


def test_a_run_without_results_says_its_state(workspace, open_page):
    (workspace / "runs" / "tiny" / "evaluation.json").unlink()
    assert "has no results yet" in texts(open_page(PAGE))


def test_a_damaged_checkpoint_is_named(workspace, open_page):
    (workspace / "runs" / "tiny" / "5t_opamp_ensemble.safetensors").write_bytes(b"junk")
    assert "5t_opamp_ensemble.safetensors" in texts(open_page(PAGE))


def test_accuracy_lists_every_model_and_metric_as_evaluated(workspace, open_page):
    table = open_page(PAGE).dataframe[0].value
    evaluation = RunStore(workspace / "runs" / "tiny").read_json("evaluation.json")
    assert list(table.index) == [model_name(name) for name in evaluation["models"]]
    assert list(table.columns) == ["Slew rate", "DC gain", "UGF", "Phase margin", "CMRR"]
    error = evaluation["models"]["align"]["metrics"]["ugf"]["median_relative_error"]
    assert table.loc["Aligned (A tuned on B)", "UGF"] == f"{100 * error:.3g} %"


def test_every_head_that_names_a_metric_defines_it(workspace, open_page):
    heads = json.loads(open_page(PAGE).dataframe[0].proto.columns)
    for metric in load_circuit("5t_opamp").metrics:
        assert heads[metric.label]["help"] == metric.description
    assert "`gaussian_process`" in heads["_index"]["help"] or "`align`" in heads["_index"]["help"]


def test_models_are_chosen_by_readable_names(workspace, open_page):
    app = open_page(PAGE, ensemble_tab="Parity")
    choice = app.get_by_key("ensemble_parity_model")
    assert "Ensemble" in choice.options
    assert "target_only" not in choice.options
    assert "`align`" in choice.help


@pytest.mark.parametrize("tab", ["Parity", "Calibration", "Fusion", "Worst designs", "Sensitivity"])
def test_every_tab_opens(workspace, open_page, tab):
    app = open_page(PAGE, ensemble_tab=tab)
    assert not app.exception
    assert app.get("plotly_chart") or app.dataframe


def test_plots_without_the_data_say_why(workspace, open_page):
    store = RunStore(workspace / "runs" / "tiny")
    store.write_json("config.json", {**store.config(), "data": str(workspace / "gone")})
    assert open_page(PAGE, ensemble_tab="Parity").error[0].value


def test_importance_stands_below_the_elasticities(workspace, open_page):
    app = open_page(PAGE, ensemble_tab="Sensitivity")
    assert len(app.get("plotly_chart")) == 2


def test_what_more_simulations_buy_is_computed_on_request(workspace, open_page):
    app = open_page(PAGE, ensemble_tab="More simulations")
    assert app.button(key="ensemble_learning_start")


def test_kept_curves_are_drawn_and_put_into_words(workspace, open_page):
    rows = [
        {"rows": n, "model": model, "metric": metric, "median_relative_error": error, "log_r2": 0.9}
        for metric in ("slewrate_pos", "dc_gain", "ugf", "phase_margin", "cmrr")
        for n, transfer, scratch in ((25, 0.04, 0.4), (100, 0.02, 0.1), (800, 0.01, 0.03))
        for model, error in (("align", transfer), ("target_only", scratch))
    ]
    store = RunStore(workspace / "runs" / "tiny")
    known = store.config()
    of_the_run = {"fingerprint": known["fingerprint"], "split": known["config"]["data"]}
    store.write_json("learning_curve.json", {**of_the_run, "preset": "quick", "rows": rows})
    app = open_page(PAGE, ensemble_tab="More simulations")
    assert len(app.get("plotly_chart")) == 1
    assert "needs 800 simulations" in texts(app)
    assert "as good with 100" in texts(app)
