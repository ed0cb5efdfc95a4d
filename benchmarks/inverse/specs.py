"""Frozen specifications: a JSON lines file a circuit, its first line with seed and hash."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from core.circuits import Circuit
from core.inverse import Goal, GoalKind, Specification

FOLDER = Path(__file__).parents[1] / "inverse_data"
SETS = ("meet", "match", "ladder", "uniform", "infeasible", "corners")
SEED = 20_261_122
PROCESS = "gf180mcu"
POOL_SIZE = 10_000

GoalRow = tuple[str, str, float | None, float | None]


@dataclass(frozen=True)
class FrozenSpec:
    """One specification of a set.

    Attributes:
        set: name of the set.
        number: position in it.
        goals: quantity, kind, low and high of each goal, physical units.
        kind: grade of a ladder specification, construction of an infeasible one.
        culprits: quantities of an infeasible one that cannot be had together.
        limits: smallest and largest allowed value of design variables.
        origin: sizes of the SPICE design that it was made from.
        passing: how many of the ``POOL_SIZE`` random designs meet it.
    """

    set: str
    number: int
    goals: tuple[GoalRow, ...]
    kind: str = ""
    culprits: tuple[str, ...] = ()
    limits: dict[str, tuple[float, float]] = field(default_factory=dict)
    origin: dict[str, float] = field(default_factory=dict)
    passing: int | None = None

    def specification(self, circuit: Circuit) -> Specification:
        """The specification itself."""
        goals = tuple(Goal(name, GoalKind(kind), low, high) for name, kind, low, high in self.goals)
        return Specification(circuit, goals, dict(self.limits))

    @property
    def fingerprint(self) -> str:
        """Tells whether a result belongs to this very question."""
        text = json.dumps([self.goals, self.limits], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]


def at_least(quantity: str, bound: float) -> GoalRow:
    """A goal of kind min, its bound rounded to what a person would write down."""
    return (quantity, GoalKind.MIN.value, rounded(bound), None)


def at_most(quantity: str, bound: float) -> GoalRow:
    """A goal of kind max."""
    return (quantity, GoalKind.MAX.value, None, rounded(bound))


def within(quantity: str, low: float, high: float) -> GoalRow:
    """A goal of kind range."""
    return (quantity, GoalKind.RANGE.value, rounded(low), rounded(high))


def rounded(value: float) -> float:
    """Six digits."""
    return float(f"{value:.6g}")


def specs_path(circuit: Circuit) -> Path:
    """Where the specifications of a circuit lie."""
    return FOLDER / f"specs_{circuit.id}.jsonl"


def write_specs(circuit: Circuit, specs: list[FrozenSpec], engine: str) -> Path:
    """Freeze specifications with seed, testbench and hash."""
    lines = [json.dumps(asdict(spec), sort_keys=True) for spec in specs]
    head = {
        "circuit": circuit.id,
        "process": PROCESS,
        "engine": engine,
        "seed": SEED,
        "pool": POOL_SIZE,
        "testbench": dict(circuit.testbench),
        "sha256": _hash(lines),
    }
    path = specs_path(circuit)
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([json.dumps(head), *lines]) + "\n", encoding="utf-8")
    return path


def load_specs(circuit: Circuit) -> list[FrozenSpec]:
    """Read the frozen specifications; exits where they are not what was frozen."""
    path = specs_path(circuit)
    if not path.is_file():
        raise SystemExit(f"{path.name} is not there: run `python -m benchmarks.inverse freeze`.")
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    told = json.loads(head)
    if _hash(lines) != told["sha256"]:
        raise SystemExit(f"{path.name} is not the frozen one: its hash is {_hash(lines)}.")
    if told["testbench"] != dict(circuit.testbench):
        raise SystemExit(f"{path.name} was made with another testbench: freeze again.")
    if told["pool"] != POOL_SIZE:
        raise SystemExit(f"{path.name} was graded by a pool of another size: freeze again.")
    return [_parse(json.loads(line)) for line in lines]


def _parse(row: dict[str, Any]) -> FrozenSpec:
    row["goals"] = tuple(tuple(goal) for goal in row["goals"])
    row["limits"] = {name: tuple(ends) for name, ends in row["limits"].items()}
    row["culprits"] = tuple(row["culprits"])
    return FrozenSpec(**row)


def _hash(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
