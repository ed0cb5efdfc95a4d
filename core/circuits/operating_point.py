"""What a simulator says of each transistor at the operating point, and its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

VOLTAGES = ("vgs", "vds", "vbs")
CONDUCTANCES = ("gm", "gds", "gmbs")
# dQ/dV of gate, drain and bulk charge by gate, drain and source voltage; the rest of the matrix
# follows by conservation of charge. Then the junctions of drain and source.
CHARGES = ("cgg", "cgd", "cgs", "cdg", "cdd", "cds", "cbg", "cbd", "cbs")
JUNCTIONS = ("capbd", "capbs")
SUBSTRATE = "isub"  # From drain to bulk: what hot carriers tear loose.
QUANTITIES = ("id", *CONDUCTANCES, *VOLTAGES, *CHARGES, *JUNCTIONS, SUBSTRATE)
KEYS = ("row", "device")
FILE = "target_operating_points.csv"  # in a data set's folder of process B


def operating_point_table(devices: Sequence[Mapping[str, Mapping[str, float]]]) -> pd.DataFrame:
    """A row a device and design: ``row`` (position of the design), ``device``, ``QUANTITIES``.

    SI units, as SPICE reports them: a PMOS's voltages and current with their signs turned.

    Args:
        devices: per design the values by device; empty where it has none.
    """
    rows = [
        (row, name, *(values[quantity] for quantity in QUANTITIES))
        for row, table in enumerate(devices)
        for name, values in table.items()
    ]
    return pd.DataFrame(rows, columns=[*KEYS, *QUANTITIES])
