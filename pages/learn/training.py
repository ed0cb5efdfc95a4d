"""Training: start a run, watch it, compare it with others."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from core.config import PRESETS, STAGES, SettingDescription, TrainingConfig, describe, preset
from core.errors import CrossfabError
from core.figures.curves import epochs_table, loss_curves, term_name
from core.figures.model_names import model_help, model_name
from core.figures.runs import runs_table
from core.training import jobs
from core.training.archive import run_archive
from core.training.progress import (
    Progress,
    StageState,
    progress_of,
    usual_seconds,
    whole_seconds_left,
)
from core.training.run_store import RunState, RunStatus, RunStore
from core.units import duration
from pages.shell import places
from pages.shell.selection import FRESH_RUN, Selection, current
from pages.shell.widgets import MOMENT, empty_state, faults_shown, show_fault

POLL = 1.0  # s, while a run works
IDLE_POLL = 4.0  # s, while none does: another process may start one
LATEST = "Latest"  # the stage that a run is at
SHOWN = "training_runs"  # key and URL parameter of the runs that are looked at
STATES = {
    RunState.QUEUED: (":gray-badge[:material/hourglass: queued]", "waiting for its process"),
    RunState.RUNNING: (":blue-badge[:material/play_arrow: running]", "working"),
    RunState.DONE: (":green-badge[:material/check: done]", "finished"),
    RunState.FAILED: (":orange-badge[:material/error: failed]", "stopped by a fault"),
    RunState.CANCELLED: (":gray-badge[:material/block: cancelled]", "stopped by a person"),
    RunState.LOST: (":orange-badge[:material/link_off: lost]", "its process is gone"),
}
PRESET_HELP = {
    "default": "The recipe that measured best on the bundled data.",
    "reference": "The published recipe with its own numbers.",
    "quick": "A short run to try things out.",
}


def setting_input(row: SettingDescription, key: str, **call: Any) -> None:
    """Draw the input of one hyper-parameter; its value is in the session under the key."""
    label = row.name.replace("_", " ") + (f" [{row.unit}]" if row.unit else "")
    bounds = ""
    if row.minimum is not None and row.maximum is not None:
        bounds = f" From {row.minimum:g} to {row.maximum:g}."
    text = f"{row.description}. Preset: {row.value}.{bounds} Set by `{row.path}`."
    if isinstance(row.value, bool):
        st.toggle(label, key=key, help=text, **call)
    elif row.choices:
        st.selectbox(label, row.choices, key=key, help=text, **call)
    else:
        kind = type(row.value)
        st.number_input(
            label,
            min_value=None if row.minimum is None else kind(row.minimum),
            max_value=None if row.maximum is None else kind(row.maximum),
            step=1 if kind is int else (abs(row.value) / 10 or 0.01),
            format="%d" if kind is int else "%g",
            key=key,
            help=text,
            **call,
        )


def overrides_form(config: TrainingConfig, preset_name: str) -> tuple[str, ...]:
    """Draw the hyper-parameters of the open sections; return all that differ from the preset."""
    state = f"training_overrides_{preset_name}"
    kept: dict[str, Any] = st.session_state.setdefault(state, {})
    rows = describe(config)
    settings = st.expander("Hyper-parameters", key="training_settings", on_change="rerun")
    if settings.open:
        with settings:
            for section in dict.fromkeys(row.section for row in rows):
                section_form([row for row in rows if row.section == section], state)
    return tuple(f"{row.path}={kept[row.path]}" for row in rows if row.path in kept)


def section_form(rows: list[SettingDescription], state: str) -> None:
    """Draw one section of the hyper-parameters; what differs from the preset is kept in state."""
    section = rows[0].section
    title = section.replace("_", " ")
    expander = st.expander(title, key=f"training_section_{section}", on_change="rerun")
    if not expander.open:
        return
    grid = expander.grid(2, min_column_width=120)
    for row in rows:
        key = f"{state}_{row.path}"
        st.session_state[key] = st.session_state[state].get(row.path, row.value)
        with grid.cell():
            setting_input(row, key, on_change=keep_override, args=(row, state, key))


def keep_override(row: SettingDescription, state: str, key: str) -> None:
    """Remember a changed hyper-parameter, or forget it where it is the preset's again."""
    others = {path: value for path, value in st.session_state[state].items() if path != row.path}
    value = st.session_state[key]
    st.session_state[state] = others if value == row.value else {**others, row.path: value}


