"""What a circuit is measured with, in words: load, input voltage and step."""

from __future__ import annotations

from core.circuits import Circuit
from core.spice import Process
from core.spice.checks import make_conditions
from core.spice.netlist import bench
from core.units import engineering


def measured_with(circuit: Circuit, process: Process, supply: float | None = None) -> str:
    """Write the testbench of a circuit in a process: ``load 1 pF, inputs at 2.64 V, step ...``.

    Args:
        supply: V; None: the process's own.

    Raises:
        InputError: the circuit has no testbench, or the supply makes no sense.
    """
    around = bench(circuit, make_conditions(process, "tt", process.temperature, supply))
    return (
        f"load {engineering(around.load, 'F')}, inputs at {engineering(around.common_mode, 'V')}, "
        f"step {engineering(around.step, 'V')}, CMRR at {engineering(around.cmrr_frequency, 'Hz')}"
    )
