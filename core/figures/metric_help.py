"""What each metric means and how it is measured, for tooltips and for reading."""

from __future__ import annotations

from collections.abc import Mapping

from core.circuits import Circuit
from core.figures.quantity import SUPPLY_CURRENT, Quantity, quantities
from core.units import engineering


def metric_meanings(circuit: Circuit) -> str:
    """Return a Markdown list of the metrics, then a line on the testbench they share."""
    shown = quantities(circuit)
    lines = [f"- {_meaning(shown[name])}" for name in [*circuit.metric_names, SUPPLY_CURRENT.name]]
    bench = bench_conditions(circuit)
    return "\n".join(lines) + (f"\n\n**Testbench:** {bench}" if bench else "")


def _meaning(quantity: Quantity) -> str:
    unit = "dB; in brackets V/V" if quantity.decibels else quantity.shown_unit
    return f"**{quantity.label}** [{unit}]: {quantity.help}"


def bench_conditions(circuit: Circuit) -> str:
    """Return the conditions of a circuit's testbench as one sentence; empty where none is stated.

    Load in F, CMRR frequency in Hz; step and common mode are shares of the supply voltage.
    """
    bench = circuit.testbench
    parts = []
    if "load" in bench:
        parts.append(f"{engineering(bench['load'], 'F')} at the output")
    if "step" in bench:
        parts.append(f"a step of {bench['step']:.0%} of VDD into the unity-gain buffer")
    if "cmrr_frequency" in bench:
        parts.append(f"CMRR at {engineering(bench['cmrr_frequency'], 'Hz')}")
    level = bench.get("common_mode")
    if isinstance(level, Mapping):
        shares = " and ".join(f"{share:.0%} of VDD in {name}" for name, share in level.items())
        parts.append(f"inputs at {shares}")
    elif level is not None:
        parts.append(f"inputs at {level:.0%} of VDD")
    text = "; ".join(parts).replace("%", " %")
    return f"{text}." if text else ""
