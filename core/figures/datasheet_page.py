"""A verified candidate as one HTML page: text and SVG alone, nothing is fetched from anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd

from core.figures import style
from core.figures.candidates import goal_text, verdict
from core.figures.datasheet import device_table, size_table
from core.figures.quantity import quantities
from core.figures.response_svg import bode_svg, step_svg
from core.figures.schematic import schematic
from core.inverse import Goal, GoalKind, Specification
from core.inverse.link import specification_to_text
from core.spice import Process, Simulation

TEMPLATE = Path(__file__).with_name("datasheet.html")
INK = "#1f2937"
NOT_RUN = "Not measured: no working amplifier."


def datasheet_page(
    specification: Specification,
    sizes: Mapping[str, float],
    process: Process,
    typical: Simulation,
    corners: pd.DataFrame,
) -> str:
    """Write specs, smallest, typical and largest values, schematic, Bode plot and step response.

    Args:
        specification: what was asked.
        sizes: value of every design variable, stored units.
        process: process B.
        typical: the simulation at the typical condition.
        corners: one row a condition, the typical one first, such as ``CornerTable.table`` of one
            candidate.
    """
    circuit = specification.circuit
    drawing = schematic(circuit, sizes, colour=INK)
    return _template().render(
        title=f"{circuit.name} in {process.label}",
        description=circuit.description,
        verdict=_verdict(corners),
        performance=performance_table(specification, corners),
        conditions=(
            f"Simulated in SPICE ({typical.engine}) in {len(corners)} conditions of {process.name}:"
            f" {corners['condition'].iloc[0]} (Typ), and every corner, supply and temperature of"
            f" the sign-off (Min, Max). {typical.unchecked}"
        ),
        schematic=drawing or "This circuit has no drawing.",
        sizes=size_table(circuit, sizes).drop(columns="Meaning"),
        devices=_devices(specification, sizes, typical),
        bode=bode_svg(typical.bode) if len(typical.bode) else NOT_RUN,
        step=step_svg(typical.step) if len(typical.step) else NOT_RUN,
        specification=specification_to_text(specification),
        pass_colour=style.PASS,
        fail_colour=style.FAIL,
    )


def performance_table(specification: Specification, corners: pd.DataFrame) -> pd.DataFrame:
    """Return one row a quantity, as text: spec, Min, Typ, Max and the verdicts on Typ and all."""
    shown = quantities(specification.circuit)
    goals = {goal.quantity: goal for goal in specification.goals}
    rows = []
    for name in [*specification.circuit.metric_names, "supply_current", "power", "gate_area"]:
        quantity, values = shown[name], corners[name]
        needed = [item for item in specification.requirements if item.quantity == name]
        rows.append(
            {
                "Quantity": quantity.label,
                "Spec": goal_text(goals.get(name, Goal(name, GoalKind.IGNORE)), quantity),
                "Min": quantity.text(values.min()),
                "Typ": quantity.text(values.iloc[0]),
                "Max": quantity.text(values.max()),
                "Typical": verdict(needed, quantity, values.iloc[0]),
                "All conditions": _all_conditions([item.name for item in needed], corners),
            }
        )
    return pd.DataFrame(rows)


def _all_conditions(requirements: list[str], corners: pd.DataFrame) -> str:
    if not requirements:
        return ""
    held = (corners[requirements] == "PASS").all(axis=1)
    if held.all():
        return "PASS"
    worst = corners[[f"{name} margin" for name in requirements]].min(axis=1)[~held]
    # A condition in which nothing could be measured has no margin, and is the worst.
    where = worst.index[worst.isna()][0] if worst.isna().any() else worst.idxmin()
    return f"FAIL in {int((~held).sum())}, worst {corners.loc[where, 'condition']}"


def _verdict(corners: pd.DataFrame) -> str:
    first = corners.iloc[0]
    if first["verdict"] != "PASS":
        reason = f": {first['failure']}" if first["failure"] else ""
        return f"FAIL at the typical condition{reason}"
    held = int((corners["verdict"] == "PASS").sum())
    return f"PASS at the typical condition; everything holds in {held} of {len(corners)} conditions"


def _devices(
    specification: Specification, sizes: Mapping[str, float], typical: Simulation
) -> pd.DataFrame:
    """Return the devices with their operating point, where the engine reports it, as text."""
    table = device_table(specification.circuit, sizes)
    point = typical.operating_point
    if point is None:
        return table
    found = point.set_index("device").reindex(table["Device"]).reset_index()
    shown = found["id"].map(lambda value: "–" if np.isnan(value) else f"{1e6 * value:.3g}")
    return table.assign(
        **{
            "Id [uA]": shown,
            "gm/Id [1/V]": found["gm_over_id"].map("{:.3g}".format),
            "Headroom [V]": found["headroom"].map("{:.3f}".format),
            "Region": found["region"].fillna("–"),
        }
    )


@lru_cache(maxsize=1)
def _template() -> jinja2.Template:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=True)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