@st.fragment
def launch_panel(selection: Selection) -> None:
    """Draw the form of a new run."""
    st.subheader("New run", anchor=False)
    name = st.text_input("Name", key="training_name", placeholder="by date and time")
    preset_name = st.segmented_control(
        "Preset", PRESETS, default="default", required=True, key="training_preset"
    )
    st.caption(PRESET_HELP[preset_name])
    chosen = st.pills(
        "Stages",
        STAGES,
        selection_mode="multi",
        default=STAGES,
        format_func=model_name,
        key="training_stages",
        help="They build on each other: what is aligned and the dual head start from the "
        "baseline's backbone.\n\n" + model_help(STAGES),
    )
    overrides = overrides_form(preset(preset_name), preset_name)
    if overrides:
        st.caption("Changed: " + ", ".join(f"`{text}`" for text in overrides))
    able = selection.data.is_dir()
    if not able:
        st.caption("There are no data to learn from yet.")
        st.page_link(
            "pages/learn/data.py", label="Generate or upload a set", icon=":material/arrow_forward:"
        )
    if st.button(
        "Start training",
        type="primary",
        key="training_start",
        icon=":material/play_arrow:",
        width="stretch",
        disabled=not (able and chosen),
        help=None if chosen else "Pick the stages to train",
    ):
        request = jobs.TrainingRequest(
            circuit=selection.circuit.id,
            data="" if selection.data_name == places.BUNDLED else str(selection.data.resolve()),
            preset=preset_name,
            overrides=overrides,
            stages=tuple(stage for stage in STAGES if stage in chosen),
        )
        with faults_shown("The run was not started"):
            run = jobs.launch(places.RUNS, name or f"{datetime.now():%Y-%m-%d %H.%M.%S}", request)
            st.session_state["training_next"] = run.folder.name
            st.rerun()


def stage_line(progress: Progress, active: bool) -> None:
    """Show the stages as a pipeline with their states."""
    parts = []
    for stage in progress.stages:
        name = model_name(stage.name).partition(" (")[0]
        if stage.state == StageState.DONE:
            parts.append(f":green-badge[:material/check: {name} · {stage.seconds:.0f} s]")
        elif stage.state == StageState.WORKING:
            epoch = f" · {stage.epoch}/{stage.epochs}" if stage.epochs else ""
            badge = "blue-badge[:material/play_arrow:" if active else "orange-badge[:material/stop:"
            parts.append(f":{badge} {name}{epoch}]")
        else:
            parts.append(f":gray-badge[{name}]")
    st.markdown(" :gray[→] ".join(parts))


def progress_bar(progress: Progress, status: RunStatus, usual: Mapping[str, float]) -> None:
    """Show how much is done, and how long the present stage and the whole run still take."""
    text = "Starting" if progress.working is None else model_name(progress.working.name)
    if progress.seconds_left is not None:
        text += f" · about {duration(progress.seconds_left)} left in it"
    whole = whole_seconds_left(progress, usual, time.time())
    if whole is not None:
        text += f" · about {duration(whole)} left in all"
    if status.started:
        text += f" · {duration(status.worked())} so far"
    st.progress(progress.fraction, text=text)


