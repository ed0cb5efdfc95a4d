"""How far a run is, from its journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

# The rate of the last epochs tells more about the rest than the slow first one.
RECENT = 20


class StageState(StrEnum):
    """Where one stage of a run is."""

    WAITING = "waiting"
    WORKING = "working"
    DONE = "done"


@dataclass(frozen=True)
class StageProgress:
    """One stage: epochs done of all in its present phase; ``seconds`` is 0 until it has ended."""

    name: str
    state: StageState = StageState.WAITING
    epoch: int = 0
    epochs: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Progress:
    """A whole run: its stages in order, the share done, and the time that the present one takes.

    Attributes:
        stages: every stage that the run was asked for, then those that it added.
        fraction: 0 to 1, every stage counted alike.
        seconds_left: of the present stage, from the rate of its last epochs; None if unknown.
    """

    stages: tuple[StageProgress, ...]
    fraction: float
    seconds_left: float | None

    @property
    def working(self) -> StageProgress | None:
        """The stage at work, if any."""
        return next((s for s in self.stages if s.state == StageState.WORKING), None)


def progress_of(events: Iterable[Mapping[str, Any]], stages: Sequence[str]) -> Progress:
    """Read the progress from the events of a run.

    Args:
        events: as ``RunStore.events`` returns them.
        stages: names of the stages that the run was asked for, in order.
    """
    found = {name: StageProgress(name) for name in stages}
    ticks: list[tuple[float, int]] = []
    for event in events:
        name = event.get("stage", "")
        old = found.get(name, StageProgress(name))
        if event.get("kind") == "stage" and event.get("state") == "started":
            found[name] = StageProgress(name, StageState.WORKING)
            ticks = []
        elif event.get("kind") == "stage" and event.get("state") == "finished":
            seconds = float(event.get("seconds", 0.0))
            found[name] = StageProgress(name, StageState.DONE, old.epoch, old.epochs, seconds)
        elif event.get("kind") == "epoch":
            epoch, epochs = int(event["epoch"]), int(event.get("epochs", 0))
            if epoch < old.epoch:  # A stage of several phases counts each of them from 1.
                ticks = []
            found[name] = StageProgress(name, StageState.WORKING, epoch, epochs)
            ticks.append((float(event.get("time", 0.0)), epoch))
    shares = [_share(stage) for stage in found.values()]
    working = next((s for s in found.values() if s.state == StageState.WORKING), None)
    left = _seconds_left(ticks[-RECENT:], working)
    return Progress(tuple(found.values()), sum(shares) / max(len(shares), 1), left)


def _share(stage: StageProgress) -> float:
    if stage.state == StageState.DONE:
        return 1.0
    return min(stage.epoch / stage.epochs, 1.0) if stage.epochs else 0.0


def _seconds_left(
    ticks: Sequence[tuple[float, int]], working: StageProgress | None
) -> float | None:
    if working is None or len(ticks) < 2 or ticks[-1][1] <= ticks[0][1]:
        return None
    rate = (ticks[-1][0] - ticks[0][0]) / (ticks[-1][1] - ticks[0][1])
    return rate * max(working.epochs - working.epoch, 0)
