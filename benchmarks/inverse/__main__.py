"""The inverse benchmark.

python -m benchmarks.inverse freeze --circuit 5t_opamp   (make the sets, once)
python -m benchmarks.inverse run --minutes 90 --jobs 2   (cell by cell, goes on where it stopped)
python -m benchmarks.inverse report                      (what the cells say)
python -m benchmarks.inverse time --specs 50             (wall time of a search)
"""

from __future__ import annotations

import argparse
from itertools import chain, zip_longest
from pathlib import Path

from benchmarks.inverse.cells import Cell, cells_path, missing, plan, read_cells, run_all
from benchmarks.inverse.corner_survival import CORNER_METHODS
from benchmarks.inverse.designs import fresh_designs
from benchmarks.inverse.methods import METHODS
from benchmarks.inverse.recognition import RECOGNITION
from benchmarks.inverse.report import full_report
from benchmarks.inverse.sets import make_specs
from benchmarks.inverse.specs import SETS, load_specs, write_specs
from benchmarks.inverse.timing import time_searches
from benchmarks.inverse.trial import open_bench
from core.circuits import load_circuit

CIRCUITS = ("5t_opamp", "two_stage_opamp")
EVERYTHING = (*METHODS, *RECOGNITION, *CORNER_METHODS)


def main() -> None:
    """Read the command line."""
    flags = _flags()
    circuits = flags.circuit.split(",")
    if flags.command == "freeze":
        for circuit in map(load_circuit, circuits):
            fresh = fresh_designs(circuit, flags.jobs)
            print(write_specs(circuit, make_specs(fresh, flags.jobs), fresh.engine))
    elif flags.command == "run":
        todo = _todo(flags, circuits)
        print(f"{len(todo)} cells are missing.", flush=True)
        run_all(
            todo,
            jobs=flags.jobs,
            minutes=flags.minutes,
            run=flags.run,
            say=lambda text: print(text, flush=True),
        )
    elif flags.command == "time":
        for circuit_id in circuits:
            specs = [spec for spec in load_specs(load_circuit(circuit_id)) if spec.set == "meet"]
            print(circuit_id)
            print(time_searches(open_bench(circuit_id, flags.run), specs[: flags.specs], 1))
    else:
        for circuit_id in circuits:
            rows = list(read_cells(cells_path(circuit_id)).values())
            print(f"{circuit_id}\n\n{full_report(rows, load_specs(load_circuit(circuit_id)))}\n")


def _todo(flags: argparse.Namespace, circuits: list[str]) -> list[Cell]:
    """What is missing, the circuits taking turns."""
    methods = [name.strip() for name in flags.methods.split(",")] if flags.methods else EVERYTHING
    unknown = set(methods) - set(EVERYTHING)
    if unknown:
        raise SystemExit(f"Unknown methods {sorted(unknown)}: give some of {list(EVERYTHING)}.")
    queues = [
        missing(
            plan(circuit_id, methods, flags.sets.split(","), flags.specs),
            read_cells(cells_path(circuit_id)),
        )
        for circuit_id in circuits
    ]
    return [cell for cell in chain(*zip_longest(*queues)) if cell is not None]


def _flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.inverse",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=("freeze", "run", "report", "time"))
    parser.add_argument("--circuit", default=",".join(CIRCUITS), help="one or several")
    parser.add_argument("--methods", default="", help="default: all")
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--specs", type=int, default=200, help="first specifications of each set")
    parser.add_argument("--minutes", type=float, default=90.0, help="start no cell after that")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--run", type=Path, default=None, help="default: the shipped checkpoints")
    return parser.parse_args()


if __name__ == "__main__":
    main()
