"""The four testbenches of one design: operating point, both open loops, the buffer's step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from core.circuits import Circuit
from core.circuits.operating_point import QUANTITIES
from core.spice import gate
from core.spice.engines.worker import Analysis, Engine, EngineFailureError, Vectors
from core.spice.measurements import (
    OpenLoop,
    common_mode_rejection,
    open_loop,
    ripple,
    slew_rate,
)
from core.spice.netlist import (
    Amplifier,
    Conditions,
    Shifts,
    amplifier,
    bench,
    buffer_deck,
    loop_deck,
)

SWEEP = (20.0, 1e-3, 1e10)  # points a decade, Hz, Hz
_PARAMETERS = (*QUANTITIES, "vth", "vdsat")
_GROUND = "0"
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
    engine: Engine,
    circuit: Circuit,
    conditions: Conditions,
    design: Mapping[str, float],
    shifts: Shifts | None = None,
) -> Evaluation:
    """Run all testbenches on one design; a failing one leaves NaN and its reason.

    Args:
        engine: the simulator.
        circuit: what is simulated.
        conditions: process, corner, temperature and supply.
        design: value of each design variable, W and L in um, the rest in SI units.
        shifts: mismatch by device.
    """
    found = Evaluation(metrics=dict.fromkeys(circuit.metric_names, math.nan))
    sized = amplifier(circuit, conditions, design, shifts)
    bench_of_design = _Bench(engine, circuit, conditions, sized)
    loop = bench_of_design.measure_loop(found)
    if loop is not None and 0.0 < loop.phase_margin < 180.0:  # Others oscillate: no step response.
        bench_of_design.measure_step(loop, found)
    return found


@dataclass(frozen=True)
class _Bench:
    """One design on its testbenches."""

    engine: Engine
    circuit: Circuit
    conditions: Conditions
    sized: Amplifier

    def measure_loop(self, found: Evaluation) -> OpenLoop | None:
        """Operating point and both AC sweeps; None where one of them fails."""
        deck = loop_deck(self.circuit, self.conditions, self.sized)
        found.decks.append(deck)
        analyses = [
            Analysis("op", tuple(self._operating_vectors())),
            Analysis("ac", ("frequency", "out1", "out2"), SWEEP),
        ]
        try:
            point, sweep = self.engine.run(deck, analyses)
        except EngineFailureError as failure:
            found.reasons.append(failure.reason)
            if failure.done:
                self._judge_operating_point(failure.done[0], found)
            return None
        self._judge_operating_point(point, found)
        frequency, response = sweep["frequency"].real, sweep["out1"]
        loop = open_loop(frequency, response)
        wanted = bench(self.circuit, self.conditions).cmrr_frequency
        place = int(np.abs(frequency - wanted).argmin())
        cmrr = common_mode_rejection(complex(response[place]), complex(sweep["out2"][place]))
        found.loop = {"frequency": frequency, "response": response}
        found.metrics.update(
            dc_gain=loop.dc_gain, ugf=loop.ugf, phase_margin=loop.phase_margin, cmrr=cmrr
        )
        found.reasons += gate.loop_reasons(loop, cmrr)
        return loop

    def _operating_vectors(self) -> Iterator[str]:
        yield from ("out1", "vdd1#branch")
        if self.engine.reports_devices:
            for device in self.circuit.devices:
                for parameter in _PARAMETERS:
                    yield f"@m.x1.{device.name.lower()}[{parameter}]"
        else:
            inside = {node for nodes in self.sized.terminals.values() for node in nodes}
            yield from sorted(self._node(node) for node in inside - {_GROUND, "out"})

    @staticmethod
    def _node(inside: str) -> str:
        """Name of a node of the subcircuit in the first copy of the open loop."""
        outside = {"inp": "inp", "inn": "inn1", "out": "out1", "vdd": "vdd1"}
        return outside.get(inside, f"x1.{inside}")

    def _judge_operating_point(self, point: Vectors, found: Evaluation) -> None:
        found.supply_current = -float(point["vdd1#branch"][0])
        output, voltages = float(point["out1"][0]), bench(self.circuit, self.conditions)
        found.reasons += gate.output_reasons(output, voltages.common_mode, self.conditions.supply)
        if self.engine.reports_devices:
            found.devices = {d.name: _device_values(point, d.name) for d in self.circuit.devices}
            headroom = {name: values["headroom"] for name, values in found.devices.items()}
        else:
            headroom = dict(self._least_headroom(point))
        found.reasons += gate.device_reasons(headroom)

    def _least_headroom(self, point: Vectors) -> Iterator[tuple[str, float]]:
        """Vds less the least possible Vdsat, V, by device: all that node voltages can tell."""
        least = gate.least_saturation_voltage(self.conditions.temperature)
        volts = {name: float(values[0]) for name, values in point.items()}
        volts[self._node(_GROUND)] = 0.0
        for name, (drain, _, source, _) in self.sized.terminals.items():
            yield name, abs(volts[self._node(drain)] - volts[self._node(source)]) - least

    def measure_step(self, loop: OpenLoop, found: Evaluation) -> None:
        """Step response in a window as long as the loop is slow; a longer one if that rings."""
        height = bench(self.circuit, self.conditions).step
        try:
            step = self._run_step(_window(loop), found)
            if ripple(step["time"], step["output"]) > gate.RIPPLE_LIMIT:
                step = self._run_step(5 * _window(loop), found)
        except EngineFailureError as failure:
            found.reasons.append(failure.reason)
            return
        found.step = step
        moves = ripple(step["time"], step["output"])
        follow = (step["output"][-1] - step["output"][0]) / height
        found.reasons += gate.step_reasons(follow, moves)
        if moves <= gate.RIPPLE_LIMIT:  # Without an end value there is no swing, and no slew rate.
            found.metrics["slewrate_pos"] = slew_rate(step["time"], step["output"])

    def _run_step(self, length: float, found: Evaluation) -> Vectors:
        deck = buffer_deck(
            self.circuit, self.conditions, self.sized, delay=length / 100, rise=length / 1000
        )
        found.decks[1:] = [deck]
        analysis = Analysis("tran", ("time", "inp", "out"), (length / _STEPS, length))
        vectors = self.engine.run(deck, [analysis])[0]
        return {"time": vectors["time"], "input": vectors["inp"], "output": vectors["out"]}


def _device_values(point: Vectors, name: str) -> dict[str, float]:
    prefix = f"@m.x1.{name.lower()}"
    values = {parameter: float(point[f"{prefix}[{parameter}]"][0]) for parameter in _PARAMETERS}
    return {**values, "headroom": values["vds"] - values["vdsat"]}


def _window(loop: OpenLoop) -> float:
    """Time in which a step response ends, s.

    The loop's time constant is 1/(2 pi UGF). Slewing takes step * gm / I of them, at most ten for
    gm/I = 25/V; settling to 1 % another five, and 100/PM times as many where the loop rings.
    """
    time_constant = 1.0 / (2.0 * math.pi * loop.ugf)
    return float(time_constant * (20.0 + 500.0 / np.clip(loop.phase_margin, 10.0, 90.0)))
