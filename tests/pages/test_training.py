"""The Training page and its states."""

from __future__ import annotations

import json
import os
import shutil
import time

import pytest

from core.training import jobs
from core.training.run_store import STATUS, RunState, RunStore
from tests.pages.conftest import texts
from tests.processes import a_process_that_is_gone, until

PAGE = "pages/learn/training.py"


def test_without_a_run_it_tells_how_to_start_one(empty_workspace, open_page):
    app = open_page(PAGE)
    assert "No run yet" in texts(app)
    assert app.button(key="training_start").disabled  # There is no data set to train on.


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (RunState.DONE, "done"),
        (RunState.FAILED, "failed"),
        (RunState.CANCELLED, "cancelled"),
        (RunState.RUNNING, "running"),
        (RunState.QUEUED, "queued"),
    ],
)
def test_every_state_is_shown_by_its_word(workspace, open_page, state, word):
    RunStore(workspace / "runs" / "tiny").set_status(state, message="because")
    app = open_page(PAGE)
    assert f": {word}]" in texts(app)
    assert len(app.get("vega_lite_chart")) == 1


def test_a_run_whose_process_is_gone_can_be_resumed(workspace, open_page):
    store = RunStore(workspace / "runs" / "tiny")
    store.set_status(RunState.RUNNING)
    table = json.loads((store.folder / STATUS).read_text())
    store.write_json(STATUS, {**table, "pid": a_process_that_is_gone()})
    app = open_page(PAGE)
    assert ": lost]" in texts(app)
    assert app.button(key="training_resume")


def test_stages_show_what_they_took(workspace, open_page):
    said = texts(open_page(PAGE))
    for stage in ("Baseline", "Aligned", "Target only", "Dual head", "Mixture density", "Ensemble"):
        assert f"check: {stage} ·" in said


def test_a_changed_setting_is_named_as_the_command_line_takes_it(workspace, open_page):
    app = open_page(PAGE, training_settings=True, training_section_align=True)
    app.number_input(key="training_overrides_default_align.epochs").set_value(7).run()
    assert "`align.epochs=7`" in texts(app)


def test_every_setting_has_an_input_with_bounds(workspace, open_page):
    from core.config import describe

    sections = {f"training_section_{row.section}": True for row in describe()}
    app = open_page(PAGE, training_settings=True, **sections)
    keys = {
        widget.key for kind in ("number_input", "selectbox", "toggle") for widget in app.get(kind)
    }
    assert {f"training_overrides_default_{row.path}" for row in describe()} <= keys


def test_a_setting_is_kept_while_its_section_is_closed(workspace, open_page):
    app = open_page(PAGE, training_settings=True, training_section_align=True)
    app.number_input(key="training_overrides_default_align.epochs").set_value(7).run()
    app.session_state["training_settings"] = False
    app.run()
    assert "`align.epochs=7`" in texts(app)
    app.session_state["training_settings"] = True
    app.run()
    assert app.number_input(key="training_overrides_default_align.epochs").value == 7


def test_presets_bring_their_own_values(workspace, open_page):
    app = open_page(PAGE, training_settings=True, training_section_align=True)
    app.get_by_key("training_preset").set_value("reference").run()
    assert app.number_input(key="training_overrides_reference_align.lambda_coral").value == 0.05


def test_a_run_is_launched_watched_and_cancelled(workspace, open_page):
    app = open_page(PAGE)
    app.text_input(key="training_name").set_value("mine")
    app.get_by_key("training_preset").set_value("quick").run()
    app.button(key="training_start").click().run()
    assert not app.exception
    run = RunStore(workspace / "runs" / "mine")
    assert "mine" in texts(app)
    until(run.events, timeout=120)
    app.run()
    assert not app.exception
    app.button(key="training_cancel").click().run()
    until(lambda: jobs.pursue_cancel(run) or run.status().state.is_finished(), timeout=60)
    assert run.status().state == RunState.CANCELLED
    app.run()
    assert ": cancelled]" in texts(app)


def test_a_second_launch_beyond_the_cap_is_refused_in_words(workspace, open_page, monkeypatch):
    monkeypatch.setattr(jobs, "MOST_AT_ONCE", 0)
    app = open_page(PAGE)
    app.button(key="training_start").click().run()
    assert "at most 0 training runs" in texts(app)


