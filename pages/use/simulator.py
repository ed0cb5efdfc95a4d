"""Simulator: any sizes in SPICE, in one process or in both."""

from __future__ import annotations

import streamlit as st

from core.errors import CrossfabError
from core.figures.quantity import quantities
from core.figures.schematic import WIDTHS, schematic
from core.figures.sweep import sweep_chart, sweep_designs, sweep_gaps
from core.figures.tables import metric_rows
from core.figures.testbench import measured_with
from core.inverse import port_specification
from core.inverse.link import specification_to_text
from core.spice import Simulation, load_process, process_names
from core.training.run_store import RunStore
from pages.shell import loaders, spice
from pages.shell.metric_help import meanings_popover
from pages.shell.selection import Selection, current, leave_for
from pages.shell.spec_panel import WANTED
from pages.shell.widgets import CHART, INK, empty_state, show_fault, theme

DEFAULT_PAIR = ("sky130", "gf180mcu")
STATE = "simulator_design"


def letter(process: str) -> str:
    """Return A or B, whichever colour a process has wherever it is drawn; else its name."""
    return dict(zip(DEFAULT_PAIR, ("A", "B"), strict=True)).get(process, process)


def title(process: str, supply: float | None = None) -> str:
    """Return the label of a process behind its letter: the legends of the plots have no more.

    Args:
        supply: V, where it may be another than the process's own.
    """
    known = load_process(process)
    label = known.label
    if supply is not None and supply != known.supply:
        label = label.replace(f"{known.supply:g} V", f"{supply:g} V")
    return f"{letter(process)} · {label}" if letter(process) != process else label


def conditions(names: list[str]) -> tuple[list[str], str, float, dict[str, float | None]]:
    """Draw processes, corner, temperature and supplies; return what is chosen."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.pills(
            "Processes",
            names,
            selection_mode="multi",
            default=[name for name in DEFAULT_PAIR if name in names],
            format_func=title,
            key="simulator_processes",
            persist_state="session",
            help="A is drawn in blue, B in red; each with its nominal supply",
        )
        corner = st.segmented_control(
            "Corner",
            ["tt", "ff", "ss", "fs", "sf"],
            default="tt",
            required=True,
            key="simulator_corner",
            persist_state="session",
            help="First letter NMOS, second PMOS: typical, fast, slow",
        )
        temperature = st.number_input(
            "Temperature [°C]",
            -40.0,
            150.0,
            27.0,
            5.0,
            key="simulator_temperature",
            persist_state="session",
            width=150,
        )
        supplies: dict[str, float | None] = {}
        for name in chosen:
            nominal = load_process(name).supply
            supplies[name] = st.number_input(
                f"VDD of {name} [V]",
                0.5 * nominal,
                1.5 * nominal,
                nominal,
                0.05,
                format="%.2f",
                key=f"simulator_supply_{name}",
                persist_state="session",
                width=150,
            )
    return [name for name in names if name in chosen], corner, float(temperature), supplies


def sizes_panel(selection: Selection) -> dict[str, float]:
    """Draw one slider a variable; start from the design that another page has handed over."""
    shown = quantities(selection.circuit)
    handed = st.session_state.pop(STATE, None)
    first = loaders.first_sizes(selection.data, selection.circuit.id)
    sizes = {}
    for variable in selection.circuit.variables:
        key = f"simulator_{selection.circuit.id}_{variable.name}"
        if handed is not None and variable.name in handed:
            st.session_state[key] = float(variable.snap(handed[variable.name]))
        elif key not in st.session_state:
            st.session_state[key] = float(variable.snap(first[variable.name]))
        sizes[variable.name] = st.select_slider(
            f"{variable.label}: {variable.description}",
            variable.grid.tolist(),
            format_func=shown[variable.name].text,
            key=key,
            persist_state="session",
        )
    return sizes


def verdict(found: Simulation, label: str) -> str:
    """Return one line: whether the design works in a process, and why not."""
    if not found.failure:
        return f":green-badge[:material/check: works] **{label}** · {found.engine}"
    return f":orange-badge[:material/error: no working amplifier] **{label}** · {found.failure}"


def port_buttons(simulations: dict[str, Simulation], selection: Selection) -> None:
    """Offer to ask of the run's process what the amplifier does in another one."""
    if selection.run is None:
        return
    target = spice.target_process(RunStore(selection.run).config())
    for name, found in simulations.items():
        if name == target or found.failure:
            continue
        pressed = st.button(
            f"Port from {name}",
            key=f"simulator_port_{name}",
            icon=":material/move_down:",
            help=f"Find sizes in {target or 'process B'} that do at least what this amplifier does "
            f"in {name}: opens Design with these metrics as the specs",
        )
        if pressed:
            wanted = port_specification(selection.circuit, found.metrics)
            st.session_state[WANTED] = specification_to_text(wanted)
            leave_for("pages/use/design.py")


