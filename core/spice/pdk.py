"""Netlists for users of an installed PDK: its own devices instead of single model cards."""

from __future__ import annotations

from core.circuits import Circuit
from core.spice.netlist import (
    HUGE_CAPACITOR,
    HUGE_INDUCTOR,
    OPTIONS,
    Conditions,
    Design,
    bench,
    render,
    size,
)
from core.spice.process import Process

_CONTROL = """
.control
op
print v(out) i(Vdd)
ac dec 100 1m 10g
meas ac dc_gain find vm(out) at=1m
meas ac ugf when vdb(out)=0 fall=1
let phase_margin = 180 + 180/pi*cph(out)
meas ac phase_margin find phase_margin when vdb(out)=0 fall=1
quit
.endc"""


def pdk_netlist(
    circuit: Circuit,
    process: Process,
    design: Design,
    corner: str = "tt",
    pdk_root: str = "/usr/share/pdk",
) -> str:
    """Return a netlist for ngspice that calls the PDK's own devices, for users of the PDK.

    It holds the amplifier in its open loop; ``ngspice -b`` prints operating point, gain, unity-gain
    frequency and phase margin.

    Args:
        circuit: the circuit whose template is filled.
        process: whose devices and supply are used.
        design: value of each design variable, W and L in um, the rest in SI units.
        corner: a corner of the process.
        pdk_root: folder of the installed PDK; ngspice expands no variables in paths.
    """
    process.check_corner(corner)
    devices = {device.name: device for device in circuit.devices}
    unit = process.pdk["size_unit"]

    def transistor(name: str, *nodes: str) -> str:
        device = devices[name]
        width, length = float(design[device.width]), float(design[device.length])
        model = process.devices[device.polarity].model
        return f"X{name} {' '.join(nodes)} {model} {size(width, length, process.diffusion, unit)}"

    conditions = Conditions(process, corner, process.temperature, process.supply)
    table = bench(circuit, conditions)
    places = {"root": pdk_root, "corner": process.pdk["corners"][corner]}
    lines = [
        f"* {circuit.name} in {process.label}, corner {corner}",
        f"* The PDK is looked for in {pdk_root}: change the next lines where it is elsewhere.",
        *(line.format(**places) for line in process.pdk["include"]),
        "",
        render(circuit, design, transistor),
        "",
        "* Open loop: closed at DC through L1, open at AC.",
        f"Vdd vdd 0 DC {process.supply:.9g}",
        f"Vin inp 0 DC {table.common_mode:.9g} AC 1",
        "X1 inp inn out vdd amplifier",
        f"L1 out inn {HUGE_INDUCTOR:g}",
        f"C1 inn 0 {HUGE_CAPACITOR:g}",
        f"Cload out 0 {table.load:.9g}",
        f".options {OPTIONS} temp={process.temperature:.9g}",
        _CONTROL,
        ".end",
        "",
    ]
    return "\n".join(lines)
