"""One-shot gm/Id sizing by ``circuitgenome``, which ships lookup tables of gf180mcu.

It reads our netlists and sizes for lower bounds on gain, UGF, phase margin, slew rate and CMRR and
an upper bound on power, at a bias current that the designer gives; it knows neither gate area nor
upper bounds on metrics, so of a band it sees the lower end. It gets every bias current of the grid,
the smallest first: four designs a specification, rounded to the grid, no prior data, no feedback.
The nulling resistor, which it leaves open, is 1/gm of the second stage at gm/Id = 10 per volt.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import pandas as pd

from benchmarks.inverse.specs import PROCESS
from benchmarks.inverse.trial import Trial
from core.inverse.goals import SUPPLY_CURRENT
from core.spice import load_process

FIRST_STAGE = """
m1_input_pair mirror in1 tail gnd! nmos
m2_input_pair {first} in2 tail gnd! nmos
m1_load mirror mirror vdd! vdd! pmos
m2_load {first} mirror vdd! vdd! pmos
m1_tail_current ibias ibias gnd! gnd! nmos
m2_tail_current tail ibias gnd! gnd! nmos"""
SECOND_STAGE = """
m1_second_stage out first vdd! vdd! pmos
m2_second_stage out ibias gnd! gnd! nmos
r1_compensation first zero 1k
c1_compensation zero out 1p"""
HEAD = ".subckt amplifier ibias in1 in2 out vdd! gnd!"
NETLISTS = {
    "5t_opamp": ("one_stage_opamp", HEAD + FIRST_STAGE.format(first="out")),
    "two_stage_opamp": (
        "two_stage_opamp_single_ended",
        HEAD + FIRST_STAGE.format(first="first") + SECOND_STAGE,
    ),
}
SIZED = {
    "1": "m1_input_pair",
    "2": "m1_load",
    "3": "m1_tail_current",
    "4": "m1_second_stage",
    "5": "m2_second_stage",
}
TRANSCONDUCTANCE_EFFICIENCY = 10.0  # 1/V


def one_shot(trial: Trial) -> None:
    """Simulate what the sizing gives at each bias current."""
    for current in trial.bench.circuit.variable("ibias").grid:
        trial.simulate(sized(trial, float(current)))


def sized(trial: Trial, current: float) -> pd.DataFrame:
    """The design (1 x d) on the grid for a bias current, A."""
    from circuitgenome.sizer import SizingSpec, size_circuit

    circuit = trial.bench.circuit
    least: dict[str, float] = {}
    power = None
    supply = load_process(PROCESS).supply
    for requirement in trial.specification.requirements:
        if requirement.sign > 0:
            least[requirement.quantity] = requirement.bound
        elif requirement.quantity == SUPPLY_CURRENT:
            power = requirement.bound * supply
    parsed, recognised, slots, topology, technology = _recognised(circuit.id)
    found = size_circuit(
        parsed,
        recognised,
        slots,
        topology,
        technology,
        SizingSpec(
            vdd=supply,
            vss=0.0,
            ibias=current,
            cl=float(circuit.testbench["load"]),
            gain_min_db=_decibels(least.get("dc_gain")),
            gbw_min_hz=least.get("ugf"),
            phase_margin_min_deg=least.get("phase_margin"),
            slew_rate_min_vps=least.get("slewrate_pos"),
            cmrr_min_db=_decibels(least.get("cmrr")),
            power_max_w=power,
        ),
    )
    sizes = {"ibias": current}
    for digit, device in SIZED.items():
        if device in found.transistors:
            sizes[f"w{digit}"] = found.transistors[device].w_um
            sizes[f"l{digit}"] = found.transistors[device].l_um
    if found.cc_pf is not None:
        second = found.transistors["m1_second_stage"].ids_a
        sizes |= {
            "cc": found.cc_pf * 1e-12,
            "cr": 1.0 / (TRANSCONDUCTANCE_EFFICIENCY * second),
        }
    return circuit.snap(pd.DataFrame([sizes])[circuit.variable_names])


@lru_cache(maxsize=2)
def _recognised(circuit_id: str) -> tuple[Any, ...]:
    from circuitgenome.recognizer import assign_slots, parse, recognize
    from circuitgenome.sizer import load_tech
    from circuitgenome.synthesizer.loader import load_topologies

    name, netlist = NETLISTS[circuit_id]
    (topology,) = (one for one in load_topologies() if one.name == name)
    parsed = parse(f"{netlist}\n.ends\n")
    recognised = recognize(parsed)
    return (parsed, recognised, assign_slots(recognised, topology), topology, load_tech(PROCESS))


def _decibels(gain: float | None) -> float | None:
    return None if gain is None else 20.0 * math.log10(gain)
