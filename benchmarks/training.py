"""Time and memory of whole training runs on the bundled data, and the speed of predictions.

    python -m benchmarks.training [--circuit 5t_opamp] [--presets quick,default]

Each preset trains all five stages in a process of its own with one thread; the peak memory is
that process's. Predictions are timed on the shipped run, intervals included.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np
import pandas as pd

from benchmarks.machine import describe
from core.circuits import load_circuit
from core.ensemble import load_predictor
from core.training.run_store import RunStore

ROOT = Path(__file__).resolve().parents[1]
DESIGNS = 100_000
PREDICTIONS = 5


@click.command()
@click.option("--circuit", default="5t_opamp", show_default=True)
@click.option("--presets", default="quick,default", show_default=True, help="By commas.")
def main(circuit: str, presets: str) -> None:
    """Print seconds per stage, peak memory and seconds per 100,000 predictions."""
    click.echo(describe())
    for name in [preset for preset in presets.split(",") if preset]:
        _train(circuit, name)
    _predict(circuit)


def _train(circuit: str, preset: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, "-m", "core", "train", "--circuit", circuit]
        command += ["--preset", preset, "--out", str(out)]
        start = time.perf_counter()
        subprocess.run(
            command, check=True, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        seconds = time.perf_counter() - start
        run = RunStore(out)
        stages = run.read_json("progress.json")
        accuracy = run.read_json("evaluation.json")["models"]["ensemble"]["mean"]
    # Of all children so far: right for the presets in rising order of size.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    parts = ", ".join(f"{name} {value:.0f} s" for name, value in stages.items())
    click.echo(f"{circuit}, preset {preset}: {seconds:.0f} s ({parts}), peak {peak:.2f} GiB")
    click.echo(f"  held-out mean R2 {accuracy['r2']:.4f}, in log space {accuracy['log_r2']:.4f}")


def _predict(circuit_id: str) -> None:
    circuit, generator = load_circuit(circuit_id), np.random.default_rng(0)
    designs = pd.DataFrame({v.name: generator.choice(v.grid, DESIGNS) for v in circuit.variables})
    predictor = load_predictor(ROOT / "checkpoints" / circuit_id)
    predictor.predict(designs.head(1000))
    seconds = []
    for _ in range(PREDICTIONS):
        start = time.perf_counter()
        predictor.predict(designs)
        seconds.append(time.perf_counter() - start)
    click.echo(
        f"{circuit_id}: {DESIGNS:,} designs predicted with intervals in "
        f"{statistics.median(seconds):.2f} s, median of {PREDICTIONS}"
    )


if __name__ == "__main__":
    main()
