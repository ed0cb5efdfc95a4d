"""Accuracy against the number of simulations of B: what more of them would buy.

Transfer (the align stage) and the same network from scratch are trained on growing parts of B's
training rows and judged on the same held-out rows. A run keeps its table in its folder.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from core.config import TrainingConfig, preset, with_overrides
from core.data import DataSet
from core.models import load_checkpoint, save_checkpoint
from core.training.pipeline import train
from core.training.processes import last_lines, start_command
from core.training.run_store import RunStore, is_alive
from core.training.start import run_dataset

COUNTS = (25, 50, 100, 200, 400, 800)
MODELS = ("align", "target_only")
TABLE = "learning_curve.json"
LAUNCH = "learning_curve_launch.json"
LOG = "learning_curve.log"


def learning_curve(
    dataset: DataSet,
    config: TrainingConfig,
    counts: Sequence[int] = COUNTS,
    report: Callable[[str], None] = lambda line: None,
) -> pd.DataFrame:
    """Train on the first n of B's training rows, in an order drawn once, for each n there is.

    Args:
        dataset: its held-out rows judge every model.
        config: of the trainings; its data seed draws the order.
        counts: numbers of rows; those above what there is are replaced by all rows.
        report: called with a line of progress.

    Returns:
        Columns ``rows``, ``model`` (align or target_only), ``metric``, ``median_relative_error``
        and ``log_r2``.
    """
    order = np.random.default_rng(config.data.seed).permutation(dataset.train_rows)
    sizes = sorted({min(count, len(order)) for count in counts})
    found = []
    with tempfile.TemporaryDirectory(prefix="crossfab-") as folder:
        first = Path(folder) / str(sizes[0])
        for number, size in enumerate(sizes):
            report(f"{number} of {len(sizes)}: training on {size} rows of B")
            run = RunStore.create(Path(folder) / str(size), {"circuit": dataset.circuit.id})
            part = dataset.with_train_rows(order[:size])
            # A's network does not depend on B's rows: it is trained once.
            stages = MODELS if number else ("baseline", *MODELS)
            if number:
                hand_on_baseline(first, run.folder, dataset.circuit.id)
            train(part, config, run, stages, device="cpu")
            found += _rows(size, run.read_json("evaluation.json")["models"])
    report(f"{len(sizes)} of {len(sizes)}: done")
    return pd.DataFrame(found)


def learning_curve_of_run(
    run: RunStore, preset_name: str = "quick", report: Callable[[str], None] = lambda line: None
) -> pd.DataFrame:
    """Compute the table on a run's own data and keep it in its folder.

    Raises:
        InputError: the data are not those that the run was trained on.
    """
    known = run.config()
    settings = known["config"]["data"]
    dataset = run_dataset(run.folder, "train a run on them.")
    config = with_overrides(
        preset(preset_name),
        [
            f"data.val_split={settings['val_split']}",
            f"data.seed={settings['seed']}",
            "ensemble.gaussian_process=false",
        ],
    )
    table = learning_curve(dataset, config, report=report)
    kept = {"fingerprint": known["fingerprint"], "split": settings, "preset": preset_name}
    run.write_json(TABLE, {**kept, "rows": table.to_dict("records")})
    return table


def kept_learning_curve(run: RunStore) -> pd.DataFrame | None:
    """Return the table of a run; None where it was not computed on the run's present data."""
    if not (run.folder / TABLE).is_file():
        return None
    kept, known = run.read_json(TABLE), run.config()
    # A run that was trained again into the same folder may have other data or another split.
    ours = known["fingerprint"], known["config"]["data"]
    if (kept.get("fingerprint"), kept.get("split")) != ours:
        return None
    return pd.DataFrame(kept["rows"])


def start_learning_curve(run: RunStore) -> None:
    """Compute the table in the background: ``python -m core learning-curve``."""
    (run.folder / LOG).unlink(missing_ok=True)
    arguments = ["learning-curve", "--run", str(run.folder.resolve())]
    run.write_json(LAUNCH, start_command(arguments, run.folder / LOG))


def learning_curve_state(run: RunStore) -> tuple[bool, str]:
    """Return whether the table is being computed, and the last line that was printed."""
    if not (run.folder / LAUNCH).is_file():
        return False, ""
    launched = json.loads((run.folder / LAUNCH).read_text())
    working = is_alive(launched["pid"], launched["pid_started"])
    return working, last_lines(run.folder / LOG, 1)


def hand_on_baseline(giver: Path, taker: Path, circuit_id: str) -> None:
    """Enter A's network of one run folder into another whose A rows are the same.

    Raises:
        CheckpointError: the giver's is missing, damaged, foreign or mismatched.
    """
    name = f"{circuit_id}_baseline"
    stored = load_checkpoint(giver, name, circuit_id, "baseline")
    save_checkpoint(taker, name, stored.tensors, stored.metadata)


def _rows(
    size: int, models: dict[str, dict[str, dict[str, dict[str, float]]]]
) -> list[dict[str, object]]:
    return [
        {
            "rows": size,
            "model": model,
            "metric": metric,
            "median_relative_error": figures["median_relative_error"],
            "log_r2": figures["log_r2"],
        }
        for model in MODELS
        for metric, figures in models[model]["metrics"].items()
    ]
