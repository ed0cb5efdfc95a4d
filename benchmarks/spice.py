"""SPICE: time of a full evaluation, scaling with cores, agreement of the two engines.

Run with ``python -m benchmarks.spice`` (about three minutes on two cores). On a busy machine
``--realtime`` (as root) lets the timing run before all other work.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Iterator

import numpy as np
import pandas as pd
import psutil

from core.circuits import Circuit, circuit_ids, load_circuit
from core.spice import available_engines, load_process, process_names, sample_designs, simulate
from core.spice.checks import make_conditions
from core.spice.engines.registry import borrow_engine
from core.spice.testbench import evaluate

SEED = 2026
TARGET_MS = {"ngspice": 30.0, "neospice": 60.0}
RELATIVE = {"slewrate_pos": 0.005, "dc_gain": 0.005, "ugf": 0.005, "cmrr": 0.02}
DEGREES = 0.2


def main() -> None:
    """Print all three tables with what they were measured on."""
    arguments = _arguments()
    print(_machine())
    print(f"\nEngines that work here: {', '.join(available_engines())}")
    if arguments.realtime:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    print("\nFull evaluation (operating point, both AC sweeps, step), one core:")
    print(_timing(arguments.timed).to_string(index=False, float_format="%.1f"))
    if arguments.realtime:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    print(f"\nGeneration, {arguments.scaled} designs of the 5T OTA in gf180mcu:")
    print(_scaling(arguments.scaled).to_string(index=False, float_format="%.2f"))
    if len(available_engines()) > 1:
        print(f"\nAgreement of the engines on {arguments.compared} random designs each:")
        tables = list(_agreement(arguments.compared))
        summary = pd.concat([summary for summary, _ in tables])
        print(summary.to_string(index=False, float_format="%.3g"))
        print("\nEvery design outside the tolerance:")
        outside = pd.concat([outside for _, outside in tables])
        print(outside.to_string(index=False, float_format="%.5g") if len(outside) else "none")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--timed", type=int, default=60, help="designs per timing")
    parser.add_argument("--scaled", type=int, default=400, help="designs of the scaling run")
    parser.add_argument("--compared", type=int, default=200, help="designs per comparison")
    parser.add_argument("--realtime", action="store_true", help="real-time priority for timings")
    return parser.parse_args()


def _machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    load = os.getloadavg()[0]
    return (
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB, "
        f"Python {platform.python_version()}, load {load:.1f} before the start"
    )


def _timing(n: int) -> pd.DataFrame:
    """Median and 90th percentile of a full evaluation, ms, and the CPU time it took."""
    rows = []
    for engine in available_engines():
        for circuit in map(load_circuit, circuit_ids()):
            for process in process_names():
                wall, busy = _time_designs(engine, circuit, process, n)
                rows.append(
                    {
                        "engine": engine,
                        "circuit": circuit.id,
                        "process": process,
                        "median ms": np.median(wall),
                        "90 % ms": np.percentile(wall, 90),
                        "mean CPU ms": busy,
                        "aim (5T) ms": TARGET_MS[engine],
                    }
                )
    return pd.DataFrame(rows)


def _time_designs(engine: str, circuit: Circuit, process: str, n: int) -> tuple[np.ndarray, float]:
    conditions = make_conditions(load_process(process), "tt", 27.0, None)
    designs = sample_designs(circuit, n + 3, SEED).to_dict("records")
    wall = []
    with borrow_engine(engine) as simulator:
        for design in designs[:3]:  # Start the worker, read the model file.
            evaluate(simulator, circuit, conditions, design)
        before = _cpu_seconds()
        for design in designs[3:]:
            start = time.perf_counter()
            evaluate(simulator, circuit, conditions, design)
            wall.append(1e3 * (time.perf_counter() - start))
        busy = 1e3 * (_cpu_seconds() - before) / n
    return np.array(wall), busy


def _cpu_seconds() -> float:
    """CPU time of this process and its workers so far."""
    own = psutil.Process()
    return sum(sum(process.cpu_times()[:2]) for process in [own, *own.children(recursive=True)])


def _scaling(n: int) -> pd.DataFrame:
    """Designs a second against the number of parallel tasks."""
    circuit, process = load_circuit("5t_opamp"), load_process("gf180mcu")
    designs = sample_designs(circuit, n, SEED)
    rows = []
    for jobs in sorted({1, 2, os.cpu_count() or 1}):
        simulate(circuit, process, designs[: 30 * jobs], jobs=jobs)  # Start the workers.
        start = time.perf_counter()
        simulate(circuit, process, designs, jobs=jobs)
        rows.append({"jobs": jobs, "designs/s": n / (time.perf_counter() - start)})
    table = pd.DataFrame(rows)
    return table.assign(speedup=table["designs/s"] / table["designs/s"][0])


def _agreement(n: int) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Per circuit and process: how far the engines are apart, and the designs outside."""
    for circuit in map(load_circuit, circuit_ids()):
        designs = sample_designs(circuit, n, SEED)
        for name in process_names():
            process = load_process(name)
            ours, theirs = (
                simulate(circuit, process, designs, engine=engine, jobs=-1)
                for engine in ("ngspice", "neospice")
            )
            rows, outside = [], []
            for metric in circuit.metric_names:
                a, b = ours.metrics[metric], theirs.metrics[metric]
                both = a.notna() & b.notna()
                error = (a - b).abs() if metric == "phase_margin" else (b / a - 1).abs()
                tolerance = DEGREES if metric == "phase_margin" else RELATIVE[metric]
                beyond = both & (error > tolerance)
                rows.append(
                    {
                        "circuit": circuit.id,
                        "process": name,
                        "metric": metric,
                        "compared": both.sum(),
                        "in one only": (a.notna() ^ b.notna()).sum(),
                        "median": error[both].median(),
                        "99 %": error[both].quantile(0.99),
                        "tolerance": tolerance,
                        "within %": 100 * (1 - beyond.sum() / both.sum()),
                    }
                )
                for i in np.flatnonzero(beyond):
                    outside.append(
                        {
                            "circuit": circuit.id,
                            "process": name,
                            "metric": metric,
                            "design": i,
                            "ngspice": a[i],
                            "neospice": b[i],
                            "gate (ngspice)": ours.failure[i] or "valid",
                        }
                    )
            yield pd.DataFrame(rows), pd.DataFrame(outside)


if __name__ == "__main__":
    main()
