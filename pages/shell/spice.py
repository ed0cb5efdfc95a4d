"""SPICE on the pages: cached simulations and the pictures of one."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from core.circuits import load_circuit
from core.figures import style
from core.figures.quantity import SUPPLY_CURRENT
from core.figures.response import bode, step_response
from core.figures.tables import operating_point_table
from core.spice import (
    SATURATION_MARGIN,
    Simulation,
    available_engines,
    load_process,
    process_names,
    simulate,
    simulate_one,
)
from pages.shell.panel_chart import HINT, panel_chart

POINT_HELP = {
    "ID [uA]": "Drain current",
    "gm [uS]": "Transconductance: by how much ID grows with VGS",
    "gds [uS]": "Output conductance: by how much ID grows with VDS",
    "VGS [mV]": "Gate to source",
    "VDS [mV]": "Drain to source",
    "Vth [mV]": "Threshold voltage, with body effect",
    "VDsat [mV]": "VDS above which the transistor saturates",
    "Headroom [mV]": f"VDS less VDsat: saturated from {1e3 * SATURATION_MARGIN:g} mV on",
    "gm/ID [1/V]": "Efficiency: about 5 in strong, 10 to 20 in moderate, 25 in weak inversion",
}
OUT_OF_SATURATION = f"color: {style.FAIL}; font-weight: 600"
REGION_HELP = (
    "saturation is where a transistor amplifies: |VDS| is above its limit by a headroom of "
    f"{1e3 * SATURATION_MARGIN:g} mV at least"
)


def simulation(
    circuit_id: str,
    process: str,
    design: Mapping[str, float],
    *,
    corner: str = "tt",
    temperature: float = 27.0,
    supply: float | None = None,
) -> Simulation:
    """Simulate one design, or return what was simulated before.

    Raises:
        InputError: a size outside the process's models. SimulationError: no engine can run.
    """
    sizes = tuple((name, float(value)) for name, value in design.items())
    return _simulation(circuit_id, process, sizes, corner, temperature, supply)


@st.cache_resource(max_entries=512, show_spinner=False)
def _simulation(
    circuit_id: str,
    process: str,
    sizes: tuple[tuple[str, float], ...],
    corner: str,
    temperature: float,
    supply: float | None,
) -> Simulation:
    return simulate_one(
        load_circuit(circuit_id),
        load_process(process),
        dict(sizes),
        corner=corner,
        temperature=temperature,
        supply=supply,
    )


@st.cache_data(max_entries=64, show_spinner=False)
def simulations(
    circuit_id: str,
    process: str,
    designs: pd.DataFrame,
    corner: str,
    temperature: float,
    supply: float | None,
) -> pd.DataFrame:
    """Return the metrics of a few designs."""
    table = simulate(
        load_circuit(circuit_id),
        load_process(process),
        designs,
        corner=corner,
        temperature=temperature,
        supply=supply,
    )
    return table.metrics


@st.cache_resource(show_spinner=False)
def engines() -> list[str]:
    """Names of the SPICE engines that work here; probed once."""
    return available_engines()


def target_process(config: Mapping[str, object]) -> str:
    """Name of process B of a run, from its config; empty where it cannot be simulated."""
    name = str(config.get("target_process", ""))
    return name if name in process_names() else ""


def responses(simulations: Mapping[str, Simulation], key: str) -> None:
    """Draw Bode plot and step response of one simulation or several."""
    left, right = st.columns(2)
    with left:
        st.markdown("**Bode plot**, loop open at AC")
        sweeps = {name: found.bode for name, found in simulations.items() if len(found.bode)}
        if sweeps:
            panel_chart(bode(sweeps), f"{key}_bode")
        else:
            st.caption("The AC sweep gave no result.")
    with right:
        st.markdown("**Step response**, unity-gain buffer")
        steps = {name: found.step for name, found in simulations.items() if len(found.step)}
        if steps:
            panel_chart(step_response(steps), f"{key}_step")
        else:
            st.caption("The transient gave no result.")
    st.caption(HINT)


def current_text(found: Simulation) -> str:
    """Return the supply current of a simulation as text."""
    return SUPPLY_CURRENT.text(found.supply_current)


def operating_point(found: Simulation, key: str) -> None:
    """Show the operating point of every transistor."""
    table = found.operating_point
    if table is None:
        st.caption(f"{found.engine} reports no operating point. {found.unchecked}")
        return
    view = operating_point_table(table)
    out = table["region"] != "saturation"
    st.dataframe(
        view.style.apply(
            lambda _: [OUT_OF_SATURATION if row else "" for row in out],
            subset=["Device", "Region", "Headroom [mV]"],
        ).format("{:.4g}", subset=list(POINT_HELP)),
        hide_index=True,
        height="content",
        key=key,
        column_config={
            "Region": st.column_config.TextColumn(help=REGION_HELP),
            **{
                head: st.column_config.NumberColumn(format="%.4g", help=meaning)
                for head, meaning in POINT_HELP.items()
            },
        },
        alt="Operating point of every transistor",
    )