def test_a_run_is_renamed_and_deleted(workspace, open_page):
    app = open_page(PAGE)
    app.text_input(key="training_rename_tiny").set_value("best").run()
    app.button(key="training_rename").click().run()
    assert not app.exception
    assert (workspace / "runs" / "best").is_dir()
    app.button(key="training_delete").click().run()
    assert not app.exception
    assert not (workspace / "runs" / "best").exists()


def test_several_runs_are_drawn_over_each_other(workspace, open_page):
    shutil.copytree(workspace / "runs" / "tiny", workspace / "runs" / "twin")
    app = open_page(PAGE)
    app.multiselect(key="training_runs").set_value(["tiny", "twin"]).run()
    assert not app.exception
    assert "twin" in app.get("vega_lite_chart")[0].proto.spec or app.get("vega_lite_chart")


def ended_run(workspace, name, at):
    """A copy of the run ``tiny`` that was cancelled at a time, in seconds since 1970."""
    run = RunStore(shutil.copytree(workspace / "runs" / "tiny", workspace / "runs" / name))
    run.set_status(RunState.CANCELLED)
    for path in run.folder.iterdir():
        os.utime(path, (at, at))


def test_a_fresh_visit_follows_the_run_that_was_touched_last(workspace, open_page):
    later = time.time() + 60
    ended_run(workspace, "aa", later)
    ended_run(workspace, "zz", later + 60)
    ended_run(workspace, "mm", later)
    app = open_page(PAGE)
    assert app.multiselect(key="training_runs").value == ["zz"]
    assert "cancelled" in texts(app)


def test_the_link_brings_its_runs_back(workspace, open_page):
    for number, name in enumerate(("aa", "zz")):
        ended_run(workspace, name, time.time() + 60 * number)
    app = open_page("pages/start/overview.py")
    app.query_params["training_runs"] = ["aa", "tiny"]
    app.switch_page(PAGE).run()
    assert not app.exception
    assert app.multiselect(key="training_runs").value == ["aa", "tiny"]


def test_a_link_to_a_run_that_is_gone_shows_another(workspace, open_page):
    app = open_page("pages/start/overview.py")
    app.query_params["training_runs"] = ["deleted"]
    app.switch_page(PAGE).run()
    assert not app.exception
    assert app.multiselect(key="training_runs").value == ["tiny"]


@pytest.fixture
def twin(workspace):
    """A second run beside ``tiny``."""
    return shutil.copytree(workspace / "runs" / "tiny", workspace / "runs" / "twin")


def test_the_run_picked_at_the_top_is_shown(twin, open_page):
    app = open_page(PAGE)
    app.multiselect(key="training_runs").set_value(["tiny"]).run()
    app.selectbox(key="run").set_value("tiny").run()
    app.selectbox(key="run").set_value("twin").run()
    assert app.multiselect(key="training_runs").value == ["twin"]


def test_the_run_shown_becomes_that_of_all_pages(twin, open_page):
    app = open_page(PAGE)
    app.selectbox(key="run").set_value("tiny").run()
    app.multiselect(key="training_runs").set_value(["twin"]).run()
    app.button(key="training_use").click().run()
    assert app.selectbox(key="run").value == "twin"
    assert app.multiselect(key="training_runs").value == ["twin"]
    assert not [button for button in app.button if button.key == "training_use"]


def test_a_run_at_work_tells_how_long_all_of_it_takes(twin, open_page):
    store = RunStore(twin)
    store.set_status(RunState.RUNNING)
    store.append({"kind": "stage", "stage": "align", "state": "started"})
    app = open_page(PAGE, training_runs=["twin"])
    assert "s left in all" in app.get("progress")[0].proto.text


def test_values_that_a_logarithmic_axis_cannot_show_are_counted(workspace, open_page):
    store = RunStore(workspace / "runs" / "tiny")
    losses = {"train_nll": -1.0, "validation_nll": 1.0}
    event = {"kind": "epoch", "stage": "mdn", "epoch": 1, "epochs": 1, "losses": losses}
    store.append(event)
    app = open_page(PAGE, training_stage="mdn", training_log=True)
    assert "values at or below zero have no place" in texts(app)
