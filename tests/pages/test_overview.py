"""The Overview page: where things stand."""

from __future__ import annotations

import shutil

import pandas as pd

from core.saved_designs import DesignLibrary, SavedDesign
from core.training.run_store import RunState, RunStore
from tests.pages.conftest import texts

PAGE = "pages/start/overview.py"


def test_a_trained_workspace_shows_every_step_done(workspace, open_page):
    said = texts(open_page(PAGE))
    assert "green-badge[ready]" in said
    assert "green-badge[done]" in said
    assert "green-badge[calibrated]" in said


def test_an_empty_workspace_says_what_is_missing(empty_workspace, open_page):
    said = texts(open_page(PAGE))
    assert "gray-badge[missing]" in said
    assert "No run of this circuit yet." in said


def test_a_broken_data_set_is_named_on_its_card(workspace, open_page):
    targets = workspace / "uploads" / "5t_opamp" / "small" / "target" / "target_targets.csv"
    targets.write_text("nonsense\n1\n")
    assert "target_targets.csv" in texts(open_page(PAGE))


def test_a_run_that_failed_is_not_shown_as_done(workspace, open_page):
    RunStore(workspace / "runs" / "tiny").set_status(RunState.FAILED, message="no luck")
    assert "gray-badge[failed]" in texts(open_page(PAGE))


def test_a_run_at_work_is_shown_whichever_is_chosen(workspace, open_page):
    twin = RunStore(shutil.copytree(workspace / "runs" / "tiny", workspace / "runs" / "twin"))
    twin.set_status(RunState.RUNNING)
    said = texts(open_page(PAGE))
    assert "blue-badge[running]" in said
    assert "Run twin is at work." in said


def test_the_choice_of_the_circuit_reaches_every_part(workspace, open_page):
    app = open_page(PAGE)
    app.selectbox(key="circuit").set_value("two_stage_opamp").run()
    assert not app.exception
    assert "No run of this circuit yet." in texts(app)


def test_the_last_designs_that_were_kept_are_listed(workspace, open_page):
    kept = SavedDesign("5t_opamp", {}, "", {}, {}, note="for the demo")
    DesignLibrary(workspace / "library" / "designs.sqlite").save(kept)
    tables = [table.value for table in open_page(PAGE).dataframe]
    assert any(
        "for the demo" in table.get("Note", pd.Series(dtype=str)).tolist() for table in tables
    )
