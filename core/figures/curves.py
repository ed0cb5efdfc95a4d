"""Loss curves of one run or several, as a Vega-Lite chart that keeps its zoom while it grows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import altair as alt
import pandas as pd

from core.figures import style

_ROWS = {"train": "training"}


def epochs_table(events: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the epoch events as a long table: stage, member, epoch, term, value.

    Epochs are counted through: where a stage has several phases, the second goes on where the
    first has ended.
    """
    rows: list[tuple[str, int, int, str, float]] = []
    counts: Counter[tuple[str, int]] = Counter()
    for event in events:
        if event.get("kind") != "epoch":
            continue
        line = (str(event["stage"]), int(event.get("member", 0)))
        counts[line] += 1
        rows += [(*line, counts[line], term, value) for term, value in event["losses"].items()]
    return pd.DataFrame(rows, columns=["stage", "member", "epoch", "term", "value"])


def term_name(term: str) -> str:
    """Write a loss term for people: ``train_mse`` is ``training MSE``."""
    rows, _, loss = term.partition("_")
    return f"{_ROWS.get(rows, rows)} {loss if loss == 'loss' else loss.upper()}".strip()


def loss_curves(table: pd.DataFrame, *, log: bool, by_run: bool, height: int = 300) -> alt.Chart:
    """Draw each loss term over the epochs: the mean of the members, one line a term and run.

    Args:
        table: rows of ``epochs_table`` of one stage, with a column ``run`` beside them.
        log: logarithmic loss axis; values that are not positive are left out then.
        by_run: colour tells the run and dashes the term, else colour tells the term.
        height: of the chart in px.
    """
    mean = table.groupby(["run", "term", "epoch"], as_index=False)["value"].mean()
    mean["term"] = mean["term"].map(term_name)
    if log:
        mean = mean[mean["value"] > 0]
    scale = alt.Scale(type="log" if log else "linear", zero=False, nice=True)
    colour, dash = ("run", "term") if by_run else ("term", "run")
    encodings: dict[str, Any] = {
        "x": alt.X("epoch:Q", title="Epoch", axis=alt.Axis(tickMinStep=1)),
        "y": alt.Y("value:Q", title="Loss", scale=scale, axis=alt.Axis(format=".4~g")),
        "color": alt.Color(f"{colour}:N", title=None, scale=alt.Scale(range=style.PALETTE)),
        "tooltip": [
            alt.Tooltip("run:N"),
            alt.Tooltip("term:N"),
            alt.Tooltip("epoch:Q"),
            alt.Tooltip("value:Q", format=".4g"),
        ],
    }
    if by_run:
        encodings["strokeDash"] = alt.StrokeDash(f"{dash}:N", title=None)
    return (
        alt.Chart(mean)
        .mark_line(strokeWidth=1.8, clip=True)
        .encode(**encodings)
        .properties(height=height)
        .configure_legend(orient="top", direction="horizontal", labelLimit=240)
        .interactive(name="zoom")
    )