def results(
    simulations: dict[str, Simulation],
    selection: Selection,
    sizes: dict[str, float],
    supplies: dict[str, float | None],
) -> None:
    """Show metrics, responses, schematic and operating points of the simulated processes."""
    labels = {name: title(name, supplies[name]) for name in simulations}
    for name, found in simulations.items():
        st.markdown(verdict(found, labels[name]))
    port_buttons(simulations, selection)
    values = {labels[name]: {**found.metrics} for name, found in simulations.items()}
    table = metric_rows(selection.circuit, values)
    currents = [spice.current_text(found) for found in simulations.values()]
    table.loc["Supply current"] = currents
    st.dataframe(table, height="content", alt="Metrics in every process")
    measured = [
        f"{labels[name]}: {measured_with(selection.circuit, load_process(name), supplies[name])}."
        for name in simulations
    ]
    st.caption("  \n".join(measured))
    meanings_popover(selection.circuit, "simulator_meanings")
    spice.responses({letter(name): found for name, found in simulations.items()}, "simulator")
    drawing = schematic(selection.circuit, sizes, colour=INK[theme()])
    if drawing:
        st.markdown("**Schematic** · W/L in um")
        st.image(drawing, width=WIDTHS[selection.circuit.id], alt="Schematic with its sizes")
    for name, found in simulations.items():
        st.markdown(f"**Operating point**, {labels[name]}")
        spice.operating_point(found, f"simulator_point_{name}")
    netlist = st.expander("Netlist", key="simulator_netlist", on_change="rerun")
    if netlist.open:
        for name, found in simulations.items():
            netlist.markdown(f"**{labels[name]}**")
            netlist.code(found.netlist, language=None, height=300)


def sweep(
    selection: Selection,
    sizes: dict[str, float],
    processes: list[str],
    corner: str,
    temperature: float,
    supplies: dict[str, float | None],
) -> None:
    """Sweep one variable in every chosen process, on request."""
    shown = quantities(selection.circuit)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        variable = st.selectbox(
            "Sweep",
            selection.circuit.variable_names,
            format_func=lambda name: f"{shown[name].label}: {shown[name].help}",
            key="simulator_sweep_variable",
            width=360,
        )
        pressed = st.button("Sweep it", key="simulator_sweep", icon=":material/play_arrow:")
    marker = (variable, *sizes.items(), *processes, corner, temperature, *supplies.values())
    if pressed:
        st.session_state["simulator_swept"] = marker
    if st.session_state.get("simulator_swept") != marker:
        st.caption("The other sizes stay as they are on the left.")
        return
    designs = sweep_designs(selection.circuit, sizes, variable)
    tables = {}
    with st.spinner("Simulating"):
        for name in processes:
            try:
                metrics = spice.simulations(
                    selection.circuit.id, name, designs, corner, temperature, supplies[name]
                )
            except CrossfabError as error:
                show_fault(error, f"{load_process(name).label} cannot be simulated")
                continue
            tables[letter(name)] = designs[[variable]].join(metrics)
    if not tables:
        return
    st.plotly_chart(
        sweep_chart(tables, selection.circuit, variable, sizes[variable]),
        config=CHART,
        key="simulator_sweep_chart",
        alt=f"Metrics over {shown[variable].label}, one line a process",
    )
    st.caption(f"Dotted: the design on the left. {sweep_gaps(tables, selection.circuit)}")


@st.fragment
def workspace(selection: Selection) -> None:
    """Draw the whole page; a moved slider reruns this part alone."""
    names = process_names()
    ordered = [name for name in DEFAULT_PAIR if name in names]
    ordered += [name for name in names if name not in ordered]
    chosen, corner, temperature, supplies = conditions(ordered)
    left, right = st.columns([1, 2.35], gap="medium")
    with left, st.container(border=True):
        st.subheader("Sizes", anchor=False)
        sizes = sizes_panel(selection)
    with right:
        if not chosen:
            st.info("Pick at least one process above.")
            return
        simulations: dict[str, Simulation] = {}
        with st.spinner("Simulating"):
            for name in chosen:
                try:
                    simulations[name] = spice.simulation(
                        selection.circuit.id,
                        name,
                        sizes,
                        corner=corner,
                        temperature=temperature,
                        supply=supplies[name],
                    )
                except CrossfabError as error:
                    show_fault(error, f"{load_process(name).label} cannot be simulated")
        if simulations:
            results(simulations, selection, sizes, supplies)
            sweep(selection, sizes, list(simulations), corner, temperature, supplies)


selection = current()
if spice.engines():
    workspace(selection)
else:
    empty_state(
        "No SPICE engine works here",
        "Install the Python package `neospice`, or the shared library of ngspice "
        "(Debian: `libngspice0`), and start the dashboard again.",
    )
