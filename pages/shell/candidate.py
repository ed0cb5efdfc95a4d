"""One candidate of the design page: its schematic, its values, SPICE, files, what-if sliders."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import streamlit as st

from core.errors import CrossfabError
from core.figures import candidates as pictures
from core.figures.datasheet import datasheet
from core.figures.quantity import quantities
from core.figures.schematic import WIDTHS, schematic
from core.figures.testbench import measured_with
from core.inverse import DesignResult, judge, report
from core.inverse.link import specification_to_text
from core.saved_designs import SavedDesign
from core.spice import Simulation, load_process, pdk_netlist
from pages.shell import contribution, library_panel, models, spice
from pages.shell.copy_button import copy_button
from pages.shell.selection import leave_for
from pages.shell.widgets import INK, show_fault, theme

UNSEEN_IN_DATA = "\\* predicted by the model, not simulated yet."
SEEN_IN_DATA = "\\* known from the data, where it was simulated before; not verified here yet."


def simulated_values(found: Simulation, candidate: pd.Series, supply: float) -> dict[str, float]:
    """Return the simulated quantities of a candidate, power and area with them."""
    return {
        **found.metrics,
        "supply_current": found.supply_current,
        "power": found.supply_current * supply,
        "gate_area": candidate["gate_area"],
    }


def sizes_of(result: DesignResult, candidate: pd.Series) -> dict[str, float]:
    """Return the sizes of a candidate by variable."""
    names = result.specification.circuit.variable_names
    return {name: float(candidate[name]) for name in names}


def verified_sizes(circuit_id: str, process: str) -> list[dict[str, float]]:
    """Return the sizes that were verified in a process so far; the list may be added to."""
    everything = st.session_state.setdefault("design_verified", {})
    known: list[dict[str, float]] = everything.setdefault((circuit_id, process), [])
    return known


def verified_designs(circuit_id: str, process: str) -> pd.DataFrame:
    """Return what was verified so far as rows of a data set: sizes and what SPICE said."""
    rows = []
    for sizes in verified_sizes(circuit_id, process):
        found = spice.simulation(circuit_id, process, sizes)
        told = {"supply_current": found.supply_current, "failure": found.failure}
        rows.append({**sizes, **found.metrics, **told})
    return pd.DataFrame(rows)


def ask_spice(circuit_id: str, process: str, designs: list[dict[str, float]]) -> None:
    """Remember designs as verified: they are simulated when they are drawn."""
    known = verified_sizes(circuit_id, process)
    known += [sizes for sizes in designs if sizes not in known]


def spice_verdicts(result: DesignResult, process: str) -> list[str]:
    """Return PASS or FAIL of each candidate by SPICE; an empty text where it was not asked."""
    supply, values, failures = load_process(process).supply, {}, {}
    for number, (_, candidate) in enumerate(result.candidates.iterrows()):
        found = confirmed(result, candidate, process)
        if found is not None:
            values[number] = simulated_values(found, candidate, supply)
            failures[number] = found.failure
    verdicts = [""] * len(result.candidates)
    if values:
        table = pd.DataFrame.from_dict(values, orient="index")
        told = judge(result.specification, table, pd.Series(failures))
        for number, verdict in told["verdict"].items():
            verdicts[int(number)] = str(verdict)
    return verdicts


def confirmed(result: DesignResult, candidate: pd.Series, process: str) -> Simulation | None:
    """Return what SPICE says of a candidate, once it was asked."""
    circuit = result.specification.circuit
    sizes = sizes_of(result, candidate)
    if sizes not in verified_sizes(circuit.id, process):
        return None
    try:
        with st.spinner("Simulating"):
            return spice.simulation(circuit.id, process, sizes)
    except CrossfabError as error:
        show_fault(error, "SPICE did not run")
        return None


def as_saved(
    result: DesignResult, number: int, process: str, simulated: Mapping[str, float] | None
) -> SavedDesign:
    """Return a candidate as the library keeps it; until then it is numbered as in the table."""
    circuit, candidate = result.specification.circuit, result.candidates.iloc[number]
    quantities = [*circuit.metric_names, "supply_current", "gate_area"]
    return SavedDesign(
        circuit.id,
        sizes_of(result, candidate),
        specification_to_text(result.specification),
        {name: float(candidate[name]) for name in quantities},
        {name: float(simulated[name]) for name in quantities} if simulated else {},
        process,
        id=number + 1,
    )


def detail(result: DesignResult, number: int, process: str, run: Path) -> None:
    """Show one candidate: schematic, predicted and simulated values beside the specs."""
    circuit = result.specification.circuit
    candidate = result.candidates.iloc[number]
    sizes = sizes_of(result, candidate)
    slot = st.container()
    simulated = None
    with st.container(horizontal=True, vertical_alignment="center"):
        able = bool(process and spice.engines())
        unable = None if process else "Pick process B above the table first"
        everything = [sizes_of(result, row) for _, row in result.candidates.iterrows()]
        # By callbacks: what was asked is known before the table above is drawn.
        st.button(
            "Verify in SPICE",
            type="primary",
            key="design_verify",
            icon=":material/verified:",
            disabled=not able,
            help=unable or "Simulate this candidate",
            on_click=ask_spice,
            args=(circuit.id, process, [sizes]),
        )
        st.button(
            "Verify all",
            key="design_verify_all",
            icon=":material/done_all:",
            disabled=not able,
            help=unable or "Simulate every candidate of the table; the verdicts stand in it",
            on_click=ask_spice,
            args=(circuit.id, process, everything),
        )
        found = confirmed(result, candidate, process)
        if found is not None:
            simulated = simulated_values(found, candidate, load_process(process).supply)
        failure = found.failure if found is not None else ""
        downloads(result, number, process, simulated, failure)
        library_panel.save_button(as_saved(result, number, process, simulated))
        if found is not None:
            verified = verified_designs(circuit.id, process)
            contribution.add_button(circuit, run, process, verified)
    with slot:
        sheet = pictures.spec_sheet(result.specification, candidate, simulated, failure)
        verdicts = [column for column in sheet.columns if column.startswith("Verdict")]
        st.dataframe(
            sheet.style.map(pictures.verdict_style, subset=verdicts),
            height="content",
            alt="Predicted and simulated values beside the specs",
        )
        if found is None:
            st.caption(UNSEEN_IN_DATA if not candidate["known"] else SEEN_IN_DATA)
        elif failure:
            st.warning(f"No working amplifier: {failure}", icon=":material/error:")
    if found is not None:
        measured = measured_with(circuit, load_process(process))
        st.caption(f"Simulated in {load_process(process).label}: {measured}.")
        spice.responses({"Candidate": found}, "design")
    drawing = schematic(circuit, sizes, colour=INK[theme()])
    if drawing:
        st.markdown(f"**Candidate {number + 1}** · W/L in um")
        st.image(drawing, width=WIDTHS[circuit.id], alt=f"Schematic of candidate {number + 1}")
    else:
        st.dataframe(pd.Series(sizes, name="Size"), alt="Sizes")


def compare(result: DesignResult, process: str) -> None:
    """Draw up to four candidates side by side, with what SPICE has said of them so far."""
    circuit = result.specification.circuit
    most = library_panel.MOST_COMPARED
    numbers = st.multiselect(
        f"Candidates, up to {most}",
        list(range(1, len(result.candidates) + 1)),
        [1, 2],
        max_selections=most,
        key=f"design_compared_{len(result.candidates)}",
    )
    if not numbers:
        st.caption("Pick the candidates to compare.")
        return
    designs = []
    for number in numbers:
        candidate = result.candidates.iloc[number - 1]
        found = confirmed(result, candidate, process)
        simulated = found and simulated_values(found, candidate, load_process(process).supply)
        designs.append(as_saved(result, number - 1, process, simulated))
    library_panel.compared(designs, circuit, "candidates_compared")


def downloads(
    result: DesignResult,
    number: int,
    process: str,
    simulated: Mapping[str, float] | None,
    failure: str,
) -> None:
    """Draw the download buttons; each file is made when it is asked for."""
    circuit = result.specification.circuit
    candidate = result.candidates.iloc[number]
    name = f"{circuit.id}_candidate_{number + 1:02d}"
    st.download_button(
        "CSV",
        lambda: result.candidates.to_csv(index=False, float_format="%.6g"),
        "candidates.csv",
        "text/csv",
        key="design_csv",
        help="All candidates",
        on_click="ignore",
    )
    st.download_button(
        "JSON",
        lambda: json.dumps(report(result), indent=1),
        "report.json",
        "application/json",
        key="design_json",
        help="Specification, candidates and what cannot be met",
        on_click="ignore",
    )
    if process:
        sizes = sizes_of(result, candidate)
        netlist = pdk_netlist(circuit, load_process(process), sizes)
        st.download_button(
            "Netlist",
            netlist,
            f"{name}.cir",
            "text/plain",
            key="design_netlist",
            help="This candidate for ngspice with the installed PDK",
            on_click="ignore",
        )
        copy_button(
            "Copy netlist", netlist, "design_copy", hint="This candidate for ngspice, as a text"
        )
    st.download_button(
        "Datasheet",
        lambda: datasheet(
            result.specification,
            candidate,
            load_process(process) if process else None,
            simulated,
            failure,
        ),
        f"{name}.md",
        "text/markdown",
        key="design_datasheet",
        help="This candidate as a page of Markdown",
        on_click="ignore",
    )


def what_if(result: DesignResult, number: int, run: Path, model: str) -> None:
    """Draw sliders on the sizes of a candidate with live predictions."""
    circuit = result.specification.circuit
    shown = quantities(circuit)
    candidate = result.candidates.iloc[number]
    sizes = {}
    grid = st.grid(4, min_column_width=200)
    text = specification_to_text(result.specification)
    for variable in circuit.variables:
        key = f"design_what_if_{variable.name}_{number}_{text}"
        # Not as the slider's default: a capacitance of 2e-12 F would count as equal to any other.
        st.session_state.setdefault(key, float(variable.snap(candidate[variable.name])))
        with grid.cell():
            sizes[variable.name] = st.select_slider(
                f"{variable.label}: {variable.description}",
                variable.grid.tolist(),
                format_func=shown[variable.name].text,
                key=key,
            )
    st.caption("By the model alone, also where a design was simulated before.")
    predictor, bench = models.predictor(run, model), models.bench(run, model)
    row = pictures.predicted_row(predictor, bench, sizes, result.supply_voltage)
    sheet = pictures.spec_sheet(result.specification, row)
    st.dataframe(
        sheet.style.map(pictures.verdict_style, subset=["Verdict*"]),
        height="content",
        alt="Predictions of the changed sizes",
    )
    if st.button("Open in the simulator", key="design_open", icon=":material/show_chart:"):
        st.session_state["simulator_design"] = sizes
        leave_for("pages/use/simulator.py")
