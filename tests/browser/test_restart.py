"""What happens around a start of the server: the very first visit, and runs that go on."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from benchmarks.browser import new_context, serve, settled, visit
from core.training import jobs
from core.training.run_store import RunState, RunStore
from tests.processes import until

pytestmark = pytest.mark.browser
QUERY = "data=data:+small&run=run:+tiny"


def test_the_first_visit_after_a_start_may_go_to_any_page(browser, workspace, tmp_path):
    with serve(workspace, tmp_path / "server.log") as base:
        page = new_context(browser).new_page()
        visit(page, base, "design", QUERY + "&spec=ugf+min+2e%2B06")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.get_by_label("UGF, value", exact=True)).to_have_value("2 MHz")
        expect(page.get_by_label("Run", exact=True)).to_have_value("run: tiny")
        page.context.close()


def test_a_run_goes_on_while_the_server_is_restarted(browser, workspace, tmp_path):
    data = workspace / "uploads" / "5t_opamp" / "small"
    with serve(workspace, tmp_path / "first.log") as base:
        page = new_context(browser).new_page()
        visit(page, base, "training", QUERY)
        request = jobs.TrainingRequest("5t_opamp", str(data), preset="quick")
        run = jobs.launch(workspace / "runs", "surviving", request)
        until(lambda: run.status().state == RunState.RUNNING, timeout=120)
        page.context.close()
    seen = len(run.events())
    until(lambda: len(run.events()) > seen or run.status().state.is_finished(), timeout=120)
    with serve(workspace, tmp_path / "second.log") as base:
        page = new_context(browser).new_page()
        visit(page, base, "training", "data=data:+small&run=run:+surviving")
        expect(page.get_by_text("surviving").first).to_be_visible()
        expect(page.get_by_test_id("stVegaLiteChart")).to_be_visible(timeout=120_000)
        jobs.cancel(run)
        until(lambda: jobs.pursue_cancel(run) or run.status().state.is_finished(), timeout=120)
        page.reload()
        settled(page)
        expect(page.get_by_test_id("stException")).to_have_count(0)
        page.context.close()
    assert RunStore(run.folder).status().state in (RunState.CANCELLED, RunState.DONE)
