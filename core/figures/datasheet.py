"""A candidate as a page of Markdown that can go into a design review."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from core.figures.candidates import spec_sheet
from core.figures.quantity import quantities
from core.inverse import Specification
from core.inverse.link import specification_to_text
from core.spice import Process


def datasheet(
    specification: Specification,
    candidate: Mapping[str, float],
    process: Process | None,
    simulated: Mapping[str, float] | None,
) -> str:
    """Write sizes, specs, predicted and simulated values of one candidate.

    Args:
        specification: what was asked.
        candidate: a row of the candidates.
        process: process B; None where it is unknown.
        simulated: quantities by SPICE, stored units; None where it was not asked.
    """
    circuit = specification.circuit
    shown = quantities(circuit)
    sizes = [
        (v.label, shown[v.name].text(candidate[v.name]), v.description) for v in circuit.variables
    ]
    devices = [
        (d.name, d.polarity.upper(), f"{candidate[d.width]:g} / {candidate[d.length]:g}", d.role)
        for d in circuit.devices
    ]
    sheet = spec_sheet(specification, candidate, simulated).reset_index()
    where = "process unknown" if process is None else f"{process.label}, corner tt, 27 °C"
    note = "Simulated in SPICE." if simulated else "\\* predicted; not simulated in SPICE."
    parts = [
        f"# {circuit.name}",
        f"{circuit.description}\n\nConditions: {where}.",
        "## Performance\n\n"
        + _table(list(sheet.columns), sheet.to_numpy().tolist())
        + f"\n\n{note}",
        "## Sizes\n\n" + _table(["Variable", "Value", "Meaning"], sizes),
        "## Devices\n\n" + _table(["Device", "Type", "W / L [um]", "Role"], devices),
        f"Specification: `{specification_to_text(specification)}`",
    ]
    return "\n\n".join(parts) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    frame = pd.DataFrame([list(row) for row in rows], columns=list(head)).astype(str)
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in frame.to_numpy().tolist()]
    return "\n".join(lines)
