"""Data sets: the same design space simulated in two processes and written as tables."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

import pandas as pd

from core.circuits import Circuit, operating_point
from core.errors import InputError
from core.spice.engines.registry import choose_engine
from core.spice.process import Process
from core.spice.sampling import sample_designs
from core.spice.simulate import Progress, simulate

FILES = {
    "source": ("pretrain_design_features.csv", "pretrain_targets.csv"),
    "target": ("target_design_features.csv", "target_targets.csv"),
}
DESCRIPTION = "dataset.json"  # names the processes; made by whoever makes a data set here
_DIGITS = "%.6g"
# Common-mode rejection hangs on some 10 uV between the gates of an input pair at a volt or more.
_OPERATING_POINT_DIGITS = "%.9g"


def generate(
    circuit: Circuit,
    source: Process,
    target: Process,
    n_source: int,
    n_target: int,
    seed: int,
    folder: Path | str,
    *,
    engine: str = "auto",
    jobs: int = -1,
    progress: Progress | None = None,
) -> None:
    """Simulate designs in both processes and write a data set folder.

    All designs come from one Sobol sequence: the first ``n_source`` go to the source, the next
    ``n_target`` to the target. Both are drawn from the same space, and no design is in both.
    The folder appears whole or not at all.

    Raises:
        InputError: the folder holds something already, or a number makes no sense.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f'"{folder}" exists already: name a folder that does not, or empty it.')
    if n_source < 1 or n_target < 1:
        raise InputError(
            f"A data set needs designs in both processes: got {n_source} and {n_target}."
        )
    name = choose_engine(engine)
    designs = sample_designs(circuit, n_source + n_target, seed)
    parts = {"source": (source, designs[:n_source]), "target": (target, designs[n_source:])}
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        done = 0
        for domain, (process, rows) in parts.items():
            report = _shifted(progress, done, len(designs))
            _write_domain(aside, domain, circuit, process, rows, name, jobs, report)
            done += len(rows)
        description = _description(circuit, parts, seed, name)
        (aside / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n")
        aside.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        os.replace(aside, folder)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def _shifted(progress: Progress | None, done: int, total: int) -> Progress | None:
    if progress is None:
        return None
    return lambda part, _: progress(done + part, total)


def _write_domain(
    folder: Path,
    domain: str,
    circuit: Circuit,
    process: Process,
    designs: pd.DataFrame,
    engine: str,
    jobs: int,
    progress: Progress | None,
) -> None:
    table = simulate(circuit, process, designs, engine=engine, jobs=jobs, progress=progress)
    targets = table.metrics.assign(supply_current=table.supply_current, failure=table.failure)
    design_file, target_file = FILES[domain]
    (folder / domain).mkdir()
    designs.to_csv(folder / domain / design_file, index=False, float_format="%.12g")
    targets.to_csv(folder / domain / target_file, index=False, float_format=_DIGITS)
    if domain == "target" and table.operating_points is not None:
        path = folder / domain / operating_point.FILE
        table.operating_points.to_csv(path, index=False, float_format=_OPERATING_POINT_DIGITS)


def _description(
    circuit: Circuit, parts: dict[str, tuple[Process, pd.DataFrame]], seed: int, engine: str
) -> dict[str, object]:
    (source, source_rows), (target, target_rows) = parts["source"], parts["target"]
    domains = {
        domain: {
            "process": process.name,
            "corner": "tt",
            "temperature": process.temperature,
            "supply": process.supply,
            "n": len(rows),
            "seed": seed,
        }
        for domain, (process, rows) in parts.items()
    }
    command = (
        f"python -m core generate --circuit {circuit.id} --source {source.name} "
        f"--target {target.name} --n-source {len(source_rows)} --n-target {len(target_rows)} "
        f"--seed {seed} --engine {engine} --out DIR"
    )
    return {"circuit": circuit.id, **domains, "engine": engine, "command": command}
