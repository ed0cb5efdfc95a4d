"""The four testbenches of one design: operating point, both open loops, the buffer's step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from core.circuits import Circuit
from core.spice import gate
from core.spice.engines.worker import Analysis, Engine, EngineFailureError, Vectors
from core.spice.measurements import (
    OpenLoop,
    common_mode_rejection,
    open_loop,
    ripple,
    slew_rate,
)
from core.spice.netlist import Conditions, amplifier, bench, buffer_deck, loop_deck

SWEEP = (20.0, 1e-3, 1e10)  # points a decade, Hz, Hz
_PARAMETERS = ("id", "gm", "gds", "vth", "vgs", "vds", "vdsat")
_STEPS = 250  # smallest number of time steps of a transient


@dataclass
class Evaluation:
    """All that the testbenches found out about one design; filled bench by bench.

    Attributes:
        metrics: the five figures in SI units; NaN where not measured.
        supply_current: from VDD at the operating point, A.
        reasons: why the design is no valid amplifier; empty for a valid one.
        devices: operating-point values by device name; empty where the engine reports none.
        loop: vectors ``frequency`` (Hz) and ``response`` (complex, V/V).
        step: vectors ``time`` (s), ``input`` and ``output`` (V).
        decks: the netlists that were run.
    """

    metrics: dict[str, float]
    supply_current: float = math.nan
    reasons: list[str] = field(default_factory=list)
    devices: dict[str, dict[str, float]] = field(default_factory=dict)
    loop: Vectors = field(default_factory=dict)
    step: Vectors = field(default_factory=dict)
    decks: list[str] = field(default_factory=list)


def evaluate(
    engine: Engine, circuit: Circuit, conditions: Conditions, design: Mapping[str, float]
) -> Evaluation:
    """Run all testbenches on one design; a failing one leaves NaN and its reason."""
    found = Evaluation(metrics=dict.fromkeys(circuit.metric_names, math.nan))
    text = amplifier(circuit, conditions, design)
    loop = _measure_loop(engine, circuit, conditions, text, found)
    if loop is not None and 0.0 < loop.phase_margin < 180.0:  # Others oscillate: no step response.
        _measure_step(engine, circuit, conditions, text, loop, found)
    return found


def _measure_loop(
    engine: Engine, circuit: Circuit, conditions: Conditions, text: str, found: Evaluation
) -> OpenLoop | None:
    """Operating point and both AC sweeps; None where the operating point has none."""
    deck = loop_deck(circuit, conditions, text)
    found.decks.append(deck)
    analyses = [
        Analysis("op", tuple(_operating_vectors(engine, circuit))),
        Analysis("ac", ("frequency", "out1", "out2"), SWEEP),
    ]
    try:
        point, sweep = engine.run(deck, analyses)
    except EngineFailureError as failure:
        found.reasons.append(failure.reason)
        if not failure.done:
            return None
        _judge_operating_point(engine, circuit, conditions, failure.done[0], found)
        return None
    _judge_operating_point(engine, circuit, conditions, point, found)
    frequency, response = sweep["frequency"].real, sweep["out1"]
    loop = open_loop(frequency, response)
    cmrr = common_mode_rejection(response[0], sweep["out2"][0])
    found.loop = {"frequency": frequency, "response": response}
    found.metrics.update(
        dc_gain=loop.dc_gain, ugf=loop.ugf, phase_margin=loop.phase_margin, cmrr=cmrr
    )
    found.reasons += gate.loop_reasons(loop, cmrr)
    return loop


def _operating_vectors(engine: Engine, circuit: Circuit) -> Iterator[str]:
    yield "out1"
    yield "vdd1#branch"
    if engine.reports_devices:
        for device in circuit.devices:
            for parameter in _PARAMETERS:
                yield f"@m.x1.{device.name.lower()}[{parameter}]"


def _judge_operating_point(
    engine: Engine, circuit: Circuit, conditions: Conditions, point: Vectors, found: Evaluation
) -> None:
    found.supply_current = -float(point["vdd1#branch"][0])
    output, table = float(point["out1"][0]), bench(circuit, conditions)
    found.reasons += gate.output_reasons(output, table.common_mode, conditions.supply)
    if engine.reports_devices:
        for device in circuit.devices:
            prefix = f"@m.x1.{device.name.lower()}"
            values = {name: float(point[f"{prefix}[{name}]"][0]) for name in _PARAMETERS}
            values["headroom"] = values["vds"] - values["vdsat"]
            found.devices[device.name] = values
        headroom = pd.Series({name: row["headroom"] for name, row in found.devices.items()})
        found.reasons += gate.device_reasons(headroom)


def _measure_step(
    engine: Engine,
    circuit: Circuit,
    conditions: Conditions,
    text: str,
    loop: OpenLoop,
    found: Evaluation,
) -> None:
    """Step response in a window that follows the loop's speed; a second, longer one if it rings."""
    table = bench(circuit, conditions)
    window = _window(loop)
    for length in (window, 5 * window):
        try:
            step = _run_step(engine, circuit, conditions, text, length, found)
        except EngineFailureError as failure:
            found.reasons.append(failure.reason)
            return
        moves = ripple(step["time"], step["output"])
        if moves <= gate.RIPPLE_LIMIT:
            break
    found.step = step
    follow = (step["output"][-1] - step["output"][0]) / table.step
    found.reasons += gate.step_reasons(follow, moves)
    if moves <= gate.RIPPLE_LIMIT:  # Without an end value there is no swing, and no slew rate.
        found.metrics["slewrate_pos"] = slew_rate(step["time"], step["output"])


def _window(loop: OpenLoop) -> float:
    """Time in which a step response ends, s.

    The loop's time constant is 1/(2 pi UGF). Slewing takes step * gm / I of them, at most ten for
    gm/I = 25/V; settling to 1 % another five, and 100/PM times as many where the loop rings.
    """
    time_constant = 1.0 / (2.0 * math.pi * loop.ugf)
    return time_constant * (20.0 + 500.0 / np.clip(loop.phase_margin, 10.0, 90.0))


def _run_step(
    engine: Engine,
    circuit: Circuit,
    conditions: Conditions,
    text: str,
    length: float,
    found: Evaluation,
) -> Vectors:
    deck = buffer_deck(circuit, conditions, text, delay=length / 100, rise=length / 1000)
    found.decks[1:] = [deck]
    analysis = Analysis("tran", ("time", "inp", "out"), (length / _STEPS, length))
    vectors = engine.run(deck, [analysis])[0]
    return {"time": vectors["time"], "input": vectors["inp"], "output": vectors["out"]}
