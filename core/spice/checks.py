"""What is asked of a simulation before it starts: designs inside the models, sane conditions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from core.circuits import Circuit
from core.errors import InputError, suggest
from core.spice.netlist import Conditions
from core.spice.process import Process

_MOST_FAULTS = 10
_TEMPERATURES = (-55.0, 175.0)  # degrees Celsius; where the model cards still mean something


def make_conditions(
    process: Process, corner: str, temperature: float, supply: float | None
) -> Conditions:
    """Check corner, temperature (degrees Celsius) and supply (V) and put them together.

    Raises:
        InputError: one of them makes no sense for the process.
    """
    process.check_corner(corner)
    low, high = _TEMPERATURES
    if not low <= temperature <= high:
        raise InputError(f"Temperature {temperature:g} C: give a value from {low:g} to {high:g} C.")
    vdd = process.supply if supply is None else float(supply)
    if not 0.5 * process.supply <= vdd <= 1.5 * process.supply:
        raise InputError(
            f"Supply {vdd:g} V: {process.name} is a {process.supply:g} V process; give a value "
            f"from {0.5 * process.supply:g} to {1.5 * process.supply:g} V."
        )
    return Conditions(process, corner, float(temperature), vdd)


def check_designs(circuit: Circuit, process: Process, designs: pd.DataFrame) -> None:
    """Raise InputError with each design (n x d) that is outside the grid's bounds or the models."""
    missing = [name for name in circuit.variable_names if name not in designs.columns]
    if missing:
        raise InputError(
            f'Column "{name}" is missing in the designs of {circuit.id}.'
            + suggest(name, map(str, designs.columns))
            for name in missing
        )
    faults = [*_bound_faults(circuit, designs), *_bin_faults(circuit, process, designs)]
    if len(faults) > _MOST_FAULTS:
        faults = [*faults[:_MOST_FAULTS], f"There are {len(faults) - _MOST_FAULTS} more."]
    if faults:
        raise InputError(faults)


def _bound_faults(circuit: Circuit, designs: pd.DataFrame) -> Iterator[str]:
    for variable in circuit.variables:
        values = pd.to_numeric(designs[variable.name], errors="coerce")
        slack = 1e-9 * variable.maximum
        inside = values.between(variable.minimum - slack, variable.maximum + slack)
        for row in np.flatnonzero(~inside):
            yield (
                f'Row {row + 1}, column "{variable.name}": {designs[variable.name].iloc[row]} is '
                f"outside {variable.minimum:g} to {variable.maximum:g} {variable.unit}."
            )


def _bin_faults(circuit: Circuit, process: Process, designs: pd.DataFrame) -> Iterator[str]:
    sizes = {(device.polarity, device.width, device.length) for device in circuit.devices}
    for polarity, width, length in sorted(sizes):
        pairs = designs[[width, length]].apply(pd.to_numeric, errors="coerce").dropna()
        for w, size_l in pairs.drop_duplicates().itertuples(index=False):
            fault = process.size_fault(polarity, float(w), float(size_l))
            if fault:
                row = np.flatnonzero((designs[width] == w) & (designs[length] == size_l))[0]
                yield f'Row {row + 1}, columns "{width}" and "{length}": {fault}.'
