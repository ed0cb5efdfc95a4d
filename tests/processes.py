"""Other processes, for tests that watch one."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable


def a_process_that_is_gone() -> int:
    """Return the number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def until(condition: Callable[[], object], timeout: float = 120.0) -> None:
    """Wait for a condition that another process brings about."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "the other process did not get there in time"
        time.sleep(0.02)
