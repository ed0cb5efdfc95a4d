"""Tables as people read them: engineering notation, one unit a column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from core.circuits import Circuit
from core.figures.model_names import model_name
from core.figures.quantity import quantities
from core.units import engineering

# name: (title, whether larger is better)
FIGURES: Mapping[str, tuple[str, bool]] = {
    "median_relative_error": ("Median relative error", False),
    "p95_relative_error": ("95th percentile of the relative error", False),
    "r2": ("R2 in physical units", True),
    "log_r2": ("R2 of log10 (linear for the phase margin)", True),
    "mae": ("Mean absolute error", False),
    "rmse": ("Root mean square error", False),
    "mse": ("Mean square error", False),
    "coverage": ("Share inside the 90 % interval", True),
    "median_relative_width": ("Median width of the 90 % interval over the value", False),
}
_OPERATING_POINT = {
    "id": ("ID [uA]", 1e6),
    "gm": ("gm [uS]", 1e6),
    "gds": ("gds [uS]", 1e6),
    "vgs": ("VGS [mV]", 1e3),
    "vds": ("VDS [mV]", 1e3),
    "vth": ("Vth [mV]", 1e3),
    "vdsat": ("VDsat [mV]", 1e3),
    "headroom": ("Headroom [mV]", 1e3),
    "gm_over_id": ("gm/ID [1/V]", 1.0),
}


def accuracy_table(evaluation: Mapping[str, Any], figure: str, circuit: Circuit) -> pd.DataFrame:
    """Return one figure of merit as text: models as rows, metrics as columns.

    Args:
        evaluation: the content of ``evaluation.json``.
        figure: a name of ``FIGURES``.
        circuit: names the metrics and their units.
    """
    values = accuracy_values(evaluation, figure)
    units = {metric.name: metric.unit for metric in circuit.metrics}
    labels = {name: quantity.label for name, quantity in quantities(circuit).items()}
    text = {
        labels[name]: _squares(values[name], units[name])
        if figure == "mse"
        else [_cell(value, figure, units[name]) for value in values[name]]
        for name in values
    }
    models = pd.Index([model_name(name) for name in values.index], name="Model")
    return pd.DataFrame(text, index=models)


def interval_table(evaluation: Mapping[str, Any], model: str, circuit: Circuit) -> pd.DataFrame:
    """Return coverage and width of one model's 90 % intervals as text, metrics as columns."""
    figures = ("coverage", "median_relative_width")
    rows = [
        accuracy_table(evaluation, figure, circuit).loc[model_name(model)] for figure in figures
    ]
    return pd.DataFrame(rows, index=[FIGURES[figure][0] for figure in figures])


def accuracy_values(evaluation: Mapping[str, Any], figure: str) -> pd.DataFrame:
    """Return one figure of merit as numbers: models as rows, metrics as columns."""
    stored = "mse" if figure == "rmse" else figure
    rows = {
        model: {name: row[stored] for name, row in entry["metrics"].items()}
        for model, entry in evaluation["models"].items()
    }
    table = pd.DataFrame.from_dict(rows, orient="index")
    return pd.DataFrame(np.sqrt(table)) if figure == "rmse" else table


def best_rows(values: pd.DataFrame, figure: str) -> pd.DataFrame:
    """Return which model is best for each metric (booleans of the same shape)."""
    if figure == "coverage":
        distance = (values - 0.9).abs()
        return distance.eq(distance.min())
    return values.eq(values.max() if FIGURES[figure][1] else values.min())


def _cell(value: float, figure: str, unit: str) -> str:
    if figure in ("r2", "log_r2"):
        return f"{value:.4f}"
    if figure in ("mae", "rmse"):
        return engineering(value, unit)
    return f"{100 * value:.3g} %"


def _squares(values: pd.Series, unit: str) -> list[str]:
    """Write mean squares in one unit a column, the square of what the median root would have.

    Args:
        values: mean squares, in ``unit`` squared.
        unit: SI base unit of the metric.
    """
    scale, shown = 1.0, unit
    root = float(np.sqrt(values.median()))
    if unit == "deg":
        shown = "°"
    elif unit == "V/s":  # As everywhere else, per microsecond.
        scale, shown = 1e6, "V/us"
    elif root > 0:
        scale = 10.0 ** (3 * np.floor(np.log10(root) / 3))
        shown = engineering(scale, unit).removeprefix("1").strip()
    return [f"{float(f'{value / scale**2:.3g}'):g} ({shown})²" for value in values]


def metric_rows(
    circuit: Circuit, values: Mapping[str, Mapping[str, float]], both: bool = True
) -> pd.DataFrame:
    """Return metrics as rows and named sets of stored values as columns, as text."""
    shown = quantities(circuit)
    columns = {
        name: [
            (shown[metric].both if both else shown[metric].text)(row.get(metric, float("nan")))
            for metric in circuit.metric_names
        ]
        for name, row in values.items()
    }
    labels = [shown[metric].label for metric in circuit.metric_names]
    return pd.DataFrame(columns, index=pd.Index(labels, name="Metric"))


def operating_point_table(point: pd.DataFrame) -> pd.DataFrame:
    """Return the operating point of every transistor in uA, uS and mV, for people."""
    view = point[["device", "region"]].rename(columns={"device": "Device", "region": "Region"})
    for column, (head, factor) in _OPERATING_POINT.items():
        view[head] = point[column] * factor
    return view
