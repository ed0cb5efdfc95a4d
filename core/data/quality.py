"""Find what is not a measurement, and what is odd, in a table of simulations."""

from __future__ import annotations

import numpy as np
import pandas as pd

from core.circuits import Circuit, Metric
from core.data.tables import DataSet, DomainTable
from core.spice.gate import failure_categories

FEWEST_REPEATS = 4
_Finding = tuple[str, str, str, np.ndarray]  # domain, column, finding, rows counted from 0


def repeated_extremes(values: np.ndarray) -> list[float]:
    """Return the largest and the smallest value as far as their repetition makes them sentinels.

    A simulated metric is continuous: its extreme comes once. An extreme that comes four times,
    and at least twice as often as any value between the extremes, marks the end of a sweep.
    """
    distinct, counts = np.unique(values[np.isfinite(values)], return_counts=True)
    if len(distinct) < 2:
        return []
    found = []
    for end in (len(distinct) - 1, 0):
        others = counts[1:-1] if len(distinct) > 2 else np.delete(counts, end)
        if counts[end] >= max(FEWEST_REPEATS, 2 * int(others.max())):
            found.append(float(distinct[end]))
    return found


def not_measured(values: np.ndarray, metric: Metric) -> tuple[np.ndarray, list[str]]:
    """Tell which values (n) of a metric mean "not measured", and why (n texts, empty if fine)."""
    why = np.full(len(values), "", dtype=object)
    finite = np.isfinite(values)
    for extreme in repeated_extremes(values):
        why[values == extreme] = f"{metric.name}: {extreme:g} is a repeated extreme (sweep limit)"
    if metric.minimum is not None:
        low = finite & (values <= metric.minimum)
        why[low] = f"{metric.name}: not above {metric.minimum:g} {metric.unit}"
    for sentinel in metric.sentinels:
        why[np.isclose(values, sentinel, rtol=1e-9, atol=0.0)] = (
            f"{metric.name}: {sentinel:g} {metric.unit} marks a failed measurement"
        )
    why[~finite] = f"{metric.name}: not measured"
    return why != "", list(why)


def not_working(values: np.ndarray, metric: Metric) -> list[str]:
    """Tell why a measured value (n) is of no working amplifier; empty texts where it may be."""
    if metric.working_minimum is None:
        return [""] * len(values)
    text = f"{metric.name}: not above {metric.working_minimum:g} {metric.unit}"
    return list(np.where(values <= metric.working_minimum, text, ""))


def measured_metrics(metrics: pd.DataFrame, circuit: Circuit) -> tuple[pd.DataFrame, pd.Series]:
    """Blank out what is not a measurement.

    Returns:
        The metrics (n x m) with NaN where not measured, and per row the reasons why it is no
        working amplifier of which everything was measured, joined.
    """
    measured = metrics.copy()
    reasons = pd.Series("", index=metrics.index)
    for metric in circuit.metrics:
        bad, why = not_measured(metrics[metric.name].to_numpy(), metric)
        measured.loc[bad, metric.name] = np.nan
        reasons = _joined(reasons, why)
        reasons = _joined(reasons, not_working(measured[metric.name].to_numpy(), metric))
    for metric in circuit.metrics:
        for needed in metric.needs:
            measured.loc[measured[needed].isna(), metric.name] = np.nan
    return measured, reasons


def _joined(reasons: pd.Series, more: list[str]) -> pd.Series:
    text = pd.Series(more, index=reasons.index)
    return reasons + np.where((reasons != "") & (text != ""), "; ", "") + text


def quality_findings(dataset: DataSet) -> pd.DataFrame:
    """List what is odd in a data set but no fault.

    Returns:
        One row a finding: domain ("A" or "B"; of what is in both, the rows are B's), column,
        finding, rows (how many), example (first row, counted from 1), positions (all rows,
        counted from 0).
    """
    findings: list[_Finding] = []
    for domain, table in (("A", dataset.source), ("B", dataset.target)):
        findings += _invalid_rows(domain, table)
        findings += _off_grid(domain, table, dataset.circuit)
    shared = dataset.source.designs.merge(dataset.target.designs.reset_index())
    if len(shared):
        positions = np.sort(shared["index"].to_numpy())
        findings.append(("A and B", "all", "the same design in both", positions))
    table = pd.DataFrame(findings, columns=["domain", "column", "finding", "positions"])
    table["rows"] = table["positions"].map(len)
    table["example"] = table["positions"].map(lambda rows: int(rows[0]) + 1)
    return table


def _invalid_rows(domain: str, table: DomainTable) -> list[_Finding]:
    found = []
    # Without the measured values behind them: a hundred headrooms are one finding.
    parts = table.reason.map(failure_categories).explode().dropna()
    parts = parts.rename("reason").rename_axis("row").reset_index()
    for reason, rows in parts.groupby("reason")["row"]:
        name, _, text = str(reason).partition(": ")
        column, finding = (name, text) if name in table.metrics.columns else ("all", str(reason))
        found.append((domain, column, finding, rows.to_numpy()))
    return found


def _off_grid(domain: str, table: DomainTable, circuit: Circuit) -> list[_Finding]:
    found = []
    for variable in circuit.variables:
        value = table.designs[variable.name].to_numpy()
        off = np.abs(value - variable.snap(value)) > 1e-3 * variable.step
        if off.any():
            text = f"off the grid of {variable.step:g} {variable.unit}"
            found.append((domain, variable.name, text, np.flatnonzero(off)))
    return found
