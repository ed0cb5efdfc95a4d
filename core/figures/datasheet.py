"""A candidate as a page of Markdown that can go into a design review."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from core.circuits import Circuit
from core.figures.candidates import spec_sheet
from core.figures.quantity import quantities
from core.figures.testbench import measured_with
from core.inverse import Specification
from core.inverse.link import specification_to_text
from core.spice import Process


def datasheet(
    specification: Specification,
    candidate: Mapping[str, float],
    process: Process | None,
    simulated: Mapping[str, float] | None,
    failure: str = "",
) -> str:
    """Write sizes, specs, predicted and simulated values of one candidate.

    Args:
        specification: what was asked.
        candidate: a row of the candidates.
        process: process B; None where it is unknown.
        simulated: quantities by SPICE, stored units; None where it was not asked.
        failure: why SPICE finds no working amplifier; empty: it works, or was not asked.
    """
    circuit = specification.circuit
    sheet = spec_sheet(specification, candidate, simulated, failure).reset_index()
    where = "process unknown"
    if process is not None:
        where = f"{process.label}, corner tt, 27 °C; {measured_with(circuit, process)}"
    note = "Simulated in SPICE." if simulated else "\\* predicted; not simulated in SPICE."
    if failure:
        note = f"Simulated in SPICE: no working amplifier ({failure})."
    parts = [
        f"# {circuit.name}",
        f"{circuit.description}\n\nConditions: {where}.",
        "## Performance\n\n" + _markdown(sheet) + f"\n\n{note}",
        "## Sizes\n\n" + _markdown(size_table(circuit, candidate)),
        "## Devices\n\n" + _markdown(device_table(circuit, candidate)),
        f"Specification: `{specification_to_text(specification)}`",
    ]
    return "\n\n".join(parts) + "\n"


def size_table(circuit: Circuit, sizes: Mapping[str, float]) -> pd.DataFrame:
    """Return one row a design variable, as text."""
    shown = quantities(circuit)
    rows = [(v.label, shown[v.name].text(sizes[v.name]), v.description) for v in circuit.variables]
    return pd.DataFrame(rows, columns=["Variable", "Value", "Meaning"])


def device_table(circuit: Circuit, sizes: Mapping[str, float]) -> pd.DataFrame:
    """Return one row a transistor, as text."""
    rows = [
        (d.name, d.polarity.upper(), f"{sizes[d.width]:g} / {sizes[d.length]:g}", d.role)
        for d in circuit.devices
    ]
    return pd.DataFrame(rows, columns=["Device", "Type", "W / L [um]", "Role"])


def _markdown(table: pd.DataFrame) -> str:
    lines = ["| " + " | ".join(table.columns) + " |", "|" + "---|" * len(table.columns)]
    lines += ["| " + " | ".join(row) + " |" for row in table.astype(str).to_numpy().tolist()]
    return "\n".join(lines)
