"""Start a training run from names and paths, and keep its state true to what happens."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from core.circuits import Circuit, load_circuit
from core.config import STAGES, TrainingConfig, preset, with_overrides
from core.data import DataSet, load_dataset
from core.errors import CheckpointError, CrossfabError, InputError
from core.training.pipeline import check_new_stages, check_same_data, check_stages, train
from core.training.run_store import RunState, RunStore
from core.training.watch import Cancelled

Report = Callable[[str], None]
PROJECT = Path(__file__).parents[2]


def start_training(
    circuit: Circuit,
    data: Path,
    out: Path,
    *,
    stages: Sequence[str] = STAGES,
    preset_name: str = "default",
    overrides: Sequence[str] = (),
    val_split: float = 0.2,
    seed: int = 42,
    resume: bool = False,
    device: str = "auto",
    report: Report = lambda line: None,
) -> RunStore:
    """Check everything, then train into the run folder ``out``.

    Args:
        preset_name: one of the presets; ``overrides`` such as ``align.lr=1e-3`` go on top, of
            ``val_split`` and ``seed`` too.
        report: called with a line of progress now and then.

    Raises:
        InputError: bad data, names or settings; nothing is written then.
        Cancelled: somebody cancelled the run.
        TrainingError: training could not go on.
    """
    config = with_overrides(
        preset(preset_name),
        [f"data.val_split={val_split}", f"data.seed={seed}", *overrides],
    )
    stages = check_stages(stages)
    dataset = load_dataset(data, circuit, config.data.val_split, config.data.seed)
    if resume:
        run = _resumed(out, dataset, config)
    else:
        check_new_stages(stages)
        run = _created(out, circuit, data, preset_name, overrides, stages, config)
    # Small networks on a few cores train fastest with one thread each.
    torch.set_num_threads(1)
    with _state_of(run), _terminated_is_cancelled(run):
        train(dataset, config, _Reporting(run.folder, report), stages, resume, device)
    return run


def run_circuit(run_folder: str | Path) -> Circuit:
    """Return the circuit that a run was trained for.

    Raises:
        CheckpointError: the folder is no run, or its config does not name a known circuit.
    """
    config = RunStore(run_folder).config()
    name = str(config.get("circuit_file") or config.get("circuit", ""))
    try:
        return load_circuit(name)
    except CrossfabError as error:
        raise CheckpointError(
            f'Run "{run_folder}" names no circuit that is here: {error}'
        ) from error


def run_data_folder(run_folder: str | Path) -> Path:
    """Return the folder of the data that a run was trained on, wherever the project lies now.

    Raises:
        CheckpointError: the folder is no run.
    """
    return PROJECT / str(_entry(RunStore(run_folder), "data", str))


def _entry(run: RunStore, name: str, kind: type) -> Any:
    value = run.config().get(name)
    if not isinstance(value, kind):
        raise CheckpointError(
            f'"{run.folder}" does not say its {name}: train again, or resume it with its data.'
        )
    return value


def run_dataset(run_folder: str | Path, advice: str) -> DataSet:
    """Load the data that a run was trained on, split as they were then.

    Args:
        advice: what the user can do where the data are others by now; ends the sentence.

    Raises:
        InputError: the data are missing, faulty, or not those that the run was trained on.
        CheckpointError: the folder is no run.
    """
    run, circuit = RunStore(run_folder), run_circuit(run_folder)
    data = run_data_folder(run_folder)
    split = _entry(run, "config", dict).get("data")
    if not isinstance(split, dict) or not {"val_split", "seed"} <= split.keys():
        raise CheckpointError(f'"{run.folder}" does not say its split: train again.')
    dataset = load_dataset(data, circuit, float(split["val_split"]), int(split["seed"]))
    if dataset.fingerprint != _entry(run, "fingerprint", str):
        raise InputError(
            f'The data in "{data}" are not those that this run was trained on: {advice}'
        )
    return dataset


def _resumed(out: Path, dataset: DataSet, config: TrainingConfig) -> RunStore:
    """A run to go on with; refused before anything of it is changed."""
    run = RunStore(out)
    known = run.config()
    if run.is_worked_on():
        raise InputError(f'Run "{out}" still works: wait for its end, or cancel it first.')
    if known.get("circuit", dataset.circuit.id) != dataset.circuit.id:
        raise CheckpointError(
            f'Run "{out}" is of the circuit "{known["circuit"]}": resume it with that circuit.'
        )
    check_same_data(run, dataset)
    if known.get("config", config.to_dict()) != config.to_dict():
        raise CheckpointError(
            f'Run "{out}" was started with other settings: resume it with the same preset and '
            "overrides, or start a new run."
        )
    run.clear_cancel()
    return run


def _created(
    out: Path,
    circuit: Circuit,
    data: Path,
    preset_name: str,
    overrides: Sequence[str],
    stages: Sequence[str],
    config: TrainingConfig,
) -> RunStore:
    return RunStore.create(
        out,
        {
            "circuit": circuit.id,
            "circuit_file": "" if _is_shipped(circuit) else str(circuit.path.resolve()),
            "data": _data_name(data),
            "preset": preset_name,
            "overrides": list(overrides),
            "stages": list(stages),
            "seed": config.data.seed,
            "config": config.to_dict(),
        },
    )


def _data_name(data: Path) -> str:
    """The data folder as a run remembers it: bundled data wherever the project lies."""
    data, project = data.resolve(), PROJECT.resolve()
    return str(data.relative_to(project)) if data.is_relative_to(project) else str(data)


def _is_shipped(circuit: Circuit) -> bool:
    from core.circuits.circuit import FOLDER

    return circuit.path.parent == FOLDER


@contextmanager
def _state_of(run: RunStore) -> Iterator[None]:
    """Record in the run's state how the block ends."""
    run.set_status(RunState.RUNNING)
    try:
        yield
    except (Cancelled, KeyboardInterrupt):
        run.set_status(RunState.CANCELLED, message="Cancelled; it can be resumed.")
        run.clear_cancel()
        raise
    except BaseException as error:
        run.set_status(RunState.FAILED, message=str(error) or type(error).__name__)
        raise
    run.set_status(RunState.DONE)


@contextmanager
def _terminated_is_cancelled(run: RunStore) -> Iterator[None]:
    """Treat SIGTERM like a request to cancel, so that the run can be resumed."""

    def ask(number: int, frame: FrameType | None) -> None:
        run.request_cancel()

    try:
        before = signal.signal(signal.SIGTERM, ask)
    except ValueError:  # Not the main thread: signals are somebody else's there.
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Reporting(RunStore):
    """A run that also tells of its journal in words."""

    def __init__(self, folder: Path, report: Report) -> None:
        super().__init__(folder)
        self._report = report

    def append(self, event: dict) -> None:  # type: ignore[type-arg]
        """Add an event, and report it."""
        super().append(event)
        kind = event["kind"]
        if kind == "stage":
            seconds = f" in {event['seconds']:.1f} s" if "seconds" in event else ""
            self._report(f"{event['stage']}: {event['state']}{seconds}")
            if event["state"] == "started":
                self.set_status(RunState.RUNNING, stage=event["stage"])
        elif kind == "log":
            self._report(event["message"])
        elif kind == "epoch" and event["epoch"] % max(1, event["epochs"] // 10) == 0:
            losses = ", ".join(f"{k} {v:.4g}" for k, v in event["losses"].items())
            self._report(f"{event['stage']}: epoch {event['epoch']}/{event['epochs']}: {losses}")
