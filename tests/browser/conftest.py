"""One server with a small trained workspace, and a fresh visitor for each test."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from benchmarks.browser import RUN_MS, chromium, new_context, serve
from tests.synthetic import write_dataset
from tests.tiny import tiny_run

expect.set_options(timeout=60_000)


@pytest.fixture(scope="package")
def workspace(tmp_path_factory):
    """A workspace with a data set ``small`` and a run ``tiny`` trained on it."""
    folder = tmp_path_factory.mktemp("workspace")
    data = write_dataset(folder / "uploads" / "5t_opamp" / "small")
    tiny_run(data, folder / "runs" / "tiny", "ensemble.gaussian_process=false")
    return folder


@pytest.fixture(scope="package")
def server_log(tmp_path_factory):
    """What the server prints."""
    return tmp_path_factory.mktemp("log") / "server.log"


@pytest.fixture(scope="package")
def base(workspace, server_log):
    """The address of the dashboard."""
    with serve(workspace, server_log) as address:
        yield address


@pytest.fixture(scope="package")
def browser():
    """Chromium."""
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser, base):
    """A fresh visitor with a window 1280 px wide."""
    context = new_context(browser)
    context.set_default_timeout(RUN_MS)
    yield context.new_page()
    context.close()
