"""A training run on disk: one folder that pages, command line and trainer all read.

The folder is the truth: whoever opens it sees the same state, from any process, after any
restart. Events are an append-only journal; everything else is written aside and renamed.
The layout follows the journal storage of Optuna (``optuna/storages/journal``).
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import psutil

from core.errors import CheckpointError, InputError
from core.files import write_text
from core.training.processes import last_words

CONFIG = "config.json"
STATUS = "status.json"
EVENTS = "events.jsonl"
CANCEL = "cancel"
HEARTBEAT = "heartbeat"
LAUNCH = "launch.json"
LOG = "train.log"

# A silent minute or two is normal on a loaded machine (loading, compiling); five are not.
STALE_AFTER = 300.0


class RunState(StrEnum):
    """Where a run is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"

    def is_finished(self) -> bool:
        """Whether nothing will happen to the run any more unless somebody resumes it."""
        return self not in (RunState.QUEUED, RunState.RUNNING)


@dataclass(frozen=True)
class RunStatus:
    """What a run says of itself; times in seconds since 1970, NaN-free: 0 means "not yet".

    ``idle`` is for how many seconds nobody worked on it between its start and its last resume.
    """

    state: RunState = RunState.QUEUED
    stage: str = ""
    message: str = ""
    pid: int = 0
    pid_started: float = 0.0
    heartbeat: float = 0.0
    started: float = 0.0
    finished: float = 0.0
    idle: float = 0.0

    def worked(self) -> float:
        """For how many seconds the run has worked so far; 0 where it has not begun."""
        end = self.finished or time.time()
        return max(end - self.started - self.idle, 0.0) if self.started else 0.0


