"""The Simulator page and its states."""

from __future__ import annotations

import pytest

from core.circuits import load_circuit
from core.data import load_dataset
from core.figures import style
from core.training.run_store import RunStore
from pages.shell import spice
from tests.pages.conftest import texts
from tests.spice.conftest import WORKING

PAGE = "pages/use/simulator.py"


def test_both_processes_are_simulated_side_by_side(workspace, open_page):
    app = open_page(PAGE)
    table = app.dataframe[0].value
    assert list(table.index)[-1] == "Supply current"
    assert table.shape == (6, 2)
    assert [head[:4] for head in table.columns] == ["A · ", "B · "]
    assert table.iloc[1].str.contains(r"^\d+\.\d dB \(.+V/V\)$").all()
    assert len(app.get("bidi_component")) == 2


def test_a_design_from_another_page_is_taken_over(workspace, open_page):
    sizes = {"w1": 12.0, "w2": 7.5, "w3": 30.0, "l1": 1.0, "l2": 2.0, "l3": 0.5, "ibias": 1e-5}
    app = open_page(PAGE, simulator_design=sizes)
    assert app.get_by_key("simulator_5t_opamp_w1").value == 12.0
    assert app.get_by_key("simulator_5t_opamp_l2").value == 2.0


def test_it_starts_from_the_median_working_design_of_b(workspace, open_page):
    circuit = load_circuit("5t_opamp")
    table = load_dataset(workspace / "uploads" / "5t_opamp" / "small", circuit).target
    median = table.designs[table.valid].median()
    app = open_page(PAGE)
    for variable in circuit.variables:
        start = app.get_by_key(f"simulator_5t_opamp_{variable.name}").value
        assert start == pytest.approx(float(variable.snap(median[variable.name])))


def test_corner_and_temperature_change_the_result(workspace, open_page):
    app = open_page(PAGE)
    before = app.dataframe[0].value
    app.get_by_key("simulator_corner").set_value("ss")
    app.number_input(key="simulator_temperature").set_value(125.0).run()
    assert not app.exception
    assert not app.dataframe[0].value.equals(before)


def test_a_process_keeps_its_letter_when_the_other_is_not_chosen(workspace, open_page):
    app = open_page(PAGE)
    app.get_by_key("simulator_processes").set_value(["gf180mcu"]).run()
    assert [head[:4] for head in app.dataframe[0].value.columns] == ["B · "]


def test_it_says_on_request_what_the_metrics_mean(workspace, open_page):
    app = open_page(PAGE, simulator_meanings=True)
    for metric in load_circuit("5t_opamp").metrics:
        assert metric.description in texts(app)


@pytest.mark.ngspice
def test_transistors_out_of_saturation_stand_out_in_the_operating_point(workspace, open_page):
    app = open_page(PAGE)
    assert style.FAIL not in app.dataframe[1].proto.arrow_data.styler.styles
    app.get_by_key("simulator_corner").set_value("ss")
    app.number_input(key="simulator_supply_sky130").set_value(0.9).run()
    regions = app.dataframe[1].value["Region"]
    assert (regions != "saturation").any()
    assert style.FAIL in app.dataframe[1].proto.arrow_data.styler.styles


def test_no_process_chosen_asks_for_one(workspace, open_page):
    app = open_page(PAGE)
    app.get_by_key("simulator_processes").set_value([]).run()
    assert "Pick at least one process" in texts(app)


def test_without_an_engine_it_says_how_to_get_one(workspace, open_page, monkeypatch):
    monkeypatch.setattr(spice, "engines", list)
    assert "No SPICE engine works here" in texts(open_page(PAGE))


@pytest.mark.parametrize("circuit", ["5t_opamp", "two_stage_opamp"])
def test_every_circuit_can_be_simulated(workspace, open_page, circuit):
    app = open_page("pages/start/overview.py")
    app.selectbox(key="circuit").set_value(circuit).run()
    app.switch_page(PAGE).run()
    assert not app.exception
    assert len(app.dataframe[0].value) == 6


def test_one_variable_is_swept_in_both_processes(workspace, open_page):
    app = open_page(PAGE)
    app.selectbox(key="simulator_sweep_variable").set_value("l1").run()
    app.button(key="simulator_sweep").click().run()
    assert not app.exception
    assert len(app.get("plotly_chart")) == 1


def test_what_an_amplifier_does_in_a_becomes_what_is_asked_of_b(workspace, open_page):
    store = RunStore(workspace / "runs" / "tiny")
    store.write_json("config.json", {**store.config(), "target_process": "gf180mcu"})
    app = open_page(PAGE, simulator_design=WORKING["5t_opamp"])
    gain = app.dataframe[0].value.iloc[1, 0]
    assert not [button for button in app.button if button.key == "simulator_port_gf180mcu"]
    app.button(key="simulator_port_sky130").click().run()
    assert not app.exception
    sheet = app.dataframe[1].value
    asked = sheet.loc["DC gain", "Spec"]
    assert asked.startswith("at least ")
    assert float(asked.split()[2]) == pytest.approx(float(gain.split()[0]), abs=0.11)
