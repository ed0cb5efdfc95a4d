"""Names of circuit, data set and run in the address."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import texts


@pytest.fixture
def opened(root, workspace):
    """Return a function that opens the front page with parameters in the address."""

    def opened(**parameters):
        app = AppTest.from_file(str(root / "app.py"), default_timeout=120)
        for name, value in parameters.items():
            app.query_params[name] = value
        app.run()
        assert not app.exception
        return app

    return opened


@pytest.mark.parametrize("name", ["two_stage_opamp", "Two-stage Miller op-amp"])
def test_a_circuit_is_known_by_its_id_and_by_what_the_selector_shows(opened, name):
    app = opened(circuit=name)
    assert app.selectbox(key="circuit").value == "two_stage_opamp"
    assert not app.warning


@pytest.mark.parametrize("name", ["small", "data: small"])
def test_a_data_set_is_known_with_and_without_the_selectors_prefix(opened, name):
    app = opened(data=name)
    assert app.selectbox(key="data").value == "small"
    assert not app.warning


def test_an_unknown_circuit_is_named_with_what_is_shown_and_what_there_is(opened):
    app = opened(circuit="nonsense")
    (warning,) = app.warning
    assert "No circuit is called `nonsense`: `5t_opamp` is shown instead." in warning.value
    assert "There are: `5t_opamp`, `two_stage_opamp`." in warning.value


def test_an_unknown_data_set_and_an_unknown_run_are_both_named(opened):
    said = texts(opened(data="gone", run="gone as well"))
    assert "is called `gone`: `bundled` is shown instead. There are: `bundled`, `small`." in said
    assert "is called `gone as well`: `tiny` is shown instead." in said


def test_the_note_goes_once_another_is_chosen_or_it_is_closed(opened):
    app = opened(data="gone")
    app.selectbox(key="data").set_value("small").run()
    assert not app.warning
    app = opened(data="gone")
    app.button(key="selection_close").click().run()
    assert not app.warning


def test_markdown_in_an_address_stays_text(opened):
    (warning,) = opened(data="`[click](x)").warning
    assert "`'[click](x)`" in warning.value
