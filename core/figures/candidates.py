"""Candidates of a specification as tables and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import torch

from core.circuits import Circuit
from core.data import DomainTable
from core.ensemble import Predictor
from core.figures import style
from core.figures.quantity import Quantity, quantities
from core.inverse import Goal, GoalKind, Requirement, Specification, Workbench
from core.inverse.goals import GATE_AREA, POWER, SUPPLY_CURRENT
from core.inverse.pareto import undominated

PREFIXES = {-12: "p", -9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G"}
VIEWS = ("Metrics", "90 %", "Sizes", "Cost and trust", "All")
SPICE = "SPICE"  # head of the verdicts of simulations
KNOWN = "data"  # a candidate that was simulated before
PASS_PREDICTED, FAIL_PREDICTED = "PASS*", "FAIL*"
FADED = f"color: {style.MUTED}; opacity: 0.5"  # CSS of what is greyed out


def scaled_column(quantity: Quantity, values: pd.Series) -> tuple[str, pd.Series]:
    """Return head and numbers of a sortable column: one SI prefix for all its values."""
    shown = pd.Series(quantity.shown(values), index=values.index)
    if quantity.unit not in ("Hz", "A", "F", "Ohm", "W"):
        return quantity.title, shown
    middle = float(shown.abs().median())
    power = int(np.clip(3 * np.floor(np.log10(middle) / 3), -12, 9)) if middle > 0 else 0
    head = f"{quantity.label} [{PREFIXES[power]}{quantity.shown_unit}]"
    return head, shown / 10.0**power


def predicted_row(
    predictor: Predictor, bench: Workbench, sizes: Mapping[str, float], supply_voltage: float | None
) -> dict[str, float]:
    """Return what the model says of one design, with the columns of a row of the candidates."""
    designs = pd.DataFrame([dict(sizes)])[predictor.circuit.variable_names]
    row = {**sizes, **predictor.predict(designs).table().iloc[0].to_dict()}
    current = bench.forward.supply.log_current(
        torch.tensor(designs.to_numpy(dtype=float, copy=True))
    )
    row["supply_current"] = 10.0 ** float(current[0])
    row["gate_area"] = float(predictor.circuit.gate_area(designs).iloc[0])
    row["power"] = row["supply_current"] * (supply_voltage or float("nan"))
    return row


def candidates_view(
    candidates: pd.DataFrame, specification: Specification, verdicts: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the sortable table: number, chance, verdict, worst spec, metrics, sizes, intervals.

    ``From`` says whether a design is one of the data, simulated before, or new.

    Args:
        verdicts: PASS or FAIL of each candidate by SPICE, empty where it was not asked; none at
            all, or only such: no column of them.
    """
    circuit = specification.circuit
    shown = quantities(circuit)
    chance = candidates["probability"]
    columns: dict[str, object] = {
        "#": np.arange(1, len(candidates) + 1),
        "P(all)": chance,
        "Predicted": np.where(chance >= 0.5, PASS_PREDICTED, FAIL_PREDICTED),
        **({SPICE: list(verdicts)} if any(verdicts) else {}),
        "From": np.where(candidates["known"], KNOWN, "new"),
        "Least sure of": [
            _requirement_label(name, shown) for name in candidates["worst_spec"].astype(str)
        ],
    }
    metrics = [*circuit.metric_names, "supply_current", "gate_area"]
    for name in [*metrics, *circuit.variable_names]:
        head, values = scaled_column(shown[name], candidates[name])
        columns[head] = values
    rows = candidates.to_dict("records")
    for name in circuit.metric_names:
        columns[f"{shown[name].label} ±"] = [_interval(row, name, shown[name]) for row in rows]
    columns["Distance"] = candidates["trust_distance"]
    return pd.DataFrame(columns, index=candidates.index)


