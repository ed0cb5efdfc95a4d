"""The guided tour over the pages."""

from __future__ import annotations

import pytest

from pages.shell.tour import STEPS
from tests.pages.conftest import texts

PAGE = "pages/start/overview.py"


@pytest.fixture
def app(workspace, open_page):
    """The overview, where the tour has not begun."""
    return open_page(PAGE)


def press(app, key):
    app.button(key=key).click().run()
    assert not app.exception


def title(app):
    return app.title[0].value


def test_the_tour_leads_through_four_pages_and_home_again(app):
    press(app, "tour_start")
    for number, page in enumerate(("Data", "Ensemble", "Design", "Simulator"), start=1):
        assert title(app) == page
        assert f"Tour {number} of {len(STEPS)}" in texts(app)
        if number < len(STEPS):
            press(app, "tour_next")
    press(app, "tour_finish")
    assert title(app) == "Overview"
    assert "Tour" not in texts(app)


def test_a_step_back_leads_to_the_page_before(app):
    press(app, "tour_start")
    press(app, "tour_next")
    press(app, "tour_back")
    assert title(app) == "Data"


def test_the_third_step_brings_its_specs_and_the_fourth_its_sizes(app):
    press(app, "tour_start")
    press(app, "tour_next")
    press(app, "tour_next")
    sheet = app.dataframe[1].value
    assert sheet.loc["DC gain", "Spec"] == "at least 50.0 dB"
    assert sheet.loc["Phase margin", "Spec"] == "60° to 75°"
    press(app, "tour_next")
    assert app.get_by_key("simulator_5t_opamp_w1").value == 22.5


def test_the_tour_can_be_left_anywhere_and_stays_away(app):
    press(app, "tour_start")
    press(app, "tour_end")
    assert title(app) == "Data"
    assert "Tour 1" not in texts(app)
    app.run()
    assert "Tour 1" not in texts(app)


def test_a_reload_takes_the_tour_up_again(workspace, open_page):
    app = open_page(PAGE)
    app.query_params["tour"] = "2"
    app.switch_page("pages/learn/ensemble.py").run()
    assert "Tour 2 of" in texts(app)


def test_a_step_that_does_not_exist_is_no_tour(workspace, open_page):
    app = open_page(PAGE)
    app.query_params["tour"] = "9"
    app.switch_page("pages/learn/data.py").run()
    assert "Tour" not in texts(app)
