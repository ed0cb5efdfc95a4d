"""Which engines there are, which of them work here, and resident ones to borrow."""

from __future__ import annotations

import atexit
import ctypes.util
import importlib.util
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from core.errors import InputError, SimulationError, suggest
from core.spice.engines.worker import Analysis, EngineFailureError, WorkerEngine


@lru_cache(maxsize=1)
def _ngspice_library() -> str:
    return ctypes.util.find_library("ngspice") or ""


def _script(name: str) -> str:
    return str(Path(__file__).parent / f"{name}_worker.py")


def _ngspice() -> WorkerEngine:
    library = _ngspice_library()
    if not library:
        raise SimulationError("The shared library of ngspice is not installed (libngspice0).")
    command = [sys.executable, "-I", "-S", _script("ngspice"), library]
    return WorkerEngine("ngspice", command, reports_devices=True)


def _neospice() -> WorkerEngine:
    if importlib.util.find_spec("neospice") is None:
        raise SimulationError("The package neospice is not installed.")
    return WorkerEngine("neospice", [sys.executable, _script("neospice")], reports_devices=False)


# In the order of trust: "auto" takes the first that works.
_ENGINES: dict[str, Callable[[], WorkerEngine]] = {"ngspice": _ngspice, "neospice": _neospice}


def start_engine(name: str) -> WorkerEngine:
    """Make an engine of one's own, to be closed by its maker.

    Raises:
        InputError: unknown name.
        SimulationError: the engine is not installed.
    """
    if name not in _ENGINES:
        raise InputError(f'Unknown engine: "{name}".{suggest(name, [*_ENGINES, "auto"])}')
    return _ENGINES[name]()


@lru_cache(maxsize=1)
def available_engines() -> list[str]:
    """Names of the engines that work here, found out by letting each solve a voltage divider."""
    return [name for name in _ENGINES if _works(name)]


def _works(name: str) -> bool:
    deck = "* divider\nV1 a 0 DC 2\nR1 a b 1k\nR2 b 0 1k\n.end\n"
    try:
        engine = start_engine(name)
        vectors = engine.run(deck, [Analysis("op", ("b",))])
    except (SimulationError, EngineFailureError):
        return False
    engine.close()
    return abs(vectors[0]["b"][0] - 1.0) < 1e-6


def choose_engine(name: str) -> str:
    """Return the engine that a wish stands for: ``auto`` is the most trusted one that works.

    Raises:
        InputError: unknown name, or an engine that does not work here.
    """
    if name not in ("auto", *_ENGINES):
        raise InputError(f'Unknown engine: "{name}".{suggest(name, [*_ENGINES, "auto"])}')
    working = available_engines()
    if name == "auto" and working:
        return working[0]
    if name not in working:
        raise InputError(
            f'Engine "{name}" does not work on this machine: install libngspice0 for ngspice, '
            f"or the packages of requirements.txt for neospice. Working: "
            f"{', '.join(working) or 'none'}."
        )
    return name


class _Idle:
    """Engines that wait for work; one list a process, since workers do not survive a fork."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[tuple[int, str], list[WorkerEngine]] = {}

    def take(self, name: str) -> WorkerEngine:
        with self._lock:
            waiting = self._idle.setdefault((os.getpid(), name), [])
            return waiting.pop() if waiting else start_engine(name)

    def put(self, name: str, engine: WorkerEngine) -> None:
        with self._lock:
            self._idle.setdefault((os.getpid(), name), []).append(engine)

    def close(self) -> None:
        for (pid, _), engines in self._idle.items():
            for engine in engines if pid == os.getpid() else ():
                engine.close()


_IDLE = _Idle()
atexit.register(_IDLE.close)


@contextmanager
def borrow_engine(name: str) -> Iterator[WorkerEngine]:
    """Lend a resident engine of this process; it goes back warm."""
    engine = _IDLE.take(name)
    try:
        yield engine
    except BaseException:
        engine.close()  # A deck that was cut off may still have its answer in the pipe.
        raise
    finally:
        _IDLE.put(name, engine)
