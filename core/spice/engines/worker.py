"""An engine: a simulator in a worker process with a time limit, replaced when it dies."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from select import select
from typing import Any, Literal, Protocol

import numpy as np

from core.spice.engines.framing import HEADER, decode_frame, write_frame

TIME_LIMIT = 20.0  # s for one deck; a healthy one takes milliseconds
DECKS_PER_WORKER = 4000  # ngspice keeps some 40 kB a deck: a fresh worker gives it back


@dataclass(frozen=True)
class Analysis:
    """One analysis of a deck.

    Attributes:
        kind: ``op``, ``ac`` (decades) or ``tran``.
        arguments: nothing; points a decade, start and stop in Hz; step and stop in s.
        vectors: node names, ``source#branch`` for a source's current, ``frequency``, ``time``,
            and ``@device[parameter]`` where the engine reports operating points; each once.
    """

    kind: Literal["op", "ac", "tran"]
    vectors: tuple[str, ...]
    arguments: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(set(self.vectors)) < len(self.vectors):
            raise ValueError(f"A vector is asked for twice: {self.vectors}.")


Vectors = dict[str, np.ndarray]
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "OPENBLAS_NUM_THREADS"), "1")


class EngineFailureError(Exception):
    """One deck failed; the engine itself goes on.

    Attributes:
        reason: a short stable text, ``ac analysis failed``.
        done: the vectors of the analyses that came before.
        log: what the simulator said.
    """

    def __init__(self, reason: str, done: Sequence[Vectors] = (), log: str = "") -> None:
        super().__init__(reason)
        self.reason, self.done, self.log = reason, list(done), log


class Engine(Protocol):
    """What a SPICE engine has to do."""

    name: str
    reports_devices: bool

    def run(self, deck: str, analyses: Sequence[Analysis]) -> list[Vectors]:
        """Run the analyses of a deck in order; EngineFailureError where one fails."""

    def close(self) -> None:
        """Give all resources back."""


class WorkerEngine:
    """An engine whose simulator lives in a worker process.

    Args:
        name: the engine's name.
        command: how the worker is started.
        reports_devices: whether ``@device[parameter]`` vectors exist.
        time_limit: seconds one deck may take before the worker is killed.
    """

    def __init__(
        self, name: str, command: list[str], reports_devices: bool, time_limit: float = TIME_LIMIT
    ) -> None:
        self.name, self.reports_devices = name, reports_devices
        self._command, self._time_limit = command, time_limit
        self._worker: subprocess.Popen[bytes] | None = None
        self._decks = 0

    def run(self, deck: str, analyses: Sequence[Analysis]) -> list[Vectors]:
        """Run the analyses of a deck in order; EngineFailureError where one fails."""
        if self._decks >= DECKS_PER_WORKER:
            self.close()
        worker = self._worker or self._start()
        self._decks += 1
        request = {"deck": deck, "analyses": [asdict(analysis) for analysis in analyses]}
        try:
            write_frame(worker.stdin, request, [])  # type: ignore[arg-type]
            reply, blob = self._read(worker)
        except TimeoutError:  # An OSError too: it has to come first.
            self.close()
            raise EngineFailureError("simulator ran out of time") from None
        except (OSError, EOFError):
            self.close()
            raise EngineFailureError("simulator crashed") from None
        vectors = list(_unpack(reply["analyses"], blob))
        if reply["error"]:
            raise EngineFailureError(reply["error"], vectors, reply["log"])
        return vectors

    def close(self) -> None:
        """End the worker; the next deck starts another."""
        worker, self._worker, self._decks = self._worker, None, 0
        if worker is not None:
            worker.kill()
            worker.wait()
            for stream in (worker.stdin, worker.stdout):
                with suppress(OSError):  # What was not written yet has nowhere to go.
                    stream.close()  # type: ignore[union-attr]

    def _start(self) -> subprocess.Popen[bytes]:
        # Parallel work is one process a core; threads inside a simulator only get in the way.
        environment = {**os.environ, **_ONE_THREAD}
        self._worker = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=tempfile.gettempdir(),  # BSIM4 leaves its notes in the working folder.
        )
        return self._worker

    def _read(self, worker: subprocess.Popen[bytes]) -> tuple[dict[str, Any], bytes]:
        deadline = time.monotonic() + self._time_limit
        stream = worker.stdout.fileno()  # type: ignore[union-attr]
        header = _read_exactly(stream, HEADER.size, deadline)
        lengths = HEADER.unpack(header)
        return decode_frame(lengths, _read_exactly(stream, sum(lengths), deadline))


def _read_exactly(stream: int, count: int, deadline: float) -> bytes:
    parts: list[bytes] = []
    while count > 0:
        if not select([stream], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise TimeoutError
        part = os.read(stream, count)
        if not part:
            raise EOFError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _unpack(analyses: list[dict[str, tuple[bool, int]]], blob: bytes) -> Iterator[Vectors]:
    offset = 0
    for places in analyses:
        vectors: Vectors = {}
        for name, (is_complex, size) in places.items():
            kind = np.complex128 if is_complex else np.float64
            vectors[name] = np.frombuffer(blob[offset : offset + size], dtype=kind)
            offset += size
        yield vectors
