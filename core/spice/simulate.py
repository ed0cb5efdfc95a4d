"""Simulation of designs in a process: one with all its waveforms, or many as a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import joblib
import numpy as np
import pandas as pd

from core.circuits import Circuit
from core.circuits.operating_point import operating_point_table
from core.spice import gate
from core.spice.checks import check_designs, make_conditions
from core.spice.engines.registry import borrow_engine, choose_engine
from core.spice.measurements import unwrapped_phase
from core.spice.netlist import Conditions, Shifts
from core.spice.process import Process
from core.spice.testbench import Evaluation, evaluate

Progress = Callable[[int, int], None]
_SHOWN = ("id", "gm", "gds", "vth", "vgs", "vds", "vdsat", "headroom")
_CHUNK = 25  # designs a task: half a second of work, so that progress moves and cores stay busy

UNCHECKED = {
    "ngspice": "",
    "neospice": "neospice reports node voltages only: saturation was checked against the least "
    "possible Vdsat (three thermal voltages), not against each device's own.",
}


@dataclass(frozen=True)
class SimulationTable:
    """Results of n designs, in their order and with their index.

    Attributes:
        metrics: n x m, SI units; NaN where not measured, and then ``failure`` says why.
        supply_current: from VDD at the operating point, A.
        failure: why a design is no valid amplifier, reasons joined by "; "; "" for a valid one.
        engine: name of the engine that measured.
        unchecked: what that engine could not check, or "".
        operating_points: as in ``operating_point_table``; None where the engine reports none.
    """

    metrics: pd.DataFrame
    supply_current: pd.Series
    failure: pd.Series
    engine: str
    unchecked: str = ""
    operating_points: pd.DataFrame | None = None


@dataclass(frozen=True)
class Simulation:
    """Everything about one design.

    Attributes:
        metrics: the m figures, SI units.
        supply_current: A.
        failure: as in SimulationTable.
        operating_point: a row a device (device, region, id, gm, gds, vth, vgs, vds, vdsat,
            headroom, gm_over_id; SI units), or None where the engine reports none.
        bode: columns frequency (Hz), gain (dB), phase (degrees); empty without an operating point.
        step: columns time (s), input (V), output (V); empty where the buffer was not run.
        netlist: the decks that were run.
        engine: name of the engine.
        unchecked: what that engine could not check, or "".
    """

    metrics: dict[str, float]
    supply_current: float
    failure: str
    operating_point: pd.DataFrame | None
    bode: pd.DataFrame
    step: pd.DataFrame
    netlist: str
    engine: str
    unchecked: str = ""


def simulate(
    circuit: Circuit,
    process: Process,
    designs: pd.DataFrame,
    *,
    corner: str = "tt",
    temperature: float = 27.0,
    supply: float | None = None,
    engine: str = "auto",
    jobs: int = 1,
    progress: Progress | None = None,
) -> SimulationTable:
    """Run the four testbenches on each design (n x d; W and L in um, the rest in SI units).

    Args:
        circuit: what is simulated.
        process: in which process.
        designs: the columns of ``circuit.variable_names``, others are ignored.
        corner: a corner of the process.
        temperature: degrees Celsius.
        supply: VDD in V; the process's own where None.
        engine: ``ngspice``, ``neospice`` or ``auto``.
        jobs: parallel tasks for joblib (-1: one a core); inside ``joblib.parallel_config`` they
            run wherever its backend is, each process with a simulator of its own.
        progress: called with designs done and in total.

    Raises:
        InputError: a design outside the grid's bounds or the process's models, an unknown corner
            or engine; all faults at once.
    """
    conditions = make_conditions(process, corner, temperature, supply)
    check_designs(circuit, process, designs)
    rows = designs[circuit.variable_names].to_dict("records")
    jobs_to_do: list[Job] = [(row, None) for row in rows]
    return run_jobs(circuit, conditions, jobs_to_do, designs.index, engine, jobs, progress)


def simulate_one(
    circuit: Circuit,
    process: Process,
    design: Mapping[str, float] | pd.Series,
    *,
    corner: str = "tt",
    temperature: float = 27.0,
    supply: float | None = None,
    engine: str = "auto",
) -> Simulation:
    """Run the four testbenches on one design and keep all waveforms; arguments as in simulate."""
    conditions = make_conditions(process, corner, temperature, supply)
    check_designs(circuit, process, pd.DataFrame([dict(design)]))
    name = choose_engine(engine)
    with borrow_engine(name) as simulator:
        found = evaluate(simulator, circuit, conditions, dict(design))
    return Simulation(
        metrics=found.metrics,
        supply_current=found.supply_current,
        failure="; ".join(found.reasons),
        operating_point=_operating_point(found),
        bode=_bode(found),
        step=pd.DataFrame(found.step, columns=["time", "input", "output"]),
        netlist="\n".join(found.decks),
        engine=name,
        unchecked=UNCHECKED[name],
    )


Job = tuple[Mapping[str, float], Shifts | None]
_Row = tuple[list[float], float, str, dict[str, dict[str, float]]]


def run_jobs(
    circuit: Circuit,
    conditions: Conditions,
    todo: Sequence[Job],
    index: pd.Index,
    engine: str,
    jobs: int,
    progress: Progress | None,
) -> SimulationTable:
    """Simulate designs, each with or without mismatch, as joblib tasks of a few designs each."""
    name = choose_engine(engine)
    tasks = (
        joblib.delayed(_simulate_chunk)(circuit, conditions, todo[i : i + _CHUNK], name)
        for i in range(0, len(todo), _CHUNK)
    )
    results: list[_Row] = []
    for chunk in joblib.Parallel(n_jobs=jobs, return_as="generator")(tasks):
        results += chunk
        if progress is not None:
            progress(len(results), len(todo))
    return _table(circuit, index, results, name)


def _simulate_chunk(
    circuit: Circuit, conditions: Conditions, todo: Sequence[Job], engine: str
) -> list[_Row]:
    """Simulate some designs with the resident engine of this process."""
    results = []
    with borrow_engine(engine) as simulator:
        for design, shifts in todo:
            found = evaluate(simulator, circuit, conditions, design, shifts)
            metrics = [found.metrics[name] for name in circuit.metric_names]
            reasons = "; ".join(found.reasons)
            results.append((metrics, found.supply_current, reasons, found.devices))
    return results


def _table(circuit: Circuit, index: pd.Index, results: list[_Row], engine: str) -> SimulationTable:
    metrics = np.array([row[0] for row in results]).reshape(len(results), len(circuit.metrics))
    devices = [row[3] for row in results]
    return SimulationTable(
        metrics=pd.DataFrame(metrics, index=index, columns=circuit.metric_names),
        supply_current=pd.Series(
            [row[1] for row in results], index=index, name="supply_current", dtype=float
        ),
        failure=pd.Series([row[2] for row in results], index=index, name="failure", dtype=str),
        engine=engine,
        unchecked=UNCHECKED[engine],
        operating_points=operating_point_table(devices) if any(devices) else None,
    )


def _operating_point(found: Evaluation) -> pd.DataFrame | None:
    if not found.devices:
        return None
    table = pd.DataFrame.from_dict(found.devices, orient="index")[list(_SHOWN)]
    table.insert(0, "region", [gate.region(*row) for row in table[["vds", "vdsat"]].to_numpy()])
    table["gm_over_id"] = table["gm"] / table["id"].where(table["id"] > 0, math.nan)
    return table.rename_axis("device").reset_index()


def _bode(found: Evaluation) -> pd.DataFrame:
    if not found.loop:
        return pd.DataFrame(columns=["frequency", "gain", "phase"], dtype=float)
    response = found.loop["response"]
    return pd.DataFrame(
        {
            "frequency": found.loop["frequency"],
            "gain": 20.0 * np.log10(np.abs(response)),
            "phase": unwrapped_phase(response),
        }
    )
