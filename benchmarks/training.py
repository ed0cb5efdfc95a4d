"""Time and memory of whole training runs, and the speed of predictions.

    python -m benchmarks.training [--circuit 5t_opamp] [--presets quick,default] [--data FOLDER]

Each preset trains all five stages in a process of its own with one thread; the peak memory is
that process's. Predictions, intervals included, are timed on the shipped run where the data are the
bundled ones, and otherwise on the last run that was trained: those of the ensemble, and of the
transferred networks alone, which ask neither nodal equations nor Gaussian processes.
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
TIMED = {"ensemble": "the ensemble", "align": "the transferred networks alone"}


@click.command()
@click.option("--circuit", default="5t_opamp", show_default=True)
@click.option("--presets", default="quick,default", show_default=True, help="By commas.")
@click.option("--data", help="Folder of a data set; by default the circuit's bundled one.")
def main(circuit: str, presets: str, data: str | None) -> None:
    """Print seconds per stage, peak memory and seconds per 100,000 predictions."""
    click.echo(describe())
    asked = ["--circuit", circuit, *(["--data", str(Path(data).resolve())] if data else [])]
    with tempfile.TemporaryDirectory() as folder:
        run = ROOT / "checkpoints" / circuit
        for name in [preset for preset in presets.split(",") if preset]:
            out = Path(folder) / name
            _train([*asked, "--preset", name, "--out", str(out)], f"{circuit}, preset {name}", out)
            run = out if data else run
        _predict(circuit, run)


def _train(asked: list[str], title: str, out: Path) -> None:
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "core", "train", *asked],
        check=True, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    seconds, run = time.perf_counter() - start, RunStore(out)
    stages = run.read_json("progress.json")
    accuracy = run.read_json("evaluation.json")["models"]["ensemble"]["mean"]
    # Of all children so far: right for the presets in rising order of size.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    parts = ", ".join(f"{name} {value:.0f} s" for name, value in stages.items())
    click.echo(f"{title}: {seconds:.0f} s ({parts}), peak {peak:.2f} GiB")
    click.echo(f"  held-out mean R2 {accuracy['r2']:.4f}, in log space {accuracy['log_r2']:.4f}")


def _predict(circuit_id: str, run: Path) -> None:
    circuit, generator = load_circuit(circuit_id), np.random.default_rng(0)
    designs = pd.DataFrame({v.name: generator.choice(v.grid, DESIGNS) for v in circuit.variables})
    for model, title in TIMED.items():
        predictor = load_predictor(run, model)
        predictor.predict(designs.head(1000))
        seconds = []
        for _ in range(PREDICTIONS):
            start = time.perf_counter()
            predictor.predict(designs)
            seconds.append(time.perf_counter() - start)
        click.echo(
            f"{circuit_id}: {DESIGNS:,} designs predicted with intervals by {title} in "
            f"{statistics.median(seconds):.2f} s, median of {PREDICTIONS}"
        )


if __name__ == "__main__":
    main()