def view_colours(
    view: pd.DataFrame, candidates: pd.DataFrame, specification: Specification
) -> pd.DataFrame:
    """Return the CSS of every cell of ``candidates_view``: what is specified passes or fails."""
    shown = quantities(specification.circuit)
    colours = pd.DataFrame("", index=view.index, columns=view.columns)
    for judged in {"Predicted", SPICE} & set(view.columns):
        colours[judged] = view[judged].map(verdict_style)
    for name in {requirement.quantity for requirement in specification.requirements} - {POWER}:
        needed = [item for item in specification.requirements if item.quantity == name]
        head, _ = scaled_column(shown[name], candidates[name])
        values = candidates.loc[view.index, name]
        held = np.all([_held(item, values) for item in needed], axis=0)
        colours[head] = np.where(held, verdict_style("PASS"), verdict_style("FAIL"))
    return colours


def view_columns(view: pd.DataFrame, circuit: Circuit) -> dict[str, list[str]]:
    """Return which columns of the sortable table are seen together, by name of the choice."""
    numbers = [head for head in view.columns if "[" in head]
    metrics, derived = len(circuit.metric_names), len(circuit.metric_names) + 2
    first = ["#", "P(all)", "Predicted", *({SPICE} & set(view.columns)), "From"]
    # Beside the metrics there is room for one of the two: SPICE leaves nothing to be unsure of.
    doubt = [] if SPICE in first else ["Least sure of"]
    columns = (
        [*first, *doubt, *numbers[:metrics]],
        ["#", "P(all)", *_beside_their_intervals(numbers[:metrics])],
        ["#", *numbers[derived:]],
        [*first, "Least sure of", *numbers[metrics:derived], "Distance"],
        list(view.columns),
    )
    return dict(zip(VIEWS, columns, strict=True))


def _beside_their_intervals(heads: Sequence[str]) -> list[str]:
    """Heads of metrics, each with the head of its interval behind it."""
    return [column for head in heads for column in (head, f"{head.rpartition(' [')[0]} ±")]


def goal_text(goal: Goal, quantity: Quantity) -> str:
    """Write a goal as a datasheet would: ``at least 46.0 dB``, ``0.8 MHz to 2 MHz``."""
    if goal.kind in (GoalKind.RANGE, GoalKind.TARGET) and None not in (goal.low, goal.high):
        return f"{quantity.text(goal.low or 0.0)} to {quantity.text(goal.high or 0.0)}"
    if goal.kind is GoalKind.MIN and goal.low is not None:
        return f"at least {quantity.text(goal.low)}"
    if goal.kind is GoalKind.MAX and goal.high is not None:
        return f"at most {quantity.text(goal.high)}"
    return {
        GoalKind.MAXIMIZE: "as large as possible",
        GoalKind.MINIMIZE: "as small as possible",
    }.get(goal.kind, "–")


def verdict(
    requirements: Sequence[Requirement], quantity: Quantity, value: float, mark: str = ""
) -> str:
    """Judge one value: ``PASS``, or ``FAIL by 3.1 dB``; the mark goes behind the word.

    Args:
        requirements: those of this quantity; none: an empty text.
        quantity: how the value is shown.
        value: stored unit; NaN never passes.
        mark: ``*`` for what is only predicted.
    """
    if not requirements:
        return ""
    if np.isnan(value):
        return f"FAIL{mark}: not measured"
    worst = min(requirements, key=lambda item: float(item.margin(value)))
    if _held(worst, value):
        return f"PASS{mark}"
    gap = abs(float(quantity.shown(value)) - float(quantity.shown(worst.bound)))
    return f"FAIL{mark} by {_gap_text(quantity, gap)}"


def _held(requirement: Requirement, values: float | pd.Series) -> np.ndarray:
    """Whether values meet a requirement; equality on the grid must not fail by rounding."""
    held: np.ndarray = requirement.margin(values) >= -1e-9 * abs(requirement.bound)
    return held


