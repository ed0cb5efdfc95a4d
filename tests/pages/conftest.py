"""A workspace with one data set and one tiny trained run, and the dashboard on top of it."""

from __future__ import annotations

import shutil

import pytest
from streamlit.testing.v1 import AppTest

from pages.shell import places
from tests.synthetic import write_dataset
from tests.tiny import tiny_run


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A workspace: ``uploads/5t_opamp/small`` and a run ``tiny`` trained on it."""
    workspace = tmp_path_factory.mktemp("workspace")
    data = write_dataset(workspace / "uploads" / "5t_opamp" / "small")
    tiny_run(data, workspace / "runs" / "tiny", "ensemble.gaussian_process=false")
    return workspace


def move_in(workspace, monkeypatch):
    monkeypatch.setattr(places, "RUNS", workspace / "runs")
    monkeypatch.setattr(places, "UPLOADS", workspace / "uploads")
    monkeypatch.setattr(places, "LIBRARY", workspace / "library" / "designs.sqlite")
    monkeypatch.setattr(places, "SHIPPED", workspace / "none")
    monkeypatch.setattr(places, "bundled_dataset_folder", lambda name: workspace / "none" / name)


@pytest.fixture
def workspace(trained, tmp_path, monkeypatch):
    """A copy of the trained workspace that the test may change."""
    shutil.copytree(trained, tmp_path / "w")
    move_in(tmp_path / "w", monkeypatch)
    return tmp_path / "w"


@pytest.fixture
def empty_workspace(tmp_path, monkeypatch):
    """A workspace without anything: no data set, no run."""
    move_in(tmp_path, monkeypatch)
    return tmp_path


@pytest.fixture
def open_page(root):
    """Return a function that opens a page as a first visitor would, by its file."""

    def open_page(path, **session_state):
        app = AppTest.from_file(str(root / "app.py"), default_timeout=120)
        app.query_params["data"] = "data: small"
        for key, value in session_state.items():
            app.session_state[key] = value
        app.run()
        assert not app.exception
        if path != "pages/start/overview.py":
            app.switch_page(path).run()
        assert not app.exception
        return app

    return open_page


def texts(app):
    """All that a page says in words."""
    kinds = ("markdown", "caption", "subheader", "title", "error", "warning", "info", "success")
    return "\n".join(str(element.value) for kind in kinds for element in app.get(kind))
