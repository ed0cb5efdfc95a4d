"""Charts show the numbers that they are given."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from core.circuits import Variable, load_circuit
from core.figures import accuracy, relations, response, style, tables
from core.figures.comparison import differing, side_by_side
from core.figures.curves import epochs_table, loss_curves, term_name
from core.figures.distribution import bin_edges, distribution
from core.figures.learning_curve import learning_curve_chart
from core.figures.metric_help import metric_meanings
from core.figures.model_names import MODEL_NAMES, model_help, model_name
from core.figures.quantity import quantities
from core.figures.sensitivity import elasticity_map
from core.figures.sign_off import bins_to_see
from core.figures.sweep import sweep_chart, sweep_designs, sweep_gaps, sweep_values
from core.saved_designs import SavedDesign

CIRCUIT = load_circuit("5t_opamp")
SHOWN = quantities(CIRCUIT)


def test_a_distribution_shows_shares_of_each_process_in_its_colour():
    samples = {"A": np.geomspace(1e6, 1e7, 400), "B": np.geomspace(2e6, 3e7, 50)}
    chart = distribution(samples, SHOWN["ugf"], log=True)
    a, b = chart.panels[0].lines
    assert (a.name, b.name) == ("A: 400", "B: 50")
    assert (a.colour, b.colour) == (style.A, style.B)
    for line in (a, b):
        assert sum(line.y[::2]) == pytest.approx(100.0)
        assert line.y[::2] == line.y[1::2]
    assert chart.axis.logarithmic
    assert np.interp(2.9e7, b.x, b.y) > 0.0 == np.interp(2.9e7, a.x, a.y)


def test_a_distribution_of_decibels_has_a_linear_axis():
    chart = distribution({"A": [10.0, 100.0]}, SHOWN["dc_gain"], log=True)
    assert (chart.axis.unit, chart.axis.logarithmic) == ("dB", False)
    assert chart.panels[0].lines[0].x[0] == pytest.approx(20.0, abs=0.1)


def test_a_distribution_without_any_value_has_no_logarithmic_axis():
    chart = distribution({"A": [np.nan], "B": [np.nan]}, SHOWN["ugf"], log=True)
    assert not chart.axis.logarithmic


def test_bins_span_the_values_and_survive_constants_and_nothing():
    assert np.ptp(bin_edges([5.0] * 10, log=True)) > 0
    assert len(bin_edges([np.nan], log=False)) == 61
    edges = bin_edges(np.geomspace(1, 100, 1000), log=True)
    assert np.allclose(np.diff(np.log(edges)), np.diff(np.log(edges))[0])


def test_the_unity_gain_frequency_of_an_integrator_is_where_theory_puts_it():
    frequency = np.geomspace(1, 1e9, 400)
    sweep = pd.DataFrame(
        {"frequency": frequency, "gain": 20 * np.log10(3e6 / frequency), "phase": -90.0}
    )
    assert response.unity_gain_frequency(sweep) == pytest.approx(3e6, rel=1e-3)
    assert np.isnan(response.unity_gain_frequency(sweep.assign(gain=-3.0)))


def test_a_bode_plot_marks_where_each_gain_falls_through_one():
    frequency = np.geomspace(1, 1e9, 400)
    sweeps = {
        name: pd.DataFrame(
            {"frequency": frequency, "gain": 20 * np.log10(ugf / frequency), "phase": -90.0}
        )
        for name, ugf in (("A", 3e6), ("B", 8e6))
    }
    for panel in response.bode(sweeps).panels:
        marked = {rule.colour: rule.value for rule in panel.rules if rule.axis == "x"}
        assert marked == {
            style.A: pytest.approx(3e6, rel=1e-3),
            style.B: pytest.approx(8e6, rel=1e-3),
        }
        assert [line.colour for line in panel.lines] == [style.A, style.B]


def test_a_bode_plot_without_a_crossing_marks_none():
    sweep = pd.DataFrame({"frequency": [1.0, 10.0], "gain": [-6.0, -9.0], "phase": [0.0, -90.0]})
    gain, phase = response.bode({"A": sweep}).panels
    assert [rule.axis for rule in gain.rules] == ["y"]
    assert phase.rules == ()


def test_a_step_response_shows_input_and_output_of_each_process():
    step = pd.DataFrame({"time": [0.0, 1e-6], "input": [0.0, 1.0], "output": [0.0, 0.9]})
    lines = {
        line.name: line
        for line in response.step_response({"A": step, "B": 2 * step}).panels[0].lines
    }
    assert lines["A output"].y == [0.0, 0.9]
    assert lines["B input"].y == [0.0, 2.0]
    assert [name for name, line in lines.items() if line.dashed] == ["A input", "B input"]


def test_beside_a_fast_step_a_slow_one_is_cut_off():
    fast = pd.DataFrame({"time": [0.0, 1e-7], "input": [0.0, 1.0], "output": [0.0, 0.9]})
    slow = pd.DataFrame({"time": [0.0, 2e-7, 1e-4], "input": [0.0] * 3, "output": [0.0] * 3})
    lines = response.step_response({"A": fast, "B": slow}).panels[0].lines
    assert {line.name: line.x[-1] for line in lines if not line.dashed} == {
        "A output": 1e-7,
        "B output": 2e-7,
    }
    alone = response.step_response({"B": slow}).panels[0].lines
    assert alone[0].x[-1] == 1e-4


def test_a_drawn_line_is_thin_and_keeps_its_edges_and_its_ends():
    time = np.linspace(0.0, 1.0, 20_000)
    output = np.where(
        time < 0.5, 0.0, 1.0 - np.exp(-40.0 * (time - 0.5)) * np.cos(300.0 * (time - 0.5))
    )
    step = pd.DataFrame({"time": time, "input": np.where(time < 0.5, 0.0, 1.0), "output": output})
    drawn, edge = response.step_response({"A": step}).panels[0].lines
    assert len(drawn.x) < 2_000
    assert (drawn.x[0], drawn.x[-1]) == (0.0, 1.0)
    assert np.abs(np.interp(time, drawn.x, drawn.y) - output).max() < 0.02
    assert np.abs(np.interp(time, edge.x, edge.y) - step["input"]).max() == 0.0


def test_what_is_no_number_is_not_drawn():
    sweep = pd.DataFrame(
        {
            "frequency": [1.0, 10.0, 100.0],
            "gain": [6.0, np.nan, -6.0],
            "phase": [0.0, -np.inf, -90.0],
        }
    )
    for panel in response.bode({"A": sweep}).panels:
        assert panel.lines[0].x == [1.0, 100.0]


def test_parity_counts_what_lies_in_its_interval():
    measured = np.array([1.0, 2.0, 4.0, np.nan]) * 1e6
    figure = accuracy.parity(measured, measured, measured * 0.9, measured * 0.95, SHOWN["ugf"])
    assert [trace.name for trace in figure.data[1:]] == [
        "inside its interval: 0",
        "outside its interval: 3",
    ]


def test_unit_normal_residuals_lie_on_the_diagonal():
    z = np.random.default_rng(0).standard_normal(20_000)
    line = accuracy.reliability({"x": z}).data[1]
    assert np.abs(np.asarray(line.y) - np.asarray(line.x)).max() < 2.0


def test_epochs_of_a_second_phase_go_on_counting():
    def epoch(stage, number):
        return {"kind": "epoch", "stage": stage, "member": 0, "epoch": number, "losses": {"a": 1.0}}

    events = [epoch("x", 1), epoch("x", 2), {"kind": "log"}, epoch("x", 1), epoch("y", 1)]
    table = epochs_table(events)
    assert table["epoch"].tolist() == [1, 2, 3, 1]


def test_losses_that_are_not_positive_have_no_place_on_a_log_axis():
    table = pd.DataFrame(
        {
            "run": "r",
            "stage": "s",
            "member": 0,
            "epoch": [1, 2],
            "term": "nll",
            "value": [1.0, -2.0],
        }
    )
    assert len(loss_curves(table, log=True, by_run=False).data) == 1
    assert len(loss_curves(table, log=False, by_run=True).data) == 2


def test_rank_correlation_of_a_monotonous_pair_is_one():
    from core.data import DomainTable

    n = 50
    designs = pd.DataFrame({name: np.arange(n) + 1.0 for name in CIRCUIT.variable_names})
    metrics = pd.DataFrame({name: (np.arange(n) + 1.0) ** 3 for name in CIRCUIT.metric_names})
    blank = pd.Series([""] * n)
    table = DomainTable(designs, metrics, np.ones(n, bool), blank, pd.Series(np.zeros(n)))
    assert relations.rank_correlation(table).loc["ugf", "w1"] == pytest.approx(1.0)


def test_the_best_model_of_each_metric_is_found():
    evaluation = {
        "models": {
            name: {"metrics": {"ugf": {"mse": mse, "coverage": coverage}}}
            for name, mse, coverage in (("a", 4.0, 0.99), ("b", 9.0, 0.89))
        }
    }
    rmse = tables.accuracy_values(evaluation, "rmse")
    assert rmse["ugf"].tolist() == [2.0, 3.0]
    assert tables.best_rows(rmse, "rmse")["ugf"].tolist() == [True, False]
    coverage = tables.accuracy_values(evaluation, "coverage")
    assert tables.best_rows(coverage, "coverage")["ugf"].tolist() == [False, True]
    assert tables.accuracy_table(evaluation, "rmse", CIRCUIT).loc["b", "UGF"] == "3 Hz"


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("ugf", 9e6, "9 (kHz)²"),
        ("slewrate_pos", 4e10, "0.04 (V/us)²"),
        ("phase_margin", 0.25, "0.25 (°)²"),
        ("dc_gain", 4.0, "4 (V/V)²"),
        ("ugf", 0.0, "0 (Hz)²"),
    ],
)
def test_a_mean_square_error_has_the_square_of_a_unit_that_engineers_read(metric, value, text):
    evaluation = {"models": {"align": {"metrics": {metric: {"mse": value}}}}}
    table = tables.accuracy_table(evaluation, "mse", CIRCUIT)
    assert table.loc["Aligned (A tuned on B)", SHOWN[metric].label] == text


def test_mean_square_errors_of_a_metric_share_one_unit():
    models = {
        name: {"metrics": {"ugf": {"mse": mse}}}
        for name, mse in (("ensemble", 4e4), ("align", 9e6), ("baseline", 2.5e9))
    }
    table = tables.accuracy_table({"models": models}, "mse", CIRCUIT)
    assert table["UGF"].tolist() == ["0.04 (kHz)²", "9 (kHz)²", "2500 (kHz)²"]


def test_intervals_of_a_model_have_their_coverage_and_width():
    figures = {"coverage": 0.93, "median_relative_width": 0.012}
    evaluation = {"models": {"ensemble": {"metrics": {"ugf": figures}}}}
    table = tables.interval_table(evaluation, "ensemble", CIRCUIT)
    assert table["UGF"].tolist() == ["93 %", "1.2 %"]


def test_models_have_readable_names_and_their_raw_ones_in_the_help():
    assert model_name("target_only") == "Target only (B alone)"
    assert model_name("a_model_of_ones_own") == "a_model_of_ones_own"
    assert "`dual_head`" in model_help(["dual_head"])
    assert len(model_help(MODEL_NAMES).splitlines()) == len(MODEL_NAMES)


def test_the_metrics_are_explained_with_their_testbench():
    text = metric_meanings(CIRCUIT)
    for metric in CIRCUIT.metrics:
        assert f"**{metric.label}**" in text
        assert metric.description in text
    assert "1 pF at the output" in text
    assert "CMRR at 1 MHz" in text
    assert "60 % of VDD in sky130 and 80 % of VDD in gf180mcu" in text


def test_what_rounds_to_nothing_has_no_sign():
    table = pd.DataFrame([[-0.001, 0.5]])
    figure = elasticity_map(table, ["UGF"], ["W1", "W2"], "light")
    assert list(figure.data[1].text) == ["0.00", "+0.50"]


def test_loss_terms_read_as_people_say_them():
    assert term_name("train_loss") == "training loss"
    assert term_name("validation_mse") == "validation MSE"
    assert term_name("train_coral") == "training CORAL"


def test_what_differs_between_saved_designs_is_marked():
    sizes = dict.fromkeys(CIRCUIT.variable_names, 1.0)
    one = SavedDesign("5t_opamp", sizes, "", {"ugf": 1e6}, {}, id=1)
    two = SavedDesign("5t_opamp", {**sizes, "w1": 2.0}, "", {"ugf": 1e6}, {"ugf": 1.1e6}, id=2)
    table = side_by_side([one, two], CIRCUIT)
    assert list(table.columns) == ["#1", "#2"]
    marked = differing(table)
    assert marked["W1"]
    assert not marked["W2"]
    assert marked["UGF, SPICE"]


def test_a_sweep_moves_one_variable_over_its_grid():
    design = {variable.name: float(variable.grid[1]) for variable in CIRCUIT.variables}
    designs = sweep_designs(CIRCUIT, design, "w1")
    assert designs["w1"].tolist() == sweep_values(CIRCUIT.variable("w1")).tolist()
    assert designs["w1"].is_monotonic_increasing
    assert designs.drop(columns="w1").drop_duplicates().shape[0] == 1
    assert sweep_designs(CIRCUIT, design, "l1")["l1"].tolist() == [0.5, 1.0, 1.5, 2.0]


def test_a_sweep_on_a_log_axis_has_even_steps_from_end_to_end():
    fine = Variable("r", "R", "Ohm", 1.0, 10_000.0, 0.01, scale="log")
    values = sweep_values(fine, 5)
    assert values == pytest.approx([1.0, 10.0, 100.0, 1_000.0, 10_000.0])


def test_a_sweep_on_a_linear_axis_has_even_steps_from_end_to_end():
    values = sweep_values(Variable("c", "C", "F", 0.0, 10.0, 0.1), 5)
    assert values == pytest.approx([0.0, 2.5, 5.0, 7.5, 10.0])


@pytest.mark.parametrize("variable", CIRCUIT.variables, ids=lambda variable: variable.name)
def test_a_sweep_stays_on_the_grid_and_has_both_its_ends(variable):
    values = sweep_values(variable)
    assert set(values) <= set(variable.grid)
    assert [values[0], values[-1]] == [variable.grid[0], variable.grid[-1]]
    assert (np.diff(values) > 0).all()
    assert len(values) <= 21


def test_a_sweep_draws_decibels_and_marks_the_design_itself():
    table = pd.DataFrame(
        {"w1": [1.0, 10.0], **{key: [10.0, 100.0] for key in CIRCUIT.metric_names}}
    )
    figure = sweep_chart({"A": table}, CIRCUIT, "w1", here=5.0)
    gain = CIRCUIT.metric_names.index("dc_gain")
    assert list(figure.data[gain].y) == [20.0, 40.0]
    assert {shape.x0 for shape in figure.layout.shapes} == {5.0}
    assert len(figure.layout.shapes) == len(CIRCUIT.metric_names)


def test_points_of_a_sweep_without_a_working_amplifier_are_counted():
    good = pd.DataFrame({key: [1.0, 1.0] for key in CIRCUIT.metric_names})
    bad = good.assign(**{name: [np.nan, 1.0] for name in CIRCUIT.metric_names})
    assert sweep_gaps({"A": good}, CIRCUIT) == ""
    assert "1 of 2 points in B" in sweep_gaps({"A": good, "B": bad}, CIRCUIT)


def test_a_narrow_distribution_far_from_its_bound_is_still_seen():
    values = np.linspace(84.8, 85.0, 100)
    edges = bins_to_see(values, [60.0])
    assert np.diff(edges) == pytest.approx(25.0 / 60)
    assert edges[0] <= 84.8
    assert edges[-1] >= 85.0
    assert len(bins_to_see(values, [])) == 25
    assert np.histogram(np.full(7, 3.0), bins_to_see(np.full(7, 3.0), []))[0].tolist() == [7]


def test_a_learning_curve_shows_what_the_run_itself_reaches():
    table = pd.DataFrame(
        {
            "rows": [25, 800] * 2,
            "model": ["align"] * 2 + ["target_only"] * 2,
            "metric": "ugf",
            "median_relative_error": [0.1, 0.02, 0.3, 0.05],
            "log_r2": 0.9,
        }
    )
    figure = learning_curve_chart(table, SHOWN["ugf"], 0.004)
    assert [list(trace.y) for trace in figure.data] == [[10.0, 2.0], [30.0, 5.0], [0.4, 0.4]]
    assert figure.data[2].name == "this run: 0.4 %"
    assert figure.layout.yaxis.ticktext[:4] == ("0.1", "0.2", "0.5", "1")
