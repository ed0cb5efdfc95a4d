"""Train a run: its stages in order, then the ensemble, then the evaluation."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import torch

from core.config import STAGES, TrainingConfig
from core.data import DataSet
from core.data.transforms import fit_transforms
from core.errors import CheckpointError, InputError, suggest
from core.training.device import resolve_device
from core.training.run_store import RunStore
from core.training.stage_baseline import train_baseline
from core.training.stage_dual_head import train_dual_head
from core.training.stage_hetero import train_align, train_target_only
from core.training.stage_mdn import train_mdn
from core.training.workspace import Workspace

STAGE_FUNCTIONS: dict[str, Callable[[Workspace], None]] = {
    "baseline": train_baseline,
    "align": train_align,
    "target_only": train_target_only,
    "dual_head": train_dual_head,
    "mdn": train_mdn,
}
_NEEDS_BASELINE = ("align", "dual_head")
_WITHOUT_BASELINE = (
    "The stages align and dual_head start from the baseline, which this run has not trained: "
    'add "baseline" to the stages.'
)
PROGRESS = "progress.json"


def train(
    dataset: DataSet,
    config: TrainingConfig,
    run: RunStore,
    stages: Sequence[str] = STAGES,
    resume: bool = False,
    device: str = "auto",
) -> None:
    """Train the stages in order, fit the ensemble, write ``evaluation.json``.

    Args:
        stages: which of the stages to run; those finished earlier in this run are kept.
        resume: go on where an interrupted run stopped, instead of training its stages anew.
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        InputError: unknown stage, a stage without the baseline it starts from, a missing device.
        Cancelled: the run was asked to stop.
        TrainingError: a loss became NaN; the last good weights are kept.
        CheckpointError: a resume does not fit the run.
    """
    stages = check_stages(stages)
    done: dict[str, float] = _finished(run) if resume else {}
    if "baseline" not in stages and set(stages) & set(_NEEDS_BASELINE):
        _require_baseline(run, dataset)
    work = Workspace(
        dataset=dataset,
        config=config,
        run=run,
        transforms=fit_transforms(dataset.source, dataset.circuit, config.transform),
        device=resolve_device(device),
    )
    _describe(run, dataset, config, resume)
    steps: dict[str, Callable[[Workspace], None]] = {s: STAGE_FUNCTIONS[s] for s in stages}
    steps["ensemble"] = _ensemble
    for name, step in steps.items():
        if name in done:
            continue
        if not resume:
            for leftover in run.folder.glob(f"{name}*.resume"):
                leftover.unlink()
        done[name] = _run_step(work, name, step)
        run.write_json(PROGRESS, done)
        for finished in run.folder.glob(f"{name}*.resume"):
            finished.unlink()


def check_stages(stages: Sequence[str]) -> list[str]:
    """Return the stages in their order.

    Raises:
        InputError: one sentence per unknown stage, or none given.
    """
    faults = [
        f'Unknown stage: "{stage}".{suggest(stage, STAGES)}'
        for stage in stages
        if stage not in STAGES
    ]
    if faults or not stages:
        raise InputError(faults or "No stage is given: name at least one of " + ", ".join(STAGES))
    return [stage for stage in STAGES if stage in stages]


def check_new_stages(stages: Sequence[str]) -> None:
    """Refuse stages that cannot stand alone in a run where nothing was trained before.

    Raises:
        InputError: unknown stages; A's network is missing; or nothing that predicts B is trained.
    """
    stages = check_stages(stages)
    if "baseline" not in stages and set(stages) & set(_NEEDS_BASELINE):
        raise InputError(_WITHOUT_BASELINE)
    if stages == ["mdn"]:
        raise InputError(
            "The stage mdn proposes sizes for models that predict them: add another stage, such as "
            '"target_only".'
        )


def check_same_data(run: RunStore, dataset: DataSet) -> None:
    """Refuse to go on with a run on other data than it began with.

    Raises:
        CheckpointError: another circuit's, or changed since.
    """
    known = run.config()
    if known.get("fingerprint", dataset.fingerprint) != dataset.fingerprint:
        raise CheckpointError(
            f'Run "{run.folder}" was trained on other data (its fingerprint differs): '
            "resume it with the same data, or start a new run."
        )


def _run_step(work: Workspace, name: str, step: Callable[[Workspace], None]) -> float:
    start = time.perf_counter()
    work.run.append({"kind": "stage", "stage": name, "state": "started"})
    step(work)
    seconds = time.perf_counter() - start
    work.run.append({"kind": "stage", "stage": name, "state": "finished", "seconds": seconds})
    return seconds


def _ensemble(work: Workspace) -> None:
    # The ensemble is built on top of training; only this last step of a run reaches up to it.
    from core.ensemble.fitting import fit_ensemble

    fit_ensemble(work)


def _finished(run: RunStore) -> dict[str, float]:
    with suppress(CheckpointError):
        return {str(k): float(v) for k, v in run.read_json(PROGRESS).items()}
    return {}


def _require_baseline(run: RunStore, dataset: DataSet) -> None:
    if not (run.folder / f"{dataset.circuit.id}_baseline.safetensors").is_file():
        raise InputError(_WITHOUT_BASELINE)


def _describe(run: RunStore, dataset: DataSet, config: TrainingConfig, resume: bool) -> None:
    if resume:
        check_same_data(run, dataset)
    run.write_json(
        "config.json",
        {
            **run.config(),
            "circuit": dataset.circuit.id,
            "fingerprint": dataset.fingerprint,
            "source_process": dataset.source_process,
            "target_process": dataset.target_process,
            "seed": config.data.seed,
            "config": config.to_dict(),
            "torch": torch.__version__,
        },
    )