def spec_sheet(
    specification: Specification,
    candidate: Mapping[str, float],
    simulated: Mapping[str, float] | None = None,
    failure: str = "",
) -> pd.DataFrame:
    """Return predicted (and simulated) values beside the specs, one row a quantity, as text.

    Args:
        specification: what was asked.
        candidate: a row of the candidates.
        simulated: stored values by quantity, NaN where not measured; None: not simulated.
        failure: why SPICE finds no working amplifier, which meets no spec; empty: it works.
    """
    circuit = specification.circuit
    shown = quantities(circuit)
    goals = {goal.quantity: goal for goal in specification.goals}
    rows = []
    for name in [*circuit.metric_names, "supply_current", "gate_area", "power"]:
        goal = goals.get(name, Goal(name, GoalKind.IGNORE))
        if name == "power" and goal.kind is GoalKind.IGNORE:
            continue
        needed = [item for item in specification.requirements if item.quantity == name]
        quantity = shown[name]
        row = {
            "Quantity": quantity.label,
            "Spec": goal_text(goal, quantity),
            "Predicted": quantity.both(candidate[name]),
            "90 %": _interval(candidate, name, quantity),
            "Verdict*": verdict(needed, quantity, candidate[name], "*"),
        }
        if simulated is not None:
            row["SPICE"] = quantity.both(simulated[name])
            judged = verdict(needed, quantity, simulated[name])
            row["Verdict"] = "FAIL: does not work" if failure and judged else judged
        rows.append(row)
    return pd.DataFrame(rows).set_index("Quantity")


def verdict_style(text: str) -> str:
    """Return the CSS of a cell that holds a verdict."""
    if text.startswith("PASS"):
        return f"color: {style.PASS}; font-weight: 600"
    return f"color: {style.FAIL}; font-weight: 600" if text.startswith("FAIL") else ""


def parallel_coordinates(
    candidates: pd.DataFrame,
    circuit: Circuit,
    names: Sequence[str],
    height: int = 360,
) -> go.Figure:
    """Draw every candidate as a line over variables and metrics, coloured by its chance."""
    shown = quantities(circuit)
    dimensions = []
    for name in names:
        head, values = scaled_column(shown[name], candidates[name])
        dimensions.append({"label": head, "values": values.to_numpy(dtype="f4")})
    figure = go.Figure(
        go.Parcoords(
            line={
                "color": candidates["probability"].to_numpy(dtype=float),
                "colorscale": [[0, style.FAIL], [1, style.CANDIDATE]],
                "cmin": 0,
                "cmax": 1,
            },
            dimensions=dimensions,
            labelangle=-24,
            labelfont={"size": 11, "color": style.MUTED},
            tickfont={"size": 10, "color": style.MUTED},
            rangefont={"size": 1, "color": "rgba(0,0,0,0)"},
        )
    )
    margin = {"l": 50, "r": 40, "t": 84, "b": 16}
    return style.laid_out(figure, height, margin=margin)


