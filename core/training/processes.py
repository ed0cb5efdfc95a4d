"""Commands of this project as processes of their own, which outlive whoever started them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil

PROJECT = Path(__file__).resolve().parents[2]
NICENESS = 10


def start_command(arguments: Sequence[str], log: Path) -> dict[str, object]:
    """Start ``python -m core ...`` in its own session, at low priority, printing into a log.

    Returns:
        ``pid``, ``pid_started`` (numbers are reused, the pair is not) and ``command``.
    """
    command = [sys.executable, "-m", "core", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    started = 0.0
    with contextlib.suppress(psutil.Error):
        itself = psutil.Process(process.pid)
        itself.nice(NICENESS)
        started = itself.create_time()
    return {"pid": process.pid, "pid_started": started, "command": command}


def send_signal(pid: int, number: signal.Signals) -> None:
    """Signal the process, and all of its group where it leads one, as started commands do."""
    with contextlib.suppress(ProcessLookupError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)


def last_lines(log: Path, lines: int) -> str:
    """Return the end of a log; of a progress line only its last state."""
    text = log.read_bytes().decode("utf-8", errors="replace") if log.is_file() else ""
    kept = [line.rsplit("\r", 1)[-1] for line in text.rstrip().split("\n")]
    return "\n".join(kept[-lines:])


def last_words(log: Path) -> str:
    """Return the last line of a log, of an error what it says: it may follow a progress line."""
    return last_lines(log, 1).rpartition("error: ")[2].strip()
