"""What the cells say: success at each budget with its interval, the chance line, the ratios."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest, hypergeom

from benchmarks.inverse.methods import ABLATIONS, OURS, PEERS, RIVALS
from benchmarks.inverse.specs import POOL_SIZE, FrozenSpec

BUDGETS = (1, 5, 10, 20, 50, 100, 200)
FEWEST = 10  # Trials of a peer; of fewer, a share says little.
LEVELS = (0.25, 0.5, 0.75, 0.9)
OWN = next(iter(OURS))


def current_rows(rows: list[dict[str, Any]], specs: list[FrozenSpec]) -> pd.DataFrame:
    """Results of the specifications as they are frozen now, with what they know of them."""
    known = {(spec.set, spec.number): spec for spec in specs}
    kept = []
    for row in rows:
        spec = known.get((row["set"], row["number"]))
        if spec is not None and spec.fingerprint == row["spec"]:
            kept.append({"kind": spec.kind, **row})
    return pd.DataFrame(kept)


def wilson(wins: int, count: int) -> tuple[float, float]:
    """Ends of the 95 % interval of a share."""
    ends = binomtest(wins, count).proportion_ci(method="wilson")
    return float(ends.low), float(ends.high)


def percent(wins: int, count: int) -> str:
    """A share in per cent with its interval."""
    low, high = wilson(wins, count)
    return f"{100 * wins / count:.0f} ({100 * low:.0f}..{100 * high:.0f})"


def successes(trials: pd.DataFrame) -> pd.DataFrame:
    """One row a set and method: success at the budgets, simulations to the first, own time.

    Own time is wall time less simulations: those come from a cache where another cell ran them.
    """
    table = []
    for (name, method), rows in trials.groupby(["set", "method"]):
        spent = rows["first"].fillna(np.inf)
        line: dict[str, Any] = {"set": name, "method": method, "cells": len(rows)}
        for budget in BUDGETS:
            if budget <= rows["budget"].min():
                line[str(budget)] = percent(int((spent <= budget).sum()), len(rows))
            else:
                line[str(budget)] = ""
        median = float(np.median(spent))
        line["median first"] = f"{median:.0f}" if np.isfinite(median) else "-"
        line["own s"] = f"{(rows['seconds'] - rows['simulating']).median():.2f}"
        table.append(line)
    return pd.DataFrame(table)


def chance(specs: list[FrozenSpec]) -> pd.DataFrame:
    """The chance line: how often designs drawn from the pool would meet a set's specifications.

    Exactly, without replacement, from the number of designs of the pool that pass.
    """
    table = []
    for name in dict.fromkeys(spec.set for spec in specs):
        passing = np.array([spec.passing or 0 for spec in specs if spec.set == name])
        line: dict[str, Any] = {"set": name, "method": "chance", "cells": len(passing)}
        for budget in BUDGETS:
            none = hypergeom(POOL_SIZE, passing, budget).pmf(0)
            line[str(budget)] = f"{100 * float(np.mean(1.0 - none)):.1f}"
        table.append(line)
    return pd.DataFrame(table)


def ratios(trials: pd.DataFrame) -> pd.DataFrame:
    """Simulations that the best peer needs for each of ours at equal success, on common cells.

    For each peer, the specifications that both were given; the simulations after which a share of
    them is solved. A peer that never gets there needs more than its budget.
    """
    table = []
    for name, rows in trials.groupby("set"):
        ours = rows[rows["method"] == OWN].set_index("number")["first"].fillna(np.inf)
        for level in LEVELS:
            found = [
                (*one, str(peer))
                for peer, theirs in rows[rows["method"].isin(RIVALS)].groupby("method")
                if (one := _ratio(ours, theirs, level)) is not None
            ]
            if found:
                _, text, peer = min(found)
                table.append({"set": name, "success": level, "best peer": peer, "ratio": text})
    return pd.DataFrame(table)


def _ratio(ours: pd.Series, theirs: pd.DataFrame, level: float) -> tuple[float, str] | None:
    common = theirs[theirs["number"].isin(ours.index)]
    if len(common) < FEWEST:
        return None
    own = _needed(ours[common["number"]].to_numpy(), level)
    other = _needed(common["first"].fillna(np.inf).to_numpy(), level)
    if not np.isfinite(own):
        return None
    if np.isfinite(other):
        return other / own, f"{other / own:.1f} ({other:.0f} for {own:.0f})"
    budget = float(common["budget"].min())
    return budget / own, f"more than {budget / own:.1f} ({budget:.0f} are not enough)"


def _needed(first: np.ndarray, level: float) -> float:
    """Simulations after which this share is solved; infinite where it never is."""
    place = int(np.ceil(level * len(first))) - 1
    return float(np.sort(first)[place])


def recognition(rows: pd.DataFrame) -> pd.DataFrame:
    """Shares called infeasible, with the conflict named, and of offers that SPICE confirms."""
    table = []
    for (name, kind), part in rows.fillna({"kind": ""}).groupby(["set", "kind"]):
        table.append(
            {
                "set": name,
                "construction": kind,
                "recognised": percent(int(part["recognised"].sum()), len(part)),
                "named": percent(int(part["named"].sum()), len(part)),
                "nearest value kept": _kept(part["kept"].dropna()),
                "median s": f"{part['seconds'].median():.2f}",
            }
        )
    return pd.DataFrame(table)


def _kept(kept: pd.Series) -> str:
    return percent(int(kept.sum()), len(kept)) + f" of {len(kept)}" if len(kept) else ""


def survival(rows: pd.DataFrame) -> pd.DataFrame:
    """Share of the returned designs that hold in all 17 conditions."""
    table = []
    for method, part in rows.groupby("method"):
        returned = int(part["returned"].sum())
        table.append(
            {
                "method": method,
                "specs": len(part),
                "with a design": int((part["returned"] > 0).sum()),
                "designs": returned,
                "hold in all corners": percent(int(part["survived"].sum()), returned)
                if returned
                else "",
                "median simulations": f"{part['spent'].median():.0f}",
                "median s": f"{part['seconds'].median():.1f}",
            }
        )
    return pd.DataFrame(table)


def full_report(rows: list[dict[str, Any]], specs: list[FrozenSpec]) -> str:
    """Everything as text."""
    table = current_rows(rows, specs)
    if not len(table):
        return "No cells yet."
    order = {name: place for place, name in enumerate([*OURS, *ABLATIONS, *PEERS])}
    parts = []
    trials = table[table["method"].isin(order)]
    if len(trials):
        solved = successes(trials)
        solved["order"] = solved["method"].map(order)
        solved = solved.sort_values(["set", "order"]).drop(columns="order")
        ladder = trials[trials["set"] == "ladder"].assign(set=lambda t: "ladder " + t["kind"])
        parts += [
            "Success in % (95 % interval) within that many simulations",
            _text(pd.concat([solved, chance(specs)])),
        ]
        if len(ladder):
            parts += ["Ladder by grade", _text(successes(ladder))]
        parts += ["Simulations of the best peer for one of ours", _text(ratios(trials))]
    for title, wanted, summary in (
        ("Infeasible", ("recognise",), recognition),
        ("Corners", ("for corners", "nominal only"), survival),
    ):
        part = table[table["method"].isin(wanted)]
        if len(part):
            parts += [title, _text(summary(part))]
    return "\n\n".join(parts)


def _text(table: pd.DataFrame) -> str:
    return table.fillna("").to_string(index=False)
