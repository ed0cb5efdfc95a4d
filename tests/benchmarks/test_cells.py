"""The plan of cells, and what counts as done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.inverse import cells
from benchmarks.inverse.cells import Cell, missing, read_cells, run_cell
from benchmarks.inverse.methods import BUDGET, METHODS, STRIDE, Entry
from benchmarks.inverse.specs import FrozenSpec, at_least
from benchmarks.inverse.trial import Bench, Trial


def cell(method: str = "nearest", number: int = 0) -> Cell:
    return Cell("5t_opamp", FrozenSpec("meet", number, (at_least("dc_gain", 1e9),)), method, 0)


def test_a_cell_that_was_run_is_not_missing(textbook_bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "cells.jsonl"
    assert missing([cell()], read_cells(path)) == [cell()]
    row = run_cell(textbook_bench, cell())
    path.write_text(json.dumps(row) + "\n")
    assert missing([cell()], read_cells(path)) == []


def test_an_unsolved_cell_is_run_again_with_a_larger_budget_and_a_solved_one_is_not() -> None:
    one = cell()
    assert missing([one], {one.key: {"first": None, "budget": BUDGET - 1}}) == [one]
    assert missing([one], {one.key: {"first": 3, "budget": BUDGET - 1}}) == []


def test_the_newest_line_of_a_cell_counts(tmp_path: Path) -> None:
    path = tmp_path / "cells.jsonl"
    row = {"set": "meet", "number": 0, "spec": "x", "method": "nearest", "seed": 0}
    path.write_text("".join(json.dumps({**row, "first": first}) + "\n" for first in (None, 5)))
    assert [row["first"] for row in read_cells(path).values()] == [5]


def test_a_slow_method_waits_while_quick_ones_go_on() -> None:
    assert cell("scbo", 2).turn == cell("nearest", 2 * STRIDE).turn


def test_a_method_that_breaks_is_told_and_ends_no_run(
    textbook_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(trial: Trial) -> None:
        raise ValueError("no root found")

    monkeypatch.setitem(METHODS, "nearest", Entry(broken))
    monkeypatch.setitem(cells._benches, "5t_opamp", textbook_bench)
    assert cells._work(cell(), None)["error"] == "ValueError: no root found"