def controls(store: RunStore, status: RunStatus) -> None:
    """Draw the buttons that fit the run's state."""
    name, shipped = store.folder.name, store.folder.is_relative_to(places.SHIPPED)
    with st.container(horizontal=True, vertical_alignment="center"):
        if not status.state.is_finished():
            waiting = store.cancel_requested()
            label = "Cancelling" if waiting else "Cancel"
            if st.button(label, key="training_cancel", icon=":material/stop:", disabled=waiting):
                jobs.cancel(store)
                st.rerun(scope="fragment")
            return
        st.download_button(
            "Download",
            lambda: run_archive(store),
            f"{name}.zip",
            "application/zip",
            key="training_download",
            icon=":material/download:",
            help="Weights, configuration, evaluation and log of this run as a zip",
            on_click="ignore",
        )
        if store.folder != current().run and st.button(
            "Use on all pages", key="training_use", help="Pick this run at the top of every page"
        ):
            st.session_state[FRESH_RUN] = places.SHIPPED_RUN if shipped else name
            st.rerun()
        if shipped:
            st.caption("This run ships with Crossfab: it cannot be resumed or deleted.")
            return
        resumable = status.state != RunState.DONE
        if resumable and st.button("Resume", key="training_resume", icon=":material/resume:"):
            with faults_shown("The run was not resumed"):
                jobs.resume(places.RUNS, store)
                st.rerun()
        with st.popover("Rename", icon=":material/edit:"):
            new = st.text_input("New name", value=name, key=f"training_rename_{name}")
            if st.button("Rename", key="training_rename"):
                with faults_shown():
                    st.session_state["training_next"] = jobs.rename(store, new).folder.name
                    st.rerun()
        with st.popover("Delete", icon=":material/delete:"):
            st.markdown(f"Remove the run **{name}** and its weights from the disk?")
            if st.button("Delete for good", key="training_delete", type="primary"):
                with faults_shown():
                    jobs.delete(store)
                    st.rerun()


def curves(stores: dict[str, RunStore], main: str) -> None:
    """Draw the loss curves of one stage for all shown runs."""
    tables = [epochs_table(store.events()).assign(run=name) for name, store in stores.items()]
    table = pd.concat(tables, ignore_index=True)
    if table.empty:
        st.caption("No epoch has ended yet: curves appear here with the first one.")
        return
    stages = list(dict.fromkeys(table["stage"]))
    latest = table.loc[table["run"] == main, "stage"]
    with st.container(horizontal=True, vertical_alignment="center"):
        stage = st.segmented_control(
            "Stage",
            [LATEST, *stages],
            default=LATEST,
            format_func=model_name,
            required=True,
            key="training_stage",
            label_visibility="collapsed",
        )
        log = st.toggle("Logarithmic", key="training_log")
    if stage == LATEST:
        stage = latest.iloc[-1] if len(latest) else stages[-1]
    part = table[table["stage"] == stage]
    terms = st.pills(
        "Loss terms",
        sorted(part["term"].unique()),
        selection_mode="multi",
        default=sorted(part["term"].unique()),
        format_func=term_name,
        key=f"training_terms_{stage}",
        label_visibility="collapsed",
    )
    part = part[part["term"].isin(terms)]
    if part.empty:
        st.caption("Pick at least one loss term.")
        return
    if log and (lost := int((part["value"] <= 0).sum())):
        st.caption(f"{lost} values at or below zero have no place on a logarithmic axis.")
    st.altair_chart(
        loss_curves(part, log=log, by_run=len(stores) > 1),
        key="training_curves",
        alt=f"Loss curves, {model_name(stage)}",
    )


