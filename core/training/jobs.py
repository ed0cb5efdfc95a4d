"""Training in the background: a process of its own that outlives the page that started it.

The run folder is the only link between the two, so runs survive a page switch, a reload and a
restart of the server. Nothing here waits: pages call ``pursue_cancel`` whenever they look.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

from core.config import STAGES
from core.errors import InputError
from core.files import new_folder
from core.training.pipeline import check_new_stages
from core.training.processes import last_lines, send_signal, start_command
from core.training.run_store import (
    CANCEL,
    EVENTS,
    LAUNCH,
    LOG,
    RunState,
    RunStore,
    is_alive,
    list_runs,
)

# Two trainings on two cores would starve the pages that watch them.
MOST_AT_ONCE = max(1, (os.cpu_count() or 2) // 2)
# The trainer looks for a cancel between batches, so one that has not reacted by then is stuck.
GRACE = 5.0


@dataclass(frozen=True)
class TrainingRequest:
    """What to train; the fields are the flags of ``python -m core train``."""

    circuit: str
    data: str = ""
    preset: str = "default"
    overrides: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    seed: int = 42
    val_split: float = 0.2

    def flags(self) -> list[str]:
        """Return the request as command-line flags."""
        flags = ["--circuit", self.circuit, "--preset", self.preset, "--seed", str(self.seed)]
        flags += ["--val-split", f"{self.val_split:g}"]
        flags += ["--data", self.data] if self.data else []
        flags += ["--stages", ",".join(self.stages)] if self.stages else []
        for override in self.overrides:
            flags += ["--set", override]
        return flags


def launch(root: Path, name: str, request: TrainingRequest) -> RunStore:
    """Start a training in the folder ``root/name`` and return its run at once.

    Raises:
        InputError: the name is no folder name or taken, its stages cannot stand alone, or enough
            runs work already.
    """
    check_new_stages(request.stages or STAGES)
    folder = new_folder(root, name, "a run")
    with _one_at_a_time(root):
        _refuse_where_busy(root)
        run = RunStore.create(folder, asdict(request))
        _start(run, request.flags())
    return run


def resume(root: Path, run: RunStore) -> None:
    """Start a finished, cancelled or lost run again where it stopped.

    Raises:
        InputError: the run still works, or enough other runs do.
    """
    config = run.config()
    began = config.get("config", {}).get("data", {})
    request = TrainingRequest(
        circuit=config.get("circuit_file") or config["circuit"],
        data=str(config.get("data", "")),
        preset=config.get("preset", "default"),
        overrides=tuple(config.get("overrides", ())),
        stages=tuple(config.get("stages", ())),
        seed=config.get("seed", 42),
        val_split=began.get("val_split", config.get("val_split", 0.2)),
    )
    # A run that failed before it began has nothing to go on with: it is started anew.
    resumed = ["--resume"] if (run.folder / EVENTS).exists() else []
    with _one_at_a_time(root):
        if not run.status().state.is_finished():
            raise InputError(f'Run "{run.folder.name}" still works: cancel it before resuming it.')
        _refuse_where_busy(root)
        run.clear_cancel()
        _start(run, [*request.flags(), *resumed])


def cancel(run: RunStore) -> None:
    """Ask a run to stop; ``pursue_cancel`` makes sure that it does."""
    if not run.status().state.is_finished():
        run.request_cancel()


def pursue_cancel(run: RunStore, grace: float = GRACE) -> None:
    """Terminate a run that has not heeded a cancel for ``grace`` s, kill it after twice that."""
    if not run.cancel_requested() or run.status().finished:
        return
    pid, started = run.worker()
    waited = time.time() - (run.folder / CANCEL).stat().st_mtime
    if is_alive(pid, started):
        if waited >= grace:
            send_signal(pid, signal.SIGKILL if waited >= 2 * grace else signal.SIGTERM)
        return
    run.set_status(RunState.CANCELLED, message="Cancelled.")


def active_runs(root: Path) -> list[RunStore]:
    """Return the runs under ``root`` that are queued or running, newest first."""
    return [run for run in list_runs(root) if not run.readable_status().state.is_finished()]


def rename(run: RunStore, name: str) -> RunStore:
    """Give a finished run another folder name."""
    if not run.status().state.is_finished():
        raise InputError(f'Run "{run.folder.name}" still works: rename it when it has ended.')
    return RunStore(run.folder.rename(new_folder(run.folder.parent, name, "a run")))


def delete(run: RunStore) -> None:
    """Remove a run that has ended, or that nobody can read, from the disk."""
    if not run.readable_status().state.is_finished():
        raise InputError(f'Run "{run.folder.name}" still works: cancel it before deleting it.')
    shutil.rmtree(run.folder)


def read_log(run: RunStore, lines: int = 200) -> str:
    """Return the last lines that the training process has printed."""
    return last_lines(run.folder / LOG, lines)


def _start(run: RunStore, flags: Sequence[str]) -> None:
    (run.folder / LAUNCH).unlink(missing_ok=True)
    run.set_status(RunState.QUEUED, message="Starting.")
    arguments = ["train", *flags, "--out", str(run.folder.resolve())]
    run.write_json(LAUNCH, start_command(arguments, run.folder / LOG))


def _one_at_a_time(root: Path) -> FileLock:
    """Two sessions that launch together must not both find the last free place."""
    root.mkdir(parents=True, exist_ok=True)
    return FileLock(root / ".launch.lock", timeout=10)


def _refuse_where_busy(root: Path) -> None:
    busy = active_runs(root)
    if len(busy) >= MOST_AT_ONCE:
        names = ", ".join(f'"{run.folder.name}"' for run in busy)
        raise InputError(
            f"{len(busy)} of at most {MOST_AT_ONCE} training runs work already ({names}): "
            "wait for the end of one or cancel it."
        )
