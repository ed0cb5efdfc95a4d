"""The callback points of the training loop, and what listens at them."""

from __future__ import annotations

import time
from typing import Any, Protocol

from core.errors import CrossfabError
from core.training.run_store import RunStore

_ASK_EVERY = 0.2  # Seconds between looks at the cancel file: well within a second.


class Cancelled(CrossfabError):  # noqa: N818 - a request that was met is no error
    """Somebody asked the run to stop; what was learned so far is kept."""


class Watcher(Protocol):
    """What the loop calls: between batches, and after each epoch."""

    def batch(self) -> None:
        """Called between batches; may raise ``Cancelled``."""

    def epoch(self, event: dict[str, Any]) -> None:
        """Called after each epoch with its losses and learning rate."""


class RunWatcher:
    """Writes epochs to a run's journal, and asks it whether to stop."""

    def __init__(self, run: RunStore) -> None:
        self._run = run
        self._asked = 0.0

    def batch(self) -> None:
        """Raise ``Cancelled`` where the run was asked to stop; keep its heartbeat."""
        now = time.monotonic()
        if now - self._asked < _ASK_EVERY:
            return
        self._asked = now
        self._run.heartbeat()
        if self._run.cancel_requested():
            raise Cancelled("The run was cancelled: resume it to go on from what was saved last.")

    def epoch(self, event: dict[str, Any]) -> None:
        """Append the epoch to the journal."""
        self._run.append({"kind": "epoch", **event})


class Silent:
    """Listens to nothing."""

    def batch(self) -> None:
        """Do nothing."""

    def epoch(self, event: dict[str, Any]) -> None:
        """Do nothing."""
