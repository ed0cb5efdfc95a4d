"""The Design page and its states."""

from __future__ import annotations

import pytest

from core.circuits import load_circuit
from core.data import bundled_dataset_folder, load_dataset
from core.figures.quantity import quantities
from core.inverse import GoalKind
from core.training.run_store import RunStore
from pages.shell import places
from tests.pages.conftest import texts

PAGE = "pages/use/design.py"
KEY = "design_5t_opamp_"


def with_spec(open_page, text):
    """Open the page by a link that carries a specification."""
    app = open_page("pages/start/overview.py")
    app.query_params["spec"] = text
    app.switch_page(PAGE).run()
    assert not app.exception
    return app


def test_without_a_run_it_links_to_training(empty_workspace, open_page):
    assert "No trained run yet" in texts(open_page(PAGE))


def test_a_first_visit_shows_ten_candidates_for_reachable_specs(workspace, open_page):
    app = open_page(PAGE)
    table = app.dataframe[0].value
    assert len(table) == 10
    assert (table["P(all)"] > 0.5).any()
    assert "known designs meet all requirements" in texts(app)


def test_what_is_not_simulated_carries_the_mark(workspace, open_page):
    app = open_page(PAGE)
    verdicts = app.dataframe[1].value["Verdict*"]
    assert all(text == "" or text.split()[0] in ("PASS*", "FAIL*") for text in verdicts)
    known = app.dataframe[0].value["From"].iloc[0] == "data"
    said = "known from the data" if known else "predicted by the model, not simulated yet"
    assert said in texts(app)


def test_the_specification_stands_in_the_url(workspace, open_page):
    app = open_page(PAGE)
    assert "ugf min" in app.query_params["spec"]


def test_a_link_brings_its_specification(workspace, open_page):
    app = with_spec(open_page, "ugf range 1e6..3e6 w0.5;dc_gain maximize")
    sheet = app.dataframe[1].value
    assert sheet.loc["UGF", "Spec"] == "1 MHz to 3 MHz"
    assert sheet.loc["DC gain", "Spec"] == "as large as possible"
    assert sheet.loc["CMRR", "Spec"] == "–"


def test_a_link_brings_the_choices_above_the_table_and_the_tab(workspace, open_page):
    app = open_page("pages/start/overview.py")
    app.query_params.update({"design_count": "20", "design_model": "Aligned (A tuned on B)"})
    app.query_params["design_tab"] = "Compare"
    app.switch_page(PAGE).run()
    assert len(app.dataframe[0].value) == 20
    assert app.selectbox(key="design_model").value == "align"
    assert app.multiselect(key="design_compared_20").value == [1, 2]


def test_up_to_four_candidates_stand_side_by_side(workspace, open_page):
    app = open_page(PAGE, design_tab="Compare")
    app.multiselect(key="design_compared_10").set_value([1, 3, 4]).run()
    table = app.dataframe[1].value
    assert list(table.columns) == ["#1", "#3", "#4"]
    assert "UGF, predicted" in table.index
    app.multiselect(key="design_compared_10").set_value([]).run()
    assert "Pick the candidates to compare" in texts(app)


def test_a_broken_link_falls_back_and_says_so(workspace, open_page):
    app = with_spec(open_page, "ugf above 1e6")
    assert "cannot be read" in texts(app)
    assert len(app.dataframe[0].value) == 10


def test_an_impossible_spec_names_itself_and_the_nearest_value(workspace, open_page):
    said = texts(with_spec(open_page, "slewrate_pos min 2.5e8;dc_gain min 20"))
    assert "Slew rate at least" in said
    assert "250 V/us" in said


def test_a_typed_value_becomes_the_spec(workspace, open_page):
    app = open_page(PAGE)
    app.text_input(key=f"{KEY}ugf_value").set_value("2.5M").run()
    assert app.dataframe[1].value.loc["UGF", "Spec"] == "at least 2.5 MHz"


