"""The tables and the figure of the forward benchmark, from its stored cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

METRICS = ("slewrate_pos", "dc_gain", "ugf", "phase_margin", "cmrr")
_OURS = "crossfab"
_STAGES = ("baseline", "target_only", "dual_head", "align", "ensemble")


def _flat(results: list[dict[str, Any]]) -> pd.DataFrame:
    """One row a cell, model and metric."""
    rows = [
        {
            **{k: v for k, v in cell.items() if k != "models"},
            "model": f"{_OURS} {name}" if cell["method"] == _OURS else name,
            "metric": metric,
            **figures,
        }
        for cell in results
        for name, models in cell["models"].items()
        for metric, figures in models.items()
    ]
    return pd.DataFrame(rows)


def report(results: list[dict[str, Any]]) -> str:
    """Markdown tables: accuracy per data set and circuit, then data efficiency."""
    table = _flat(results)
    parts = [
        _accuracy(group, f"{data}, {circuit}")
        for (data, circuit), group in table[table.rows == 0].groupby(["data", "circuit"])
    ]
    parts += [
        _efficiency(group, f"{data}, {circuit}")
        for (data, circuit), group in table[table.rows > 0].groupby(["data", "circuit"])
    ]
    return "\n\n".join(parts)


def _accuracy(table: pd.DataFrame, title: str) -> str:
    """Two tables: how right the models are; how large their errors and intervals are."""
    right = [
        "| model | log R2 | mean | R2 | mean | median error % |",
        "|" + "---|" * 6,
    ]
    sizes = [
        "| model | MAE | p95 error % | coverage % | width | train s | 10,000 s | splits |",
        "|" + "---|" * 8,
    ]
    for model, group in sorted(table.groupby("model"), key=lambda pair: _order(pair[0])):
        figures = group.groupby("metric").mean(numeric_only=True).loc[list(METRICS)]
        spread = group.groupby("seed").log_r2.mean().std(ddof=0)
        right.append(
            f"| {model} | {_row(figures.log_r2, '.4f')} "
            f"| {figures.log_r2.mean():.4f} ± {spread:.4f} "
            f"| {_row(figures.r2, '.3f')} | {figures.r2.mean():.3f} "
            f"| {_row(100 * figures.median_relative_error, '.2f')} |"
        )
        sizes.append(
            f"| {model} | {_row(figures.mae, '.3g')} "
            f"| {_row(100 * figures.p95_relative_error, '.1f')} "
            f"| {_row(100 * figures.coverage, '.0f')} | {_row(figures.width, '.3g')} "
            f"| {group.seconds_train.median():.0f} | {group.seconds_10000.median():.2f} "
            f"| {group.seed.nunique()} |"
        )
    head = (
        f"**{title}**: mean over the splits ({', '.join(map(str, sorted(table.seed.unique())))}); "
        "SR / gain / UGF / PM / CMRR"
    )
    return "\n".join([head, "", *right, "", *sizes, "", _narrower(table)])


def _order(model: str) -> tuple[int, str]:
    names = [f"{_OURS} {stage}" for stage in reversed(_STAGES)]
    return (names.index(model) if model in names else len(names), model)


def _row(values: pd.Series, form: str) -> str:
    return " / ".join(format(v, form) for v in values)


def _narrower(table: pd.DataFrame) -> str:
    """How much narrower our intervals are than the narrowest peer's, on the splits both ran."""
    widths = np.log(table.pivot_table("width", ["model", "seed"], "metric")[list(METRICS)])
    peers = [m for m in table.model.unique() if not m.startswith(_OURS)]
    ours = f"{_OURS} ensemble"
    if ours not in widths.index or not peers:
        return ""
    ratios = {peer: (widths.loc[ours] - widths.loc[peer]).dropna().mean() for peer in peers}
    best = max(ratios, key=lambda peer: float(ratios[peer].mean()))
    share = np.exp(ratios[best].mean())
    return (
        f"Intervals at equal coverage against the peer with the narrowest ({best}): "
        f"{_row(100 * (1 - np.exp(ratios[best])), '.0f')} % narrower, "
        f"{100 * (1 - share):.0f} % in the geometric mean."
    )


def _efficiency(table: pd.DataFrame, title: str) -> str:
    chosen = table[~table.model.isin([f"{_OURS} {s}" for s in ("baseline", "align")])]
    cells = chosen.pivot_table("log_r2", "model", "rows")
    lines = [
        f"**{title}**, mean log R2 over the metrics by rows of B, {table.seed.nunique()} splits",
        "",
        "| model | " + " | ".join(str(n) for n in cells.columns) + " |",
        "|" + "---|" * (len(cells.columns) + 1),
    ]
    for model, row in cells.iterrows():
        lines.append(f"| {model} | " + " | ".join(f"{v:.3f}" for v in row) + " |")
    return "\n".join(lines)


def efficiency_figure(results: list[dict[str, Any]], path: Path) -> None:
    """Draw mean log R2 against B's rows, one panel a circuit, as SVG."""
    from matplotlib import pyplot

    table = _flat(results)
    table = table[table.rows > 0]
    shown = {
        f"{_OURS} ensemble": ("Crossfab: learned on A, transferred to B", "#2563EB", "-"),
        f"{_OURS} target_only": ("the same network on B alone", "#2563EB", ":"),
        "gp": ("Gaussian process on B alone", "#DC2626", "--"),
        "catboost": ("CatBoost on B alone", "#64748B", "--"),
    }
    groups = list(table.groupby(["data", "circuit"]))
    figure, axes = pyplot.subplots(1, len(groups), figsize=(4.2 * len(groups), 3.4), squeeze=False)
    for axis, ((data, circuit), group) in zip(axes[0], groups, strict=True):
        for model, (label, colour, style) in shown.items():
            mine = group[group.model == model].groupby("rows").log_r2.mean()
            axis.plot(mine.index, mine, style, color=colour, marker="o", ms=3, label=label)
        axis.set(
            xscale="log", ylim=(0, 1.02), title=f"{circuit}, {data} data",
            xlabel="simulations in process B",
        )  # fmt: skip
        axis.set_xticks(sorted(group.rows.unique()), map(str, sorted(group.rows.unique())))
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel("log R2, mean of the five metrics")
    axes[0][-1].legend(fontsize=7, loc="lower right")
    figure.tight_layout()
    figure.savefig(path)
