"""Cells of the benchmark: one line of JSON for each method, specification and seed.

A cell that was run is not run again, unless its specification changed or its budget grew while it
was unsolved; the newest line of a cell counts. The plan goes round all methods and sets with the
first specification before it goes on to the second, so that a run that is cut short is balanced.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.inverse.corner_survival import CORNER_METHODS, corner_cell
from benchmarks.inverse.methods import METHODS, SOLVABLE, SUBSET
from benchmarks.inverse.recognition import RECOGNITION, recognition_cell
from benchmarks.inverse.specs import FOLDER, FrozenSpec, load_specs
from benchmarks.inverse.trial import Bench, SpentError, Trial, open_bench
from core.circuits import load_circuit

Row = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """What is to be run."""

    circuit: str
    spec: FrozenSpec
    method: str
    seed: int

    @property
    def key(self) -> tuple[str, int, str, str, int]:
        """Names the cell; the specification by its fingerprint too."""
        spec = self.spec
        return (spec.set, spec.number, spec.fingerprint, self.method, self.seed)

    @property
    def budget(self) -> int:
        """Most simulations."""
        return METHODS[self.method].budget if self.method in METHODS else 0

    @property
    def turn(self) -> int:
        """When it is run: slow methods take their turns less often."""
        stride = METHODS[self.method].stride if self.method in METHODS else 1
        return (self.spec.number + SUBSET * self.seed) * stride


def cells_path(circuit_id: str) -> Path:
    """Where the results of a circuit lie."""
    return FOLDER / f"cells_{circuit_id}.jsonl"


def read_cells(path: Path) -> dict[tuple[Any, ...], Row]:
    """The newest line of every cell."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    rows = [json.loads(line) for line in lines]
    return {_key(row): row for row in rows}


def plan(circuit_id: str, methods: Iterable[str], sets: Iterable[str], specs: int) -> list[Cell]:
    """All cells of a circuit in the order in which they tell most."""
    wanted, cells = set(sets), []
    for spec in load_specs(load_circuit(circuit_id)):
        if spec.set not in wanted or spec.number >= specs:
            continue
        for method in methods:
            cells += [Cell(circuit_id, spec, method, seed) for seed in _seeds(method, spec)]
    return sorted(cells, key=lambda cell: cell.turn)


def missing(cells: list[Cell], done: dict[tuple[Any, ...], Row]) -> list[Cell]:
    """Those that were never run, or unsolved with a smaller budget."""

    def open_still(cell: Cell) -> bool:
        row = done.get(cell.key)
        if row is None:
            return True
        return cell.budget > row.get("budget", 0) and row.get("first") is None

    return [cell for cell in cells if open_still(cell)]


def run_cell(bench: Bench, cell: Cell) -> Row:
    """Run one cell; the row that is kept of it."""
    spec = cell.spec
    row: Row = dict(zip(("set", "number", "spec", "method", "seed"), cell.key, strict=True))
    began = time.perf_counter()
    if cell.method in CORNER_METHODS:
        row |= corner_cell(bench, spec, cell.method)
    elif cell.method in RECOGNITION:
        row |= recognition_cell(bench, spec)
    else:
        row |= run_trial(bench, spec, cell)
    return row | {"seconds": round(time.perf_counter() - began, 3)}


def run_trial(bench: Bench, spec: FrozenSpec, cell: Cell) -> Row:
    """Give a specification to a method until it is solved or the budget is out."""
    trial = Trial(bench, spec.specification(bench.circuit), cell.budget, cell.seed)
    with contextlib.suppress(SpentError):
        METHODS[cell.method].run(trial)
    return {
        "first": trial.first,
        "spent": trial.spent,
        "budget": cell.budget,
        "simulating": round(trial.simulating, 3),
    }


def run_all(
    cells: list[Cell], *, jobs: int, minutes: float, run: Path | None, say: Callable[[str], None]
) -> int:
    """Run cells, write each as it ends, start none after the time is up; how many were run.

    A cell that fails is told and not written, so that the others go on and it is still missing.
    """
    ends, done = time.monotonic() + 60.0 * minutes, 0
    for row, circuit_id in _results(cells, jobs, ends, run):
        if "error" in row:
            say(f"FAILED: {circuit_id} {json.dumps(row)}")
            continue
        with cells_path(circuit_id).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        done += 1
        say(f"{done} of {len(cells)}: {circuit_id} {json.dumps(row)}")
    return done


def _results(
    cells: list[Cell], jobs: int, ends: float, run: Path | None
) -> Iterator[tuple[Row, str]]:
    context = get_context("spawn")
    todo = iter(cells)
    with ProcessPoolExecutor(jobs, context) as pool:
        under_way: dict[Future[Row], str] = {}
        while True:
            while len(under_way) < jobs and time.monotonic() < ends:
                cell = next(todo, None)
                if cell is None:
                    break
                under_way[pool.submit(_work, cell, run)] = cell.circuit
            if not under_way:
                return
            finished, _ = wait(under_way, return_when=FIRST_COMPLETED)
            for future in finished:
                yield future.result(), under_way.pop(future)


_benches: dict[str, Bench] = {}


def _work(cell: Cell, run: Path | None) -> Row:
    """In a worker, which keeps one bench a circuit; a failure as a row that tells it."""
    if cell.circuit not in _benches:
        _benches[cell.circuit] = open_bench(cell.circuit, run)
    try:
        return run_cell(_benches[cell.circuit], cell)
    except Exception as error:  # of whichever library: one peer must not end a run of hours
        return {"cell": cell.key, "error": f"{type(error).__name__}: {error}"}


def _seeds(method: str, spec: FrozenSpec) -> range:
    if method in CORNER_METHODS:
        return range(spec.set == "corners")
    if method in RECOGNITION:
        return range(spec.set in ("infeasible", "meet", "match"))
    entry = METHODS[method]
    return range(entry.seeds if spec.set in SOLVABLE and spec.number < entry.specs else 0)


def _key(row: Row) -> tuple[Any, ...]:
    return (row["set"], row["number"], row["spec"], row["method"], row["seed"])
