"""Generate a data set in the background: ``python -m core generate``, watched from its log.

The command writes its folder whole or not at all, so the state needs no file of its own: the
folder is there, or the process works, or the last line of the log says why neither is true.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError
from core.files import new_folder, write_text
from core.training.processes import last_lines, last_words, send_signal, start_command
from core.training.run_store import RunState, is_alive

JOBS = ".jobs"  # beside the data sets; hidden, so that it is none itself
_PROGRESS = re.compile(r"(\d+) of (\d+)")


@dataclass(frozen=True)
class GenerationRequest:
    """The flags of ``python -m core generate``."""

    circuit: str
    source: str
    target: str
    n_source: int
    n_target: int
    seed: int = 42

    def flags(self) -> list[str]:
        """Return the request as command-line flags."""
        return [
            *("--circuit", self.circuit, "--source", self.source, "--target", self.target),
            *("--n-source", str(self.n_source), "--n-target", str(self.n_target)),
            *("--seed", str(self.seed), "--jobs", "1"),
        ]


@dataclass(frozen=True)
class Generation:
    """One generation as it stands.

    Attributes:
        name: of the data set.
        state: RUNNING, DONE, CANCELLED or FAILED.
        done: designs simulated.
        total: designs asked for.
        message: last line that was printed.
        started: seconds since 1970.
    """

    name: str
    state: RunState
    done: int
    total: int
    message: str
    started: float


def start_generation(root: Path, name: str, request: GenerationRequest) -> None:
    """Start generating the data set ``root/name``.

    Raises:
        InputError: the name is no folder name or taken, or a generation works already.
    """
    target = new_folder(root, name, "a data set")
    if any(job.state == RunState.RUNNING for job in generations(root)):
        raise InputError("A generation works already: wait for its end or cancel it.")
    folder = root / JOBS / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    arguments = ["generate", *request.flags(), "--out", str(target.resolve())]
    write_text(json.dumps(start_command(arguments, folder / "log")), folder / "launch.json")


def generations(root: Path) -> list[Generation]:
    """Return all generations that were started under ``root``, newest first."""
    folders = [path.parent for path in (root / JOBS).glob("*/launch.json")]
    found = [_generation(root, folder) for folder in folders]
    return sorted(found, key=lambda job: job.started, reverse=True)


def cancel_generation(root: Path, name: str) -> None:
    """Stop a generation; nothing of it is kept."""
    folder = root / JOBS / name
    launched = json.loads((folder / "launch.json").read_text())
    (folder / "cancelled").touch()
    if is_alive(launched["pid"], launched["pid_started"]):
        # Like Ctrl-C, on which the command removes what it has half-written.
        send_signal(launched["pid"], signal.SIGINT)


def _generation(root: Path, folder: Path) -> Generation:
    launched = json.loads((folder / "launch.json").read_text())
    text = last_lines(folder / "log", 5)
    progress = _PROGRESS.findall(text)
    done, total = (int(part) for part in progress[-1]) if progress else (0, 0)
    if is_alive(launched["pid"], launched["pid_started"]):
        state = RunState.RUNNING
    elif (root / folder.name).is_dir():
        state = RunState.DONE
    else:
        state = RunState.CANCELLED if (folder / "cancelled").exists() else RunState.FAILED
    message = last_words(folder / "log")
    return Generation(folder.name, state, done, total, message, launched["pid_started"])