def trade_off(
    candidates: pd.DataFrame,
    known: DomainTable,
    specification: Specification,
    names: tuple[str, str],
    front: pd.DataFrame | None = None,
    height: int = 360,
) -> go.Figure:
    """Draw candidates over the known designs of B in two metrics, with the specs as lines.

    Supply current and gate area are as good as metrics. The designs of which none is better in both
    are joined: the front.

    Args:
        candidates: what was found.
        known: designs of B that were simulated.
        specification: what was asked.
        names: of the two quantities.
        front: designs of a front that was searched for, in the order of the first quantity; None:
            the front of the candidates.
        height: of the figure in px.
    """
    circuit = specification.circuit
    shown = quantities(circuit)
    x, y = shown[names[0]], shown[names[1]]
    area = circuit.gate_area(known.designs)
    everything = known.metrics.assign(supply_current=known.supply_current, gate_area=area)
    working = everything[known.valid]
    figure = go.Figure()
    figure.add_scatter(
        x=x.shown(working[x.name]).astype("f4"),
        y=y.shown(working[y.name]).astype("f4"),
        mode="markers",
        name="known designs",
        marker={"color": style.MUTED, "size": 4, "opacity": 0.45},
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=x.shown(candidates[x.name]),
        y=y.shown(candidates[y.name]),
        mode="markers+text",
        name="candidates",
        text=[str(number) for number in range(1, len(candidates) + 1)],
        textposition="top center",
        textfont={"color": style.CANDIDATE_TEXT, "size": 12, "weight": 600},
        marker={"color": style.CANDIDATE, "size": 9, "line": {"color": "#FFFFFF", "width": 1}},
        hovertemplate=f"candidate %{{text}}<br>{x.label} %{{x:.4~s}}<br>{y.label} %{{y:.4~s}}"
        "<extra></extra>",
    )
    searched = front is not None
    best = candidates.iloc[_front(candidates, specification, names)] if front is None else front
    figure.add_scatter(
        x=x.shown(best[x.name]),
        y=y.shown(best[y.name]),
        mode="lines+markers" if searched else "lines",
        name="front, searched for" if searched else "front",
        line={"color": style.CANDIDATE, "width": 1.5, "dash": "solid" if searched else "dot"},
        marker={"size": 5},
        hoverinfo="x+y" if searched else "skip",
    )
    for requirement in specification.requirements:
        line = {"color": style.FAIL, "width": 1, "dash": "dash"}
        if requirement.quantity == x.name:
            figure.add_vline(x=float(x.shown(requirement.bound)), line=line)
        if requirement.quantity == y.name:
            figure.add_hline(y=float(y.shown(requirement.bound)), line=line)
    style.laid_out(figure, height)
    figure.update_xaxes(**x.axis())
    figure.update_yaxes(**y.axis())
    return figure


def better_ends(specification: Specification, names: tuple[str, str]) -> dict[str, str]:
    """Say of each quantity whether to ``maximize`` or to ``minimize`` it.

    Less is better of current, area and whatever the specification wants small.
    """
    small = {SUPPLY_CURRENT, GATE_AREA} | {
        goal.quantity
        for goal in specification.goals
        if goal.kind in (GoalKind.MAX, GoalKind.MINIMIZE)
    }
    return {name: str(GoalKind.MINIMIZE if name in small else GoalKind.MAXIMIZE) for name in names}


def _front(
    candidates: pd.DataFrame, specification: Specification, names: tuple[str, str]
) -> np.ndarray:
    """Positions of the candidates that none betters in both quantities, by the first of them."""
    better = better_ends(specification, names).values()
    signs = np.array([-1.0 if end == GoalKind.MINIMIZE else 1.0 for end in better])
    front = undominated(candidates[list(names)].to_numpy(dtype=float) * signs)
    return front[np.argsort(candidates[names[0]].to_numpy(dtype=float)[front])]


def _interval(candidate: Mapping[str, float], name: str, quantity: Quantity) -> str:
    """Write the half-width of the interval: decibels, degrees, or per cent of the value."""
    if f"{name}_lo" not in candidate:
        return ""
    low, high = (float(quantity.shown(candidate[f"{name}_{end}"])) for end in ("lo", "hi"))
    half = (high - low) / 2
    if quantity.decibels or quantity.unit == "deg":
        unit = " dB" if quantity.decibels else "°"
        return f"± {max(half, 0.01):.2g}{unit}"
    return f"± {max(100 * half / abs(float(quantity.shown(candidate[name]))), 0.01):.2g} %"


def _gap_text(quantity: Quantity, gap: float) -> str:
    if quantity.decibels:
        return f"{gap:.2g} dB"
    return quantity.text(float(quantity.stored(gap)), 2)


def _requirement_label(name: str, shown: Mapping[str, Quantity]) -> str:
    quantity, _, side = name.partition(" ")
    sign = {">=": "≥", "<=": "≤"}.get(side, side)
    return f"{shown[quantity].label} {sign}" if quantity in shown else name