def test_decibels_and_ratios_can_both_be_typed(workspace, open_page):
    app = open_page(PAGE)
    app.text_input(key=f"{KEY}dc_gain_value").set_value("40 dB").run()
    assert "dc_gain min 100" in app.query_params["spec"]
    app.run()
    app.text_input(key=f"{KEY}dc_gain_value").set_value("200 V/V").run()
    assert "dc_gain min 200" in app.query_params["spec"]


def test_a_typed_word_is_refused_and_the_old_value_stays(workspace, open_page):
    app = open_page(PAGE)
    before = app.query_params["spec"]
    app.text_input(key=f"{KEY}ugf_value").set_value("fast").run()
    assert '"fast" is no number' in texts(app)
    assert app.query_params["spec"] == before


def test_a_moved_slider_solves_again(workspace, open_page):
    app = open_page(PAGE)
    slider = app.select_slider(key=f"{KEY}dc_gain_slider_1")
    label = slider.options[len(slider.options) // 2]
    ratio = float(f"{10 ** (float(label.split()[0]) / 20):.9g}")
    slider.set_value(ratio).run()
    assert not app.exception
    assert app.dataframe[1].value.loc["DC gain", "Spec"] == f"at least {label}"


def test_both_ends_of_a_band_move(workspace, open_page):
    app = with_spec(open_page, "ugf range 1e6..3e6")
    slider = app.select_slider(key=f"{KEY}ugf_slider_2")
    low, high = slider.options[20], slider.options[60]
    read = quantities(load_circuit("5t_opamp"))["ugf"].read
    slider.set_range(read(low), read(high)).run()
    assert app.dataframe[1].value.loc["UGF", "Spec"] == f"{low} to {high}"


@pytest.mark.parametrize("kind", list(GoalKind))
def test_every_kind_of_goal_works(workspace, open_page, kind):
    app = open_page(PAGE)
    app.selectbox(key=f"{KEY}ugf_kind").set_value(kind).run()
    assert not app.exception
    assert len(app.dataframe[0].value) > 0


def test_nothing_but_ignored_goals_is_a_fault_in_words(workspace, open_page):
    app = open_page(PAGE)
    for name in ("slewrate_pos", "dc_gain", "ugf", "phase_margin", "cmrr"):
        app.selectbox(key=f"{KEY}{name}_kind").set_value(GoalKind.IGNORE).run()
        app.run()
    assert not app.exception
    assert "Every goal is ignore" in texts(app)


def test_limits_on_a_size_hold_for_every_candidate(workspace, open_page):
    app = open_page(PAGE, design_limits=True)
    app.select_slider(key="design_limit_5t_opamp_l1").set_range(1.0, 1.0).run()
    assert not app.exception
    assert (app.dataframe[0].value["L1 [um]"] == 1.0).all()


def test_a_spec_does_not_follow_to_another_circuit(workspace, open_page, monkeypatch):
    monkeypatch.setattr(places, "SHIPPED", places.PROJECT / "checkpoints")
    monkeypatch.setattr(places, "bundled_dataset_folder", bundled_dataset_folder)
    app = open_page(PAGE, circuit="two_stage_opamp")
    of_the_two_stage = app.query_params["spec"]
    app.selectbox(key="circuit").set_value("5t_opamp").run()
    assert not app.exception
    assert app.query_params["spec"] != of_the_two_stage
    assert (app.dataframe[0].value["P(all)"] > 0.5).any()


def test_a_run_that_names_its_process_is_simulated_in_no_other(workspace, open_page):
    store = RunStore(workspace / "runs" / "tiny")
    store.write_json("config.json", {**store.config(), "target_process": "gf180mcu"})
    app = open_page(PAGE)
    process = app.get_by_key("design_process_tiny")
    assert process.options == ["gf180mcu"]
    assert process.disabled


def test_what_is_tried_out_begins_with_the_candidate(workspace, open_page):
    app = open_page(PAGE, design_tab="What if")
    first = app.dataframe[0].value.iloc[0]
    keys = {s.key: s.value for s in app.select_slider if "what_if" in (s.key or "")}
    assert len(keys) == 7
    w1 = next(value for key, value in keys.items() if "_w1_" in key)
    assert w1 == first["W1 [um]"]


def test_reset_goes_back_to_the_first_specification(workspace, open_page):
    app = open_page(PAGE)
    first = app.query_params["spec"]
    app.text_input(key=f"{KEY}ugf_value").set_value("1M").run()
    assert app.query_params["spec"] != first
    app.run()
    app.button(key="design_reset").click().run()
    assert app.query_params["spec"] == first


def test_spice_stands_beside_the_prediction_with_its_verdict(workspace, open_page):
    app = open_page(PAGE)
    assert app.button(key="design_verify").disabled  # The data do not name their process.
    app.get_by_key("design_process_tiny").set_value("gf180mcu").run()
    app.button(key="design_verify").click().run()
    assert not app.exception
    sheet = app.dataframe[1].value
    assert all(
        text == "" or text.split()[0].strip(":") in ("PASS", "FAIL") for text in sheet["Verdict"]
    )
    assert len(app.get("bidi_component")) == 3  # both responses and the copy of the netlist


def test_all_candidates_are_verified_at_once_and_the_table_says_what_came_of_it(
    workspace, open_page
):
    app = open_page(PAGE)
    assert "SPICE" not in app.dataframe[0].value
    app.get_by_key("design_process_tiny").set_value("gf180mcu").run()
    app.button(key="design_verify_all").click().run()
    assert not app.exception
    verdicts = app.dataframe[0].value["SPICE"]
    assert len(verdicts) == 10
    assert set(verdicts) <= {"PASS", "FAIL"}
    failed = any(text.startswith("FAIL") for text in app.dataframe[1].value["Verdict"])
    assert (verdicts.iloc[0] == "FAIL") == failed


def verified_first(open_page, monkeypatch):
    """Open the page with the bundled data, and verify the first candidate."""
    monkeypatch.setattr(places, "bundled_dataset_folder", bundled_dataset_folder)
    app = open_page(PAGE, design_add_panel=True)
    app.get_by_key("design_process_tiny").set_value("gf180mcu").run()
    app.button(key="design_verify").click().run()
    assert not app.exception
    return app


@pytest.mark.ngspice
def test_verified_designs_join_a_copy_of_the_bundled_data(workspace, open_page, monkeypatch):
    store = RunStore(workspace / "runs" / "tiny")
    store.write_json("config.json", {**store.config(), "data": "data/5t_opamp"})
    app = verified_first(open_page, monkeypatch)
    copied = "a copy of the run's data"
    app.selectbox(key="design_add_target_5t_opamp_1").set_value(copied).run()
    app.text_input(key="design_add_name").set_value("second round").run()
    app.button(key="design_add").click().run()
    assert not app.exception
    assert "1 added to the B rows of **second round**." in texts(app)
    known = load_dataset(bundled_dataset_folder("5t_opamp"), load_circuit("5t_opamp"))
    copy = workspace / "uploads" / "5t_opamp" / "second round"
    longer = load_dataset(copy, load_circuit("5t_opamp"))
    assert len(longer.target) == len(known.target) + 1
    # The copy is offered from now on; the same design is not added twice.
    app.run()
    assert app.get_by_key("design_add_target_5t_opamp_2").value == "second round"
    app.button(key="design_add").click().run()
    assert "0 added to the B rows of **second round**, 1 there already." in texts(app)


@pytest.mark.ngspice
def test_data_of_another_testbench_are_refused_in_words(workspace, open_page, monkeypatch):
    app = verified_first(open_page, monkeypatch)
    assert app.get_by_key("design_add_target_5t_opamp_1").value == "small"
    app.button(key="design_add").click().run()
    assert not app.exception
    assert "was made with another process or testbench" in texts(app)
    rows = load_dataset(workspace / "uploads" / "5t_opamp" / "small", load_circuit("5t_opamp"))
    assert len(rows.target) == 120


def test_a_front_is_searched_for_on_request(workspace, open_page):
    app = open_page(PAGE, design_tab="All candidates")
    before = len(app.dataframe)
    app.button(key="design_front").click().run()
    assert not app.exception
    assert len(app.dataframe) == before + 1
    front = app.dataframe[-1].value
    gain = front["DC gain [dB]"].to_numpy()
    ugf = front[next(head for head in front.columns if head.startswith("UGF ["))].to_numpy()
    assert len(front) > 1
    order = ugf.argsort()
    assert (gain[order][1:] <= gain[order][:-1]).all()


@pytest.mark.parametrize("tab", ["What if", "Corners", "Monte Carlo", "All candidates", "Library"])
def test_every_tab_opens(workspace, open_page, tab):
    assert not open_page(PAGE, design_tab=tab).exception


def test_corners_and_mismatch_are_simulated_on_request(workspace, open_page):
    app = open_page(PAGE, design_tab="Corners")
    app.get_by_key("design_process_tiny").set_value("gf180mcu").run()
    app.button(key="design_corners").click().run()
    assert not app.exception
    assert "of 17 conditions PASS" in texts(app)
    assert app.get_by_key("design_datasheet_page").label == "Datasheet, HTML"


def test_a_design_is_saved_with_a_note_and_found_in_the_library(workspace, open_page):
    app = open_page(PAGE, design_save_panel=True)
    app.text_input(key="design_note").set_value("for the sensor").run()
    app.button(key="design_save").click().run()
    app.session_state["design_tab"] = "Library"
    app.run()
    assert not app.exception
    kept = app.dataframe[1].value
    assert kept["Note"].tolist() == ["for the sensor"]
    assert "Phase margin at least 60°" in kept["Specification"].iloc[0]


def test_what_is_predicted_to_fail_is_hidden_or_greyed_out(workspace, open_page):
    app = with_spec(open_page, "ugf min 8e6;dc_gain min 150")
    everything = app.dataframe[0].value
    app.get_by_key("design_unlikely").set_value("grey out").run()
    assert not app.exception
    assert len(app.dataframe[0].value) == len(everything)
    app.run()
    app.get_by_key("design_unlikely").set_value("hide").run()
    assert not app.exception
    shown = app.dataframe[0].value
    assert len(shown) <= len(everything)
    assert (shown["P(all)"] >= 0.5).all() or not (everything["P(all)"] >= 0.5).any()


def test_a_moved_slider_draws_its_row_and_the_candidates_alone(workspace, open_page):
    app = open_page(PAGE)
    slider = app.select_slider(key=f"{KEY}dc_gain_slider_1")
    label = slider.options[len(slider.options) // 2]
    slider.set_value(float(f"{10 ** (float(label.split()[0]) / 20):.9g}")).run()
    assert [field.label for field in app.text_input] == ["DC gain, value"]
    assert len(app.dataframe) == 2


def test_the_inverse_network_proposes_starts_until_it_is_switched_off(workspace, open_page):
    app = open_page(PAGE)
    before = app.dataframe[0].value
    assert app.toggle(key="design_network").value
    app.toggle(key="design_network").set_value(False).run()
    assert not app.exception
    assert len(app.dataframe[0].value) == len(before)


def test_weights_are_kept_while_their_panel_is_closed(workspace, open_page):
    app = open_page(PAGE, design_weights=True)
    app.number_input(key=f"{KEY}ugf_weight").set_value(3.0).run()
    app.session_state["design_weights"] = False
    app.run()
    assert "w3" in app.query_params["spec"]
