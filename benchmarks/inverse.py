"""Inverse design, judged by SPICE: how often, with how few simulations, and how fast.

Spec sets are made from valid SPICE designs of process B that no model has seen (fresh Sobol seed;
designs of the bundled data are left out), frozen as JSON with seed and hash:

- Meet: every metric at least the design's less 2 % (phase margin less 1 degree), supply current
  and gate area at most 1.05 times the design's.
- Match: slew rate, gain and UGF within 3 %, phase margin within 1 degree, CMRR within 10 %.

A specification is solved by the simulation that SPICE confirms: all requirements met and a
working amplifier. Every method gets the same prior data, the training rows of the run.

    python -m benchmarks.inverse --circuit 5t_opamp --specs 50 --methods loop,open,nearest,random
    python -m benchmarks.inverse --circuit 5t_opamp --report

Results are one JSON line a cell (set, method, specification), appended; a second call goes on where
the first stopped.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.optimize import differential_evolution
from scipy.stats import binomtest

from core.circuits import Circuit, load_circuit
from core.data import bundled_dataset_folder, load_dataset
from core.ensemble import load_predictor
from core.inverse import (
    Goal,
    GoalKind,
    ReferenceSettings,
    SearchSettings,
    Simulated,
    Specification,
    Workbench,
    design,
    design_until,
    judge,
    mdn_sampler,
    prepare,
    spice_oracle,
)
from core.spice import load_process, sample_designs

FOLDER = Path(__file__).parent / "inverse_data"
ROOT = Path(__file__).parents[1]
SEED = 20_261_122
SETS = ("meet", "match")
BUDGETS = (1, 5, 10, 20)
BUDGET = 20
COUNT = 200
POOL = 1000
PROCESS = "gf180mcu"


@dataclass(frozen=True)
class Bench:
    """What every method is given."""

    circuit: Circuit
    work: Workbench
    run: Path
    oracle: Callable[[pd.DataFrame], Simulated]
    pool: pd.DataFrame


def make_specs(circuit: Circuit) -> dict[str, Any]:
    """Simulate fresh designs and freeze two sets of specifications."""
    dataset = load_dataset(bundled_dataset_folder(circuit.id), circuit)
    taken = set(map(tuple, dataset.target.designs.to_numpy().tolist()))
    taken |= set(map(tuple, dataset.source.designs.to_numpy().tolist()))
    sizes = sample_designs(circuit, 4 * COUNT, SEED)
    fresh = [row for row in range(len(sizes)) if tuple(sizes.iloc[row]) not in taken]
    sizes = sizes.iloc[fresh].reset_index(drop=True)
    seen = spice_oracle(circuit, load_process(PROCESS), jobs=2)(sizes)
    rows = pd.concat([sizes, seen.values], axis=1)[(seen.failure == "").to_numpy()]
    rows = rows[rows[circuit.metric_names].notna().all(axis=1)]
    specs = [
        {"set": name, "number": number, "design": rows.iloc[number + COUNT * place].to_dict()}
        for place, name in enumerate(SETS)
        for number in range(min(COUNT, len(rows) - COUNT * place))
    ]
    text = json.dumps(specs, sort_keys=True)
    return {
        "circuit": circuit.id,
        "process": PROCESS,
        "engine": seen.engine,
        "seed": SEED,
        "testbench": dict(circuit.testbench),
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "specs": specs,
    }


def load_specs(circuit: Circuit) -> list[dict[str, Any]]:
    """Read the frozen specifications, making them on the first call."""
    path = FOLDER / f"specs_{circuit.id}.json"
    if not path.is_file():
        path.write_text(json.dumps(make_specs(circuit), indent=0), encoding="utf-8")
    table = json.loads(path.read_text(encoding="utf-8"))
    found = hashlib.sha256(json.dumps(table["specs"], sort_keys=True).encode()).hexdigest()
    if found != table["sha256"]:
        raise SystemExit(f"{path.name} is not the frozen one: its hash is {found}.")
    if table["testbench"] != dict(circuit.testbench):
        raise SystemExit(f"{path.name} was made with another testbench: delete it, make it again.")
    specs: list[dict[str, Any]] = table["specs"]
    return specs


def specification(circuit: Circuit, spec: dict[str, Any]) -> Specification:
    """The goals of a frozen specification."""
    values = spec["design"]
    if spec["set"] == "meet":
        floors = {name: 0.98 * values[name] for name in circuit.metric_names}
        floors["phase_margin"] = values["phase_margin"] - 1.0
        goals = [Goal(name, GoalKind.MIN, low) for name, low in floors.items()]
        for name in ("supply_current", "gate_area"):
            goals.append(Goal(name, GoalKind.MAX, None, 1.05 * values[name]))
        return Specification(circuit, tuple(goals))
    half = {name: 0.03 * values[name] for name in circuit.metric_names}
    half["phase_margin"], half["cmrr"] = 1.0, 0.10 * values["cmrr"]
    return Specification(
        circuit,
        tuple(
            Goal(name, GoalKind.RANGE, values[name] - width, values[name] + width)
            for name, width in half.items()
        ),
    )


def closed_loop(bench: Bench, spec: Specification, **options: Any) -> Iterator[int]:
    """Ours: one simulation at a time, each teaching the next."""
    campaign = design_until(bench.work, spec, bench.oracle, confirmed=1, budget=BUDGET, **options)
    yield from (campaign.table["verdict"] == "PASS").astype(int)


def ranked(bench: Bench, spec: Specification, **options: Any) -> Iterator[int]:
    """Ours without learning, or the reference method: candidates in their order."""
    result = design(bench.work, spec, n=BUDGET, **options)
    yield from _simulated(bench, spec, result.candidates[bench.circuit.variable_names])


def nearest(bench: Bench, spec: Specification) -> Iterator[int]:
    """Known designs by their simulated violation."""
    table = bench.work.forward.predictor.known_designs()
    values = table.metrics.assign(
        supply_current=table.supply_current, gate_area=bench.circuit.gate_area(table.designs)
    )[table.valid]
    order = _violation(spec, values).sort_values().index[:BUDGET]
    yield from _simulated(bench, spec, table.designs.loc[order])


def random_designs(bench: Bench, spec: Specification, number: int) -> Iterator[int]:
    """The chance line: designs of a pool that was simulated once, in an order of their own."""
    order = np.random.default_rng((SEED, number)).permutation(len(bench.pool))[:BUDGET]
    rows = bench.pool.iloc[order].reset_index(drop=True)
    yield from (judge(spec, rows, rows["failure"])["verdict"] == "PASS").astype(int)


def evolution(bench: Bench, spec: Specification, number: int) -> Iterator[int]:
    """Differential evolution (scipy), seeded with the best known designs."""
    table = bench.work.forward.predictor.known_designs()
    values = table.metrics.assign(
        supply_current=table.supply_current, gate_area=bench.circuit.gate_area(table.designs)
    )[table.valid]
    first = table.designs.loc[_violation(spec, values).sort_values().index[:BUDGET]]
    space = bench.work.space
    seen: list[int] = []

    def cost(unit: np.ndarray) -> float:
        sizes = space.table(space.snap(torch.tensor(unit)[None]))
        simulated = bench.oracle(sizes)
        seen.append(int(judge(spec, simulated.values, simulated.failure)["verdict"][0] == "PASS"))
        if seen[-1] or len(seen) >= BUDGET:
            raise StopIteration
        return float(_violation(spec, simulated.values).iloc[0]) + 9.0 * (
            simulated.failure[0] != ""
        )

    start = space.unit(torch.tensor(first.to_numpy(dtype=float))).numpy()[:8]
    with contextlib.suppress(StopIteration, RuntimeError):
        differential_evolution(
            cost, [(0.0, 1.0)] * space.dimension, init=start, seed=number, polish=False
        )
    yield from seen


def _violation(spec: Specification, values: pd.DataFrame) -> pd.Series:
    total = pd.Series(0.0, index=values.index)
    for requirement in spec.requirements:
        margin = requirement.margin(values[requirement.quantity]) / abs(requirement.bound)
        total += np.square(np.minimum(np.nan_to_num(margin, nan=-9.0), 0.0))
    return total


def _simulated(bench: Bench, spec: Specification, sizes: pd.DataFrame) -> Iterator[int]:
    """Simulate one by one, so that a solved specification costs no more."""
    for row in range(len(sizes)):
        one = bench.oracle(sizes.iloc[[row]])
        yield int(judge(spec, one.values, one.failure)["verdict"].iloc[0] == "PASS")


METHODS: dict[str, Callable[[Bench, Specification, int], Iterator[int]]] = {
    "loop": lambda b, s, i: closed_loop(b, s, sampler=mdn_sampler(b.run)),
    "loop-mdn": lambda b, s, i: closed_loop(b, s),
    "open": lambda b, s, i: ranked(b, s, sampler=mdn_sampler(b.run)),
    "more": lambda b, s, i: closed_loop(b, s, settings=SearchSettings(starts=96)),
    "few": lambda b, s, i: closed_loop(b, s, settings=SearchSettings(starts=8)),
    "nearest": lambda b, s, i: nearest(b, s),
    "random": random_designs,
    "evolution": evolution,
    "reference": lambda b, s, i: ranked(b, s, method="reference", reference=ReferenceSettings()),
}


def run_cell(bench: Bench, spec: dict[str, Any], method: str) -> dict[str, Any]:
    """Give one specification to one method until it is solved or the budget is out."""
    began, spent, solved = time.perf_counter(), 0, 0
    for passed in METHODS[method](bench, specification(bench.circuit, spec), spec["number"]):
        spent += 1
        solved = passed
        if passed:
            break
    return {
        "set": spec["set"],
        "number": spec["number"],
        "method": method,
        "first": spent if solved else None,
        "seconds": round(time.perf_counter() - began, 3),
    }


def report(cells: pd.DataFrame) -> str:
    """Success at each budget with 95 % Wilson intervals."""
    lines = []
    for (name, method), rows in cells.groupby(["set", "method"], sort=True):
        parts = []
        for budget in BUDGETS:
            wins = int((rows["first"] <= budget).sum())
            ends = binomtest(wins, len(rows)).proportion_ci(method="wilson")
            share = 100.0 * wins / len(rows)
            parts.append(f"{share:5.1f} ({100 * ends.low:.0f}..{100 * ends.high:.0f})")
        seconds = rows["seconds"].median()
        lines.append(f"{name:6} {method:10} n={len(rows):3}  {'  '.join(parts)}  {seconds:6.2f} s")
    head = f"success in % within {', '.join(map(str, BUDGETS))} simulations; median wall time"
    return "\n".join([head, *lines])


def time_searches(bench: Bench, specs: list[dict[str, Any]], reference: int) -> str:
    """Wall time from specification to ten candidates, model loaded; the reference beside it."""
    goals = [specification(bench.circuit, spec) for spec in specs]
    ours = [design(bench.work, goal, sampler=mdn_sampler(bench.run)).seconds for goal in goals]
    theirs = [design(bench.work, goal, method="reference").seconds for goal in goals[:reference]]
    lines = [
        f"default:   median {np.median(ours):.3f} s, 95 % below {np.quantile(ours, 0.95):.3f} s "
        f"({len(ours)} specifications, one thread)"
    ]
    if theirs:
        ratio = np.median(theirs) / np.median(ours)
        lines.append(
            f"reference: median {np.median(theirs):.1f} s ({len(theirs)} specifications), "
            f"{ratio:.0f} times the default's"
        )
    return "\n".join(lines)


def open_bench(circuit: Circuit, run: Path) -> Bench:
    """Load the run, simulate the pool of random designs once."""
    oracle = spice_oracle(circuit, load_process(PROCESS))
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"pool_{circuit.id}.csv"
    if not path.is_file():
        sizes = sample_designs(circuit, POOL, SEED + 1)
        seen = spice_oracle(circuit, load_process(PROCESS), jobs=2)(sizes)
        table = pd.concat([sizes, seen.values, seen.failure.rename("failure")], axis=1)
        table.to_csv(path, index=False, float_format="%.6g")
    pool = pd.read_csv(path, keep_default_na=True)
    pool["failure"] = pool["failure"].fillna("")
    return Bench(circuit, prepare(load_predictor(run)), run, oracle, pool)


def main() -> None:
    """Run the cells that are missing, then print the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--circuit", default="5t_opamp")
    parser.add_argument("--run", type=Path, default=None, help="default: the shipped checkpoints")
    parser.add_argument("--methods", default="loop,open,nearest,random")
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--specs", type=int, default=50, help="specifications of each set")
    parser.add_argument("--out", type=Path, default=None, help="results, JSON lines")
    parser.add_argument("--time", action="store_true", help="time the searches only")
    parser.add_argument("--report", action="store_true", help="print only")
    flags = parser.parse_args()
    torch.set_num_threads(1)
    circuit = load_circuit(flags.circuit)
    out = flags.out or FOLDER / f"results_{circuit.id}.jsonl"
    lines = out.read_text(encoding="utf-8").splitlines() if out.is_file() else []
    cells = [json.loads(line) for line in lines]
    if not flags.report:
        done = {(cell["set"], cell["number"], cell["method"]) for cell in cells}
        bench = open_bench(circuit, flags.run or ROOT / "checkpoints" / circuit.id)
        if flags.time:
            print(time_searches(bench, load_specs(circuit)[: flags.specs], reference=1))
            return
        sets = flags.sets.split(",")
        todo = [
            (spec, method)
            for spec in load_specs(circuit)
            if spec["set"] in sets and spec["number"] < flags.specs
            for method in flags.methods.split(",")
            if (spec["set"], spec["number"], method) not in done
        ]
        for spec, method in todo:
            cell = run_cell(bench, spec, method)
            cells.append(cell)
            with out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(cell) + "\n")
    print(report(pd.DataFrame(cells)))


if __name__ == "__main__":
    main()
