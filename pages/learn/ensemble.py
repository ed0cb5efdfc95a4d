"""Ensemble: how good the trained models are on designs of B that they never saw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from core.errors import CrossfabError
from core.figures import accuracy, error_tables, style, tables
from core.figures.model_names import model_help, model_name
from core.figures.quantity import quantities
from core.figures.sensitivity import elasticity_map, importance_map
from core.inverse import sensitivities
from core.models.checkpoint import load_checkpoint
from core.training.run_store import RunStore
from pages.shell import models as trained
from pages.shell.learning_curve import learning_curve_tab
from pages.shell.metric_help import explained_heads, meanings_popover
from pages.shell.models import HeldOut, needed_run
from pages.shell.selection import Selection, current, leave_for
from pages.shell.widgets import CHART, chart_columns, show_fault, theme

BEST = f"font-weight: 700; color: {style.CANDIDATE_TEXT}"
FIGURE_HELP = (
    "On designs of B that no model was fitted to. Errors of voltage ratios are those of the ratio "
    "in V/V, not in dB: 1 % is 0.09 dB."
)


def held_out_or_stop(selection: Selection) -> HeldOut:
    """Return the held-out rows with predictions; where the data are gone say so."""
    assert selection.run is not None
    try:
        return trained.held_out(selection.run)
    except CrossfabError as error:
        show_fault(error, "The plots need the data that this run was trained on")
        st.stop()


def open_in_simulator(selection: Selection, design: pd.Series) -> None:
    """Go to the simulator with the sizes of a design."""
    names = selection.circuit.variable_names
    st.session_state["simulator_design"] = {name: float(design[name]) for name in names}
    leave_for("pages/use/simulator.py")


def model_choice(models: list[str], key: str) -> str:
    """Draw the choice of a model."""
    model: str = st.segmented_control(
        "Model",
        models,
        default=models[0],
        required=True,
        format_func=model_name,
        key=key,
        help=model_help(models),
    )
    return model


def accuracy_tab(selection: Selection, evaluation: Mapping[str, Any]) -> None:
    """Show one figure of merit for all models and metrics, then all figures of one model."""
    figure = st.selectbox(
        "Figure of merit",
        list(tables.FIGURES),
        format_func=lambda name: tables.FIGURES[name][0],
        key="ensemble_figure",
        width=420,
        help=FIGURE_HELP,
    )
    values = tables.accuracy_values(evaluation, figure)
    text = tables.accuracy_table(evaluation, figure, selection.circuit)
    best = tables.best_rows(values, figure).to_numpy()
    st.dataframe(
        text.style.apply(
            lambda _: pd.DataFrame(best, text.index, text.columns).map(
                lambda is_best: BEST if is_best else ""
            ),
            axis=None,
        ),
        height="content",
        column_config={
            **explained_heads(selection.circuit),
            "_index": st.column_config.Column("Model", help=model_help(values.index)),
        },
        alt=f"{tables.FIGURES[figure][0]} of every model and metric",
    )
    validity = evaluation.get("validity", {})
    st.caption(
        f"{evaluation['rows']} held-out designs of B; the best of each metric in teal. "
        f"{evaluation['excluded']} more are no working amplifiers: the validity classifier tells "
        f"them apart with an accuracy of {100 * validity.get('accuracy', float('nan')):.1f} %."
    )


def parity_tab(selection: Selection, held: HeldOut) -> None:
    """Draw predicted over simulated values with intervals."""
    model = model_choice(list(held.predictions), "ensemble_parity_model")
    prediction = held.predictions[model]
    shown = quantities(selection.circuit)
    names = selection.circuit.metric_names
    st.caption(
        "Bars are 90 % intervals; orange-red where the simulated value lies outside. "
        "Click a design to open it in the simulator."
    )
    for name, column in zip(names, chart_columns(len(names), 3), strict=True):
        with column:
            st.markdown(f"**{shown[name].label}**", help=shown[name].help)
            picked = st.plotly_chart(
                accuracy.parity(
                    held.table.metrics[name],
                    prediction.median[name],
                    prediction.lower[name],
                    prediction.upper[name],
                    shown[name],
                ),
                config=CHART,
                key=f"ensemble_parity_{name}",
                on_select="rerun",
                selection_mode="points",
                alt=f"Predicted over simulated {shown[name].label}",
            )
            points = picked["selection"]["points"]
            if points and "customdata" in points[0]:
                open_in_simulator(selection, held.table.designs.iloc[int(points[0]["customdata"])])


def calibration_tab(selection: Selection, held: HeldOut, evaluation: Mapping[str, Any]) -> None:
    """Draw coverage, the calibration curve and the residuals in units of sigma."""
    model = model_choice(list(held.residuals), "ensemble_calibration_model")
    residuals = held.residuals[model]
    shown = quantities(selection.circuit)
    if model in evaluation["models"]:
        st.dataframe(
            tables.interval_table(evaluation, model, selection.circuit),
            height="content",
            column_config=explained_heads(selection.circuit),
            alt=f"Coverage and width of the 90 % intervals of {model_name(model)}",
        )
    left, right = st.columns([1, 1])
    with left:
        st.markdown("**Calibration curve**: how many values lie inside their central interval")
        st.plotly_chart(
            accuracy.reliability({shown[n].label: residuals[n] for n in residuals}, height=360),
            config=CHART,
            key="ensemble_reliability",
            alt=f"Calibration curves of {model_name(model)}: found over nominal share",
        )
    with right:
        st.markdown("**Residuals** of one metric, in units of the predicted sigma")
        name = st.segmented_control(
            "Metric of the residuals",
            list(residuals),
            default=next(iter(residuals)),
            required=True,
            format_func=lambda name: shown[name].label,
            key="ensemble_residual_metric",
            label_visibility="collapsed",
        )
        st.plotly_chart(
            accuracy.residuals(residuals[name], shown[name], height=316),
            config=CHART,
            key="ensemble_residuals",
            alt=f"Residuals of {shown[name].label} in units of sigma",
        )


def fusion_tab(selection: Selection) -> None:
    """Show the weights and temperatures that fuse the members."""
    circuit = selection.circuit
    checkpoint = load_checkpoint(selection.run, f"{circuit.id}_ensemble", circuit.id, "ensemble")
    temperatures = error_tables.temperatures(checkpoint, circuit)
    explained = model_help(temperatures.index)
    temperatures.index = pd.Index([model_name(str(name)) for name in temperatures.index])
    left, right = st.columns(2)
    with left:
        st.markdown("**Metric-level weights** of the members, from their held-out errors")
        st.plotly_chart(
            accuracy.fusion_weights(error_tables.member_shares(checkpoint, circuit)),
            config=CHART,
            key="ensemble_weights",
            alt="Share of every member in the ensemble, by metric",
        )
        st.caption("Each design then also weighs its members by the precision they claim for it.")
    with right:
        st.markdown(
            "**Temperatures** T: each model's sigma is multiplied by it",
            help="T above 1: the model was too sure of itself; below 1: not sure enough.",
        )
        st.dataframe(
            temperatures.style.format("{:.3g}"),
            height="content",
            column_config={
                **explained_heads(circuit),
                "_index": st.column_config.Column("Model", help=explained),
            },
            alt="Temperature of every model for every metric",
        )


def worst_tab(selection: Selection, evaluation: Mapping[str, Any]) -> None:
    """List the worst designs, say where large errors lie, open one in the simulator."""
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        st.markdown("**Worst designs of the ensemble.** Tick one to open it in the simulator.")
        meanings_popover(selection.circuit, "ensemble_worst_meanings")
    picked = st.dataframe(
        error_tables.worst_table(evaluation, selection.circuit),
        hide_index=True,
        height="content",
        on_select="rerun",
        selection_mode="single-row",
        key="ensemble_worst",
        column_config={
            **explained_heads(selection.circuit),
            "Error / spread": st.column_config.NumberColumn(
                format="%.3f", help="Error over the spread of the metric among B's designs"
            ),
            "Inside": st.column_config.TextColumn(
                help="Whether the simulated value lies inside the 90 % interval"
            ),
        },
        alt="Worst designs",
    )
    rows = picked["selection"]["rows"]
    if rows:
        open_in_simulator(selection, pd.Series(evaluation["worst"][rows[0]]))
    st.markdown("**Where large errors lie**, and whether the predicted sigma went with them")
    st.dataframe(
        error_tables.where_table(evaluation, selection.circuit),
        hide_index=True,
        height="content",
        column_config={
            "Errors go with": st.column_config.TextColumn(
                help="The variable whose rank goes best with the rank of the absolute error"
            ),
            "Rank correlation": st.column_config.NumberColumn(
                format="%.2f", help="Positive: errors are larger where the variable is larger"
            ),
            "Median of the worst 5 %": st.column_config.TextColumn(
                help="Of this variable, over the 5 % of designs with the largest errors"
            ),
            "Median of all": st.column_config.TextColumn(
                help="Of this variable, over all held-out designs"
            ),
            "Did sigma know": st.column_config.NumberColumn(
                format="%.2f", help="Rank correlation of sigma and absolute error: 1 is perfect"
            ),
        },
        alt="Where large errors lie",
    )


def sensitivity_tab(selection: Selection, held: HeldOut) -> None:
    """Draw the elasticities around one design."""
    assert selection.run is not None
    shown = quantities(selection.circuit)
    names = selection.circuit.variable_names
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        st.markdown("**Around one design**: elasticities")
        meanings_popover(selection.circuit, "ensemble_sensitivity_meanings")
    place = st.selectbox(
        "Around",
        ["the median design of the held-out rows", *[f"row {row} of B" for row in held.rows]],
        key="ensemble_sensitivity_row",
        width=420,
    )
    if place.startswith("row"):
        design = held.table.designs.iloc[held.rows.index(int(place.split()[1]))]
    else:
        design = held.table.median_design(selection.circuit)
    st.caption(
        " · ".join(f"{shown[name].label} {shown[name].text(design[name])}" for name in names)
    )
    table = sensitivities(trained.bench(selection.run, "ensemble"), design)
    table = table.loc[selection.circuit.metric_names]
    st.plotly_chart(
        elasticity_map(
            table,
            [shown[n].label for n in table.index],
            [shown[n].label for n in names],
            theme(),
        ),
        config=CHART,
        key="ensemble_sensitivity",
        alt="Elasticities of every metric",
    )
    st.caption("By how many per cent a metric moves when one variable grows by one per cent.")
    st.markdown("**Over the whole design space**: share of a metric's variation, %")
    effects = trained.importance(selection.run)
    st.plotly_chart(
        importance_map(
            effects,
            [shown[n].label for n in effects.index],
            [shown[n].label for n in names],
            theme(),
        ),
        config=CHART,
        key="ensemble_importance",
        alt="Importance of every variable for every metric over the design space",
    )
    st.caption(
        "Sobol' total effects of the model: what would still vary if all other variables were "
        "known. Rows add up to more than 100 % where variables act together."
    )


selection = current()
run = needed_run(selection)
evaluation = RunStore(run).read_json("evaluation.json")
bodies = {
    "Accuracy": lambda: accuracy_tab(selection, evaluation),
    "Parity": lambda: parity_tab(selection, held_out_or_stop(selection)),
    "Calibration": lambda: calibration_tab(selection, held_out_or_stop(selection), evaluation),
    "Fusion": lambda: fusion_tab(selection),
    "Worst designs": lambda: worst_tab(selection, evaluation),
    "Sensitivity": lambda: sensitivity_tab(selection, held_out_or_stop(selection)),
    "More simulations": lambda: learning_curve_tab(selection.circuit, RunStore(run)),
}
tabs = st.tabs(list(bodies), on_change="rerun", key="ensemble_tab", bind="query-params")
for tab, draw in zip(tabs, bodies.values(), strict=True):
    if tab.open:
        with tab:
            draw()
