"""One candidate over corners and under mismatch, beside its specs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from core.figures import style
from core.figures.candidates import goal_text, verdict, verdict_style
from core.figures.quantity import Quantity, quantities
from core.inverse import Goal, GoalKind, MismatchYield, Requirement, Specification

MOST_BINS = 24
NARROWEST_BIN = 60  # of them would fill an axis


def corner_view(table: pd.DataFrame, specification: Specification) -> pd.DataFrame:
    """Return one row a condition: verdict, what fails by how much, and every quantity as text.

    Args:
        table: of ``CornerTable``, one candidate.
        specification: what was asked.
    """
    shown = quantities(specification.circuit)
    rows = {}
    for _, row in table.iterrows():
        failed = [item for item in specification.requirements if row[item.name] != "PASS"]
        reasons = [str(row["failure"])] if row["failure"] else []
        reasons += [
            _miss(item, shown[item.quantity], float(row[item.quantity]))
            for item in failed
            # Why it does not work says enough of what could then not be measured.
            if not (row["failure"] and np.isnan(row[item.quantity]))
        ]
        rows[_condition_text(str(row["condition"]))] = {
            "Verdict": row["verdict"],
            "Misses": ", ".join(reasons),
            **{
                shown[name].label: shown[name].text(row[name])
                for name in [*specification.circuit.metric_names, "supply_current"]
            },
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def corner_colours(
    view: pd.DataFrame, table: pd.DataFrame, specification: Specification
) -> pd.DataFrame:
    """Return the CSS of every cell of ``corner_view``: verdicts, and the values that fail."""
    shown = quantities(specification.circuit)
    colours = pd.DataFrame("", index=view.index, columns=view.columns)
    colours["Verdict"] = view["Verdict"].map(verdict_style)
    for item in specification.requirements:
        head = shown[item.quantity].label
        if head in colours:
            failed = table[item.name].to_numpy() != "PASS"
            colours.loc[failed, head] = verdict_style("FAIL")
    return colours


def spread_view(table: pd.DataFrame, specification: Specification) -> pd.DataFrame:
    """Return one row a specified quantity: spec, smallest, typical and largest value as text."""
    shown = quantities(specification.circuit)
    goals: Mapping[str, Goal] = {goal.quantity: goal for goal in specification.goals}
    rows = {}
    for name in [*specification.circuit.metric_names, "supply_current"]:
        goal = goals.get(name, Goal(name, GoalKind.IGNORE))
        values, quantity = table[name], shown[name]
        rows[quantity.label] = {
            "Spec": goal_text(goal, quantity),
            "Smallest": quantity.both(values.min()),
            "Typical": quantity.both(values.iloc[0]),
            "Largest": quantity.both(values.max()),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def mismatch_histograms(
    found: MismatchYield, specification: Specification, height: int = 230
) -> go.Figure:
    """Draw the distribution of every metric over the samples, with the specs as lines."""
    circuit = specification.circuit
    shown = quantities(circuit)
    names = circuit.metric_names
    figure = make_subplots(rows=1, cols=len(names), horizontal_spacing=0.045)
    for column, name in enumerate(names, start=1):
        quantity = shown[name]
        values = quantity.shown(found.table[name])
        values = values[np.isfinite(values)]
        bounds = [
            float(quantity.shown(requirement.bound))
            for requirement in specification.requirements
            if requirement.quantity == name
        ]
        if values.size:
            counts, edges = np.histogram(values, bins=bins_to_see(values, bounds))
            figure.add_bar(
                x=(edges[:-1] + edges[1:]) / 2,
                y=counts,
                marker_color=style.faint(style.CANDIDATE, 0.75),
                showlegend=False,
                hovertemplate=f"%{{x:.4~s}} {quantity.shown_unit}: %{{y}} samples<extra></extra>",
                row=1,
                col=column,
            )
            for bound in bounds:
                figure.add_vline(
                    x=bound,
                    line={"color": style.FAIL, "width": 1.5, "dash": "dash"},
                    row=1,
                    col=column,
                )
        figure.update_xaxes(
            title_text=quantity.title, nticks=4, tickformat="~s" if quantity.unit == "Hz" else "~g",
            row=1, col=column,
        )  # fmt: skip
    style.laid_out(figure, height)
    figure.update_yaxes(nticks=4, rangemode="tozero", tickformat="d")
    figure.update_yaxes(title_text="Samples", row=1, col=1)
    return figure


def bins_to_see(values: NDArray[np.float64], bounds: Sequence[float]) -> NDArray[np.float64]:
    """Return the edges of bins that are wide enough to see beside the bounds.

    Args:
        values: n samples, n at least 1.
        bounds: what else the axis has to show.
    """
    axis = np.ptp(np.append(values, bounds))
    width = max(np.ptp(values) / MOST_BINS, axis / NARROWEST_BIN, 1e-9 * abs(values[0]), 1e-30)
    count = max(1, int(np.ceil(np.ptp(values) / width)))
    middle = (values.min() + values.max()) / 2
    edges: NDArray[np.float64] = middle + width * (np.arange(count + 1) - count / 2)
    return edges


def _condition_text(name: str) -> str:
    """Set units apart: ``ff  -40 °C  2.97 V`` for ``ff -40C 2.97V``."""
    return re.sub(r" (-?[\d.]+)C ([\d.]+)V$", r"  \1 °C  \2 V", name)


def _miss(item: Requirement, quantity: Quantity, value: float) -> str:
    """Say by how much a value misses: ``DC gain 1.9 dB too low``."""
    gap = verdict([item], quantity, value).removeprefix("FAIL").removeprefix(" by ")
    if np.isnan(value):
        return f"{quantity.label} not measured"
    return f"{quantity.label} {gap} too {'low' if item.side == 'at least' else 'high'}"