def watch(names: tuple[str, ...], folders: dict[str, Path]) -> None:
    """Draw the state, the curves and the log of the shown runs."""
    try:
        stores = {name: RunStore(folders[name]) for name in names}
        main = next(iter(stores))
        store = stores[main]
        jobs.pursue_cancel(store)
        status, config = store.readable_status(), store.config()
    except CrossfabError as error:
        show_fault(error, "The run cannot be shown")
        return
    progress = progress_of(store.events(), config.get("stages") or STAGES)
    badge, meaning = STATES[status.state]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{main}** &nbsp; {badge}", help=meaning)
        controls(store, status)
    stage_line(progress, not status.state.is_finished())
    if not status.state.is_finished():
        others = [RunStore(folder) for folder in folders.values() if folder != store.folder]
        progress_bar(progress, status, usual_seconds(config, others))
        if status.message:
            st.caption(status.message)
    elif status.state in (RunState.FAILED, RunState.LOST):
        st.warning(status.message or meaning, icon=":material/error:")
    curves(stores, main)
    log = st.expander("Log", key="training_log_lines", on_change="rerun")
    if log.open:
        said = jobs.read_log(store)
        if said:
            log.code(said, language=None, height=260)
        else:
            ended = status.state.is_finished()
            log.caption("This run keeps no log." if ended else "Nothing printed yet.")
    was_active = st.session_state.get("training_active", False)
    st.session_state["training_active"] = not status.state.is_finished()
    if was_active and status.state.is_finished():
        st.rerun()


def first_run(folders: dict[str, Path], selection: Selection) -> str:
    """Return what a fresh visit follows: a working run, the one in the link, the last touched."""
    active = [run.folder.name for run in jobs.active_runs(places.RUNS)]
    if working := [name for name in active if name in folders]:
        return working[0]
    own = [name for name, run in folders.items() if not run.is_relative_to(places.SHIPPED)]
    if "run" in st.query_params or not own:
        return selection.run_name
    return max(own, key=lambda name: places.stamp(folders[name]))


def shown_runs(folders: dict[str, Path], selection: Selection) -> tuple[str, ...]:
    """Draw the choice of runs, which the URL keeps; a run that was just started comes first."""
    state = st.session_state
    followed = state.get("training_followed", selection.run_name)
    state["training_followed"] = selection.run_name
    if followed != selection.run_name:  # Another one was picked at the top of the page.
        state[SHOWN] = [selection.run_name]
    if (fresh := state.pop("training_next", None)) in folders:
        state[SHOWN] = [fresh]
    if SHOWN not in state and not set(st.query_params.get_all(SHOWN)) & set(folders):
        state[SHOWN] = [first_run(folders, selection)]
    if SHOWN in state and not set(state[SHOWN]) <= set(folders):
        known = [name for name in state[SHOWN] if name in folders]
        state[SHOWN] = known or [first_run(folders, selection)]
    chosen = st.multiselect(
        "Runs shown; the first one is followed, the others are drawn over it",
        list(folders),
        help="The run at the top right is the one that all other pages use",
        key=SHOWN,
        bind="query-params",
    )
    return tuple(chosen)


@st.fragment(run_every=IDLE_POLL)
def newcomers(circuit_id: str, known: frozenset[str]) -> None:
    """Draw the page again once another process, such as the command line, has added a run."""
    if set(places.run_folders(circuit_id)) - known:
        st.rerun()


selection = current()
folders = places.run_folders(selection.circuit.id)
left, right = st.columns([1, 2.4], gap="medium")
with left, st.container(border=True):
    launch_panel(selection)
with right:
    if not folders:
        empty_state(
            "No run yet",
            "Start one on the left: the preset *quick* takes less than a minute. "
            "Runs started by `python -m core train` in the folder `runs/` show up here too.",
        )
    else:
        chosen = shown_runs(folders, selection)
        if chosen:
            active = any(
                not RunStore(folders[name]).readable_status().state.is_finished() for name in chosen
            )
            st.fragment(watch, run_every=POLL if active else None)(chosen, folders)
        everything = st.expander(
            "All runs of this circuit", key="training_all_runs", on_change="rerun"
        )
        if everything.open:
            everything.dataframe(
                runs_table(folders),
                hide_index=True,
                column_config={
                    "Started": MOMENT,
                    "Minutes": st.column_config.NumberColumn(format="%.1f"),
                },
                alt="All runs",
            )
newcomers(selection.circuit.id, frozenset(folders))
