"""The report's figures on cells whose answers are known."""

from __future__ import annotations

import pandas as pd
import pytest

from benchmarks.inverse.report import chance, current_rows, ratios, successes, wilson
from benchmarks.inverse.specs import POOL_SIZE, FrozenSpec, at_least


def cell(number: int, method: str, first: int | None, budget: int = 200) -> dict[str, object]:
    return {
        "set": "meet",
        "number": number,
        "method": method,
        "seed": 0,
        "first": first,
        "budget": budget,
        "seconds": 1.5,
        "simulating": 1.0,
    }


def test_success_counts_what_was_solved_within_the_budget() -> None:
    rows = [cell(n, "crossfab", first) for n, first in enumerate([1, 1, 6, None])]
    line = successes(pd.DataFrame(rows)).iloc[0]
    assert line["1"].startswith("50 ")
    assert line["5"].startswith("50 ")
    assert line["10"].startswith("75 ")
    assert line["200"].startswith("75 ")
    assert line["median first"] == "4"
    assert line["own s"] == "0.50"


def test_beyond_a_smaller_budget_nothing_is_claimed() -> None:
    line = successes(pd.DataFrame([cell(0, "scbo", None, budget=100)])).iloc[0]
    assert line["100"].startswith("0 ")
    assert line["200"] == ""


def test_the_interval_is_wilsons() -> None:
    low, high = wilson(9, 10)  # Wilson 1927; as statsmodels and textbooks give it
    assert (low, high) == (pytest.approx(0.5958, abs=1e-4), pytest.approx(0.9821, abs=1e-4))


def test_the_ratio_is_that_of_the_best_peer_at_equal_success() -> None:
    rows = [cell(n, "crossfab", 2) for n in range(12)]
    rows += [cell(n, "cma-es", first) for n, first in enumerate(3 * [10, 20, 40, None])]
    rows += [cell(n, "evolution", first) for n, first in enumerate(3 * [30, 30, 30, None])]
    rows += [cell(n, "tpe", 1) for n in range(9)]  # Too few trials to tell.
    found = ratios(pd.DataFrame(rows)).set_index("success")
    assert found.loc[0.5, "best peer"] == "cma-es"
    assert found.loc[0.5, "ratio"].startswith("10.0 ")
    assert found.loc[0.75, "best peer"] == "evolution"
    assert found.loc[0.9, "ratio"].startswith("more than 100.0 ")


def test_the_chance_line_is_what_drawing_from_the_pool_gives() -> None:
    goals = (at_least("dc_gain", 10.0),)
    specs = [
        FrozenSpec("meet", 0, goals, passing=POOL_SIZE // 2),
        FrozenSpec("meet", 1, goals, passing=0),
    ]
    line = chance(specs).iloc[0]
    assert line["1"] == "25.0"
    assert line["200"] == "50.0"


def test_results_of_another_question_are_left_out() -> None:
    spec = FrozenSpec("meet", 0, (at_least("dc_gain", 10.0),))
    rows = [{**cell(0, "crossfab", 1), "spec": spec.fingerprint}]
    assert len(current_rows(rows, [spec])) == 1
    harder = FrozenSpec("meet", 0, (at_least("dc_gain", 11.0),))
    assert len(current_rows(rows, [harder])) == 0
