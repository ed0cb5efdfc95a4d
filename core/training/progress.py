"""How far a run is, from its journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from core.config import STAGES
from core.errors import CheckpointError
from core.training.run_store import RunStore

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
        began: when the present stage began, seconds since 1970; None if unknown.
    """

    stages: tuple[StageProgress, ...]
    fraction: float
    seconds_left: float | None
    began: float | None = None

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
    began = None
    for event in events:
        name = event.get("stage", "")
        old = found.get(name, StageProgress(name))
        if event.get("kind") == "stage" and event.get("state") == "started":
            found[name] = StageProgress(name, StageState.WORKING)
            ticks, began = [], event.get("time")
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
    fraction = sum(shares) / max(len(shares), 1)
    return Progress(tuple(found.values()), fraction, left, began if working else None)


def whole_seconds_left(progress: Progress, usual: Mapping[str, float], now: float) -> float | None:
    """Estimate how long all stages still take, from how long they took in an earlier run.

    Args:
        progress: of the run at work.
        usual: seconds of each stage of a finished run with the same settings.
        now: seconds since 1970.

    Returns:
        Seconds; the earlier run's, scaled by how much longer the stages done so far took here.
        None where a stage of this run was not part of the earlier one.
    """
    stages = {stage.name: stage for stage in progress.stages}
    if not stages.keys() <= usual.keys():
        return None
    done = [stage for stage in stages.values() if stage.state == StageState.DONE]
    known = sum(usual[stage.name] for stage in done)
    pace = sum(stage.seconds for stage in done) / known if known else 1.0
    ahead = [name for name in usual if name not in stages and name not in STAGES]
    ahead += [name for name, stage in stages.items() if stage.state == StageState.WAITING]
    left = pace * sum(usual[name] for name in ahead)
    if progress.working is None:
        return left
    rest = pace * usual[progress.working.name] - (now - (progress.began or now))
    return left + max(rest, progress.seconds_left or 0.0)


def usual_seconds(config: Mapping[str, Any], others: Iterable[RunStore]) -> dict[str, float]:
    """Seconds by stage of the first finished run with the preset and overrides of a configuration.

    Args:
        config: of the run in question.
        others: runs of the same circuit, the most telling first.
    """
    settings = ("preset", "overrides", "stages")
    for run in others:
        try:
            known = run.config()
            if all(known.get(name) == config.get(name) for name in settings):
                return {
                    name: float(value) for name, value in run.read_json("progress.json").items()
                }
        except CheckpointError:  # It was never finished.
            continue
    return {}


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