class RunStore:
    """One run folder.

    Raises:
        CheckpointError: the folder is missing, is no run, or its files are damaged.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise CheckpointError(
                f'Run folder "{self.folder}" does not exist: give the folder that '
                '"python -m core train --out RUN" has written.'
            )
        if not (self.folder / CONFIG).is_file():
            raise CheckpointError(
                f'"{self.folder}" is no run folder ({CONFIG} is missing): give the folder that '
                '"python -m core train --out RUN" has written.'
            )

    @classmethod
    def create(cls, folder: str | Path, config: dict[str, Any]) -> RunStore:
        """Make the folder, or take over one that is only reserved (queued, nothing logged yet).

        Raises:
            InputError: the folder holds a run already.
        """
        folder = Path(folder)
        if (folder / CONFIG).exists() and not _is_reserved(folder):
            raise InputError(
                f'Run folder "{folder}" holds a run already: choose another folder, '
                "or add --resume to go on with that run."
            )
        folder.mkdir(parents=True, exist_ok=True)
        _write_json(folder / CONFIG, config)
        store = cls(folder)
        store._write_status(RunStatus())
        return store

    # --- configuration and results -------------------------------------------------------

    def config(self) -> dict[str, Any]:
        """Return the configuration that the run was created with."""
        config = self.read_json(CONFIG)
        if not isinstance(config, dict):
            raise CheckpointError(
                f'"{self.folder / CONFIG}" is damaged (no table): restore the file or train again.'
            )
        return config

    def read_json(self, name: str) -> Any:
        """Read one JSON file of the run; CheckpointError where it is missing or damaged."""
        path = self.folder / name
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise CheckpointError(
                f'"{path}" is missing: the run is incomplete, train again or resume it.'
            ) from None
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise CheckpointError(
                f'"{path}" is damaged ({error}): restore the file or train again.'
            ) from error

    def write_json(self, name: str, obj: Any) -> None:
        """Write one JSON file of the run, whole or not at all."""
        _write_json(self.folder / name, obj)

    # --- state ---------------------------------------------------------------------------

    def status(self) -> RunStatus:
        """Return the state; a run whose process is gone reads as LOST (or FAILED to start)."""
        table = self.read_json(STATUS)
        try:
            known = {field.name for field in fields(RunStatus)}
            status = RunStatus(**{key: value for key, value in table.items() if key in known})
            status = replace(status, state=RunState(status.state), heartbeat=self._last_sign())
        except (AttributeError, TypeError, ValueError) as error:
            raise CheckpointError(
                f'"{self.folder / STATUS}" is damaged ({error}): restore the file or train again.'
            ) from error
        return self._checked_against_process(status)

    def readable_status(self) -> RunStatus:
        """Return the state, or FAILED with what is wrong where it cannot be read."""
        try:
            return self.status()
        except CheckpointError as error:
            return RunStatus(RunState.FAILED, message=str(error))

    def worker(self) -> tuple[int, float]:
        """Return number and start time of the process that works, or worked last, on the run."""
        status = self.readable_status()
        if (self.folder / LAUNCH).is_file() and (status.state == RunState.QUEUED or not status.pid):
            launched = self.read_json(LAUNCH)
            return launched["pid"], launched["pid_started"]
        return status.pid, status.pid_started

    def is_worked_on(self) -> bool:
        """Whether another process than the calling one works on the run."""
        pid, started = self.worker()
        return pid != os.getpid() and is_alive(pid, started)

    def set_status(self, state: RunState, stage: str = "", message: str = "") -> None:
        """Record a new state; RUNNING records the calling process as the one that works."""
        now = time.time()
        old = RunStatus(**{**self.read_json(STATUS), "heartbeat": 0.0})
        status = replace(old, state=RunState(state), stage=stage or old.stage, message=message)
        if state == RunState.RUNNING:
            own = psutil.Process()
            process = own.pid, own.create_time()
            resumed = old.started and process != (old.pid, old.pid_started)
            status = replace(
                status,
                pid=process[0],
                pid_started=process[1],
                started=old.started or now,
                finished=0.0,
                idle=old.idle + (max(now - self._last_event(), 0.0) if resumed else 0.0),
            )
        else:
            status = replace(status, finished=now if RunState(state).is_finished() else 0.0)
        self._write_status(status)

    def heartbeat(self) -> None:
        """Say that the run is alive, where no event is due for a while."""
        (self.folder / HEARTBEAT).touch()

    # --- journal -------------------------------------------------------------------------

    def append(self, event: dict[str, Any]) -> None:
        """Add one event to the journal, with the key ``time`` (seconds since 1970) set."""
        line = json.dumps({"time": time.time(), **event}, default=float) + "\n"
        path = self.folder / EVENTS
        if _ends_in_the_middle_of_a_line(path):  # What a killed writer left must not eat this one.
            line = "\n" + line
        with path.open("a", encoding="utf-8") as file:
            file.write(line)

    def events(self, start_line: int = 0) -> list[dict[str, Any]]:
        """Return the events from a line on; lines that are half-written or damaged are skipped."""
        path = self.folder / EVENTS
        if not path.is_file():
            return []
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")[start_line:]
        return [event for line in lines if (event := _event_of(line)) is not None]

    # --- cancel --------------------------------------------------------------------------

    def request_cancel(self) -> None:
        """Ask the trainer to stop; it looks between batches."""
        (self.folder / CANCEL).touch()

    def cancel_requested(self) -> bool:
        """Whether somebody asked the run to stop."""
        return (self.folder / CANCEL).exists()

    def clear_cancel(self) -> None:
        """Forget an old request, before a resume."""
        (self.folder / CANCEL).unlink(missing_ok=True)

    # --- inner parts ---------------------------------------------------------------------

    def _write_status(self, status: RunStatus) -> None:
        _write_json(self.folder / STATUS, asdict(status))

    def _last_sign(self) -> float:
        """Time of the last sign of life: state, journal or heartbeat, whichever is latest."""
        paths = (self.folder / name for name in (STATUS, EVENTS, HEARTBEAT))
        return max((path.stat().st_mtime for path in paths if path.exists()), default=0.0)

    def _last_event(self) -> float:
        path = self.folder / EVENTS
        return path.stat().st_mtime if path.exists() else time.time()

    def _checked_against_process(self, status: RunStatus) -> RunStatus:
        if status.state == RunState.RUNNING:
            if not is_alive(status.pid, status.pid_started):
                message = f"Its process ({status.pid}) is gone: resume the run."
                return replace(status, state=RunState.LOST, message=message)
            silence = time.time() - status.heartbeat
            if silence > STALE_AFTER:
                # Its process is there: only a cancel makes room for another one.
                message = f"No sign of life for {silence:.0f} s: wait, or cancel the run."
                return replace(status, message=message)
        if status.state == RunState.QUEUED and (self.folder / LAUNCH).is_file():
            launch = self.read_json(LAUNCH)
            if not is_alive(launch["pid"], launch["pid_started"]):
                message = last_words(self.folder / LOG) or "The training process did not start."
                return replace(status, state=RunState.FAILED, message=message)
        return status


def list_runs(root: str | Path) -> list[RunStore]:
    """Return the runs in the folders directly under ``root``, newest first."""
    root = Path(root)
    folders = [path for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
    runs = [RunStore(folder) for folder in folders if (folder / CONFIG).is_file()]
    return sorted(runs, key=_made_at, reverse=True)


def is_alive(pid: int, started: float) -> bool:
    """Whether that very process still works: numbers are reused, so its start time counts too."""
    try:
        process = psutil.Process(pid) if pid > 0 else None
        return (
            process is not None
            and abs(process.create_time() - started) < 1.0
            and process.status() != psutil.STATUS_ZOMBIE
        )
    except psutil.Error:
        return False


def _made_at(run: RunStore) -> tuple[float, str]:
    return (run.folder / CONFIG).stat().st_mtime, run.folder.name


def _is_reserved(folder: Path) -> bool:
    try:
        state = json.loads((folder / STATUS).read_text(encoding="utf-8"))["state"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return state == RunState.QUEUED and not (folder / EVENTS).exists()


def _write_json(path: Path, obj: Any) -> None:
    write_text(json.dumps(obj, indent=1, default=float), path)


def _ends_in_the_middle_of_a_line(path: Path) -> bool:
    if not path.exists() or path.stat().st_size == 0:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def _event_of(line: str) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except json.JSONDecodeError:
        return None
    return event if isinstance(event, dict) else None
