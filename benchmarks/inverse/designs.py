"""SPICE designs that no model has seen: origins of specifications, and a pool to grade them by."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.inverse.specs import POOL_SIZE, PROCESS, SEED
from core.circuits import Circuit
from core.data import bundled_dataset_folder, load_dataset
from core.inverse import spice_oracle
from core.inverse.goals import GATE_AREA, SUPPLY_CURRENT, is_logarithmic
from core.spice import load_process, sample_designs

CACHE = Path(__file__).parents[1] / "cache"
CANDIDATES = 800
PIECE = 400
ORIGINS = 600


@dataclass(frozen=True)
class Fresh:
    """What the sets are made from.

    Attributes:
        circuit: of the designs.
        first: working designs with sizes and quantities, origins of Meet and Match.
        second: others, origins of the other sets.
        pool: ``POOL_SIZE`` random designs, working or not.
        engine: simulator that was used.
    """

    circuit: Circuit
    first: pd.DataFrame
    second: pd.DataFrame
    pool: pd.DataFrame
    engine: str

    @property
    def quantities(self) -> list[str]:
        """What is bounded: the metrics, supply current and gate area."""
        return [*self.circuit.metric_names, SUPPLY_CURRENT, GATE_AREA]

    @property
    def working(self) -> pd.DataFrame:
        """The designs of the pool that work."""
        return self.pool[_works(self.circuit, self.pool)]


def signs(circuit: Circuit) -> dict[str, float]:
    """+1 for what is to be large, -1 for what is to be small, by quantity."""
    return dict.fromkeys(circuit.metric_names, 1.0) | {SUPPLY_CURRENT: -1.0, GATE_AREA: -1.0}


def model_space(circuit: Circuit, table: pd.DataFrame, quantities: list[str]) -> np.ndarray:
    """Quantities (n x q) as they are compared: log10, angles in degrees; NaN where not measured."""
    columns = []
    for name in quantities:
        values = table[name].to_numpy(dtype=float)
        if is_logarithmic(circuit, name):
            values = np.log10(np.where(values > 0, values, np.nan))
        columns.append(values)
    return np.stack(columns, 1)


def fresh_designs(circuit: Circuit, jobs: int) -> Fresh:
    """Simulate them, minutes; kept in a cache that the seed and the testbench name."""
    dataset = load_dataset(bundled_dataset_folder(circuit.id), circuit)
    taken = _keys(dataset.target.designs) | _keys(dataset.source.designs)
    first, engine = _simulated(circuit, CANDIDATES, SEED, jobs)
    pool, _ = _simulated(circuit, POOL_SIZE, SEED + 1, jobs)
    second, _ = _simulated(circuit, ORIGINS, SEED + 2, jobs)
    names = circuit.variable_names
    first, second = (
        first[_unseen(first[names], taken)],
        second[_unseen(second[names], taken | _keys(pool[names]) | _keys(first[names]))],
    )
    return Fresh(
        circuit,
        first[_works(circuit, first)].reset_index(drop=True),
        second[_works(circuit, second)].reset_index(drop=True),
        pool,
        engine,
    )


def _simulated(circuit: Circuit, count: int, seed: int, jobs: int) -> tuple[pd.DataFrame, str]:
    """Designs with what SPICE says of them, in pieces, so that a stopped freeze goes on."""
    CACHE.mkdir(exist_ok=True)
    bench = hashlib.sha256(json.dumps(dict(circuit.testbench), sort_keys=True).encode())
    path = CACHE / f"{circuit.id}_{seed}_{bench.hexdigest()[:8]}.csv"
    oracle = spice_oracle(circuit, load_process(PROCESS), jobs=jobs)
    sizes = sample_designs(circuit, count, seed)
    done = len(pd.read_csv(path)) if path.is_file() else 0
    for start in range(done, count, PIECE):
        rows = sizes[start : start + PIECE].reset_index(drop=True)
        seen = oracle(rows)
        table = pd.concat([rows, seen.values, seen.failure.rename("failure")], axis=1)
        table = table.assign(engine=seen.engine)
        table.to_csv(path, mode="a", header=not path.is_file(), index=False)
    table = pd.read_csv(path)[:count]
    table["failure"] = table["failure"].fillna("")
    return table.drop(columns="engine"), str(table["engine"].iloc[0])


def _keys(sizes: pd.DataFrame) -> set[tuple[str, ...]]:
    """Sizes as written with six digits: the same design, wherever it was stored."""
    return {tuple(f"{value:.6g}" for value in row) for row in sizes.to_numpy().tolist()}


def _unseen(sizes: pd.DataFrame, taken: set[tuple[str, ...]]) -> np.ndarray:
    rows = sizes.to_numpy().tolist()
    return np.array([tuple(f"{value:.6g}" for value in row) not in taken for row in rows])


def _works(circuit: Circuit, table: pd.DataFrame) -> pd.Series:
    return (table["failure"] == "") & table[circuit.metric_names].notna().all(axis=1)
