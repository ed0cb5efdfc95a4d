"""The one-page datasheet: everything on it, nothing fetched."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pandas as pd
import pytest

from core.circuits import load_circuit
from core.figures.datasheet_page import datasheet_page, performance_table
from core.figures.response_svg import bode_svg, step_svg
from core.inverse import Goal, GoalKind, Specification, simulate_corners
from core.inverse.corners import standard_conditions
from core.spice import load_process, simulate_one

CIRCUIT = load_circuit("5t_opamp")
SIZES = {"w1": 20.0, "w2": 10.0, "w3": 8.0, "l1": 1.0, "l2": 1.0, "l3": 1.0, "ibias": 1e-5}
BROKEN = {"w1": 29.0, "w2": 0.5, "w3": 49.5, "l1": 1.0, "l2": 2.0, "l3": 1.0, "ibias": 1.5e-5}
SPECIFICATION = Specification(
    CIRCUIT, (Goal("dc_gain", GoalKind.MIN, 100.0), Goal("ugf", GoalKind.RANGE, 1e6, 2e6))
)


def corners(gains: list[float], margins: list[float]) -> pd.DataFrame:
    quantities = [*CIRCUIT.metric_names, "supply_current", "power", "gate_area"]
    table = pd.DataFrame({name: [1.5e6] * len(gains) for name in quantities})
    held = ["PASS" if margin >= 0 else "FAIL" for margin in margins]
    return table.assign(
        **{"dc_gain": gains, "dc_gain >= margin": margins, "dc_gain >=": held},
        **dict.fromkeys(("ugf >=", "ugf <="), "PASS"),
        condition=["tt 27C 3.3V", "ff 125C 2.97V", "ss -40C 3.63V"],
    )


def test_a_row_tells_smallest_typical_and_largest_and_where_it_fails() -> None:
    table = performance_table(SPECIFICATION, corners([200.0, 80.0, 90.0], [100.0, -20.0, -10.0]))
    row = table.set_index("Quantity").loc["DC gain"]
    assert row[["Min", "Typ", "Max"]].tolist() == ["38.1 dB", "46.0 dB", "46.0 dB"]
    assert row["Typical"] == "PASS"
    assert row["All conditions"] == "FAIL in 2, worst ff 125C 2.97V"


def test_a_condition_that_could_not_be_measured_is_the_worst() -> None:
    nothing = float("nan")
    table = performance_table(
        SPECIFICATION, corners([200.0, 80.0, nothing], [100.0, -20.0, -1.0]).replace(-1.0, nothing)
    )
    row = table.set_index("Quantity").loc["DC gain"]
    assert row["All conditions"] == "FAIL in 2, worst ss -40C 3.63V"


def test_the_plots_are_bare_svg_of_a_few_kilobytes() -> None:
    sweep = pd.DataFrame({"frequency": [1.0, 1e3, 1e6], "gain": [40.0, 20.0, -40.0], "phase": 0.0})
    step = pd.DataFrame({"time": [0.0, 1e-6], "input": [1.0, 1.1], "output": [1.0, 1.1]})
    for text, word in ((bode_svg(sweep), "Gain [dB]"), (step_svg(step), "output")):
        assert word in "".join(ElementTree.fromstring(text).itertext())
        assert len(text) < 60_000


@pytest.mark.ngspice
@pytest.mark.parametrize("sizes", [SIZES, BROKEN], ids=["working", "broken"])
def test_the_page_stands_alone_also_where_the_circuit_does_not_work(sizes: dict) -> None:
    process = load_process("gf180mcu")
    found = simulate_corners(
        SPECIFICATION,
        pd.DataFrame([sizes]),
        process,
        conditions=standard_conditions(process)[:2],
        engine="ngspice",
    )
    typical = simulate_one(CIRCUIT, process, sizes, engine="ngspice")
    page = datasheet_page(SPECIFICATION, sizes, process, typical, found.table)
    assert ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>"))
    assert not re.search(r"(?:src|href)=\"(?!#)|url\((?!#)|@import|<script", page)
    assert page.count("<svg") + page.count("Not measured") == 3
    for device in CIRCUIT.devices:
        assert f">{device.name}<" in page
    assert "FAIL at the typical condition" in page
    assert ("gain below 1" in page) == (sizes is BROKEN)
    assert len(page) < 200_000
