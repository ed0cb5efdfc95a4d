"""The guided tour: one fixed story over four pages, with a bar that leads from step to step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from pages.shell import places

HOME = "pages/start/overview.py"
STATE = "tour"  # number of the step from 1, in the session and in the URL
DUE = "tour_due"  # a page that a pressed button leads to
CIRCUIT = "5t_opamp"
# The bar stays below the navigation while the page scrolls under it.
IN_SIGHT = """<style>
*:has(> .st-key-tour_bar) { position: sticky; top: 3.75rem; z-index: 90; }
.st-key-tour_bar { background: rgba(20, 184, 166, 0.1); backdrop-filter: blur(14px); }
</style>"""


@dataclass(frozen=True)
class Step:
    """One stop: a page, what is to be seen there, and what the page's parts are set to."""

    title: str
    text: str
    page: str
    scene: Mapping[str, Any] = field(default_factory=dict)


STEPS = (
    Step(
        "Two processes, one amplifier",
        "The same amplifier was simulated 10,000 times in process A (blue) and 1,000 times in "
        "process B (red). The sizes come from one design space, the metrics do not: see how far "
        "B's DC gain lies from A's.",
        "pages/learn/data.py",
    ),
    Step(
        "Learn on A, transfer to B",
        "Networks learn from A's many designs and are tuned on B's few; beside them stands the "
        "control that has seen B alone. Errors on held-out designs say what the transfer is worth.",
        "pages/learn/ensemble.py",
    ),
    Step(
        "From specs to sizes",
        "At least 50 dB of gain, 60 to 75 degrees of phase margin: ten sizings stand there. Drag a "
        "spec and they follow. Then press Verify in SPICE: a star marks what is only predicted.",
        "pages/use/design.py",
        {
            "design_wanted": "dc_gain min 316.228;ugf min 1e+07;phase_margin range 60..75",
            "design_tab": "Candidate",
        },
    ),
    Step(
        "SPICE has the last word",
        "The same sizes in both processes, side by side: metrics, Bode plot, step response, and "
        "the operating point of every transistor. Change a size and look again.",
        "pages/use/simulator.py",
        {
            "simulator_design": {
                **{"w1": 22.5, "w2": 33.0, "w3": 5.5, "l1": 1.5, "l2": 2.0, "l3": 2.0},
                "ibias": 1e-5,
            },
        },
    ),
)


def start_button() -> None:
    """Draw the button that begins the tour."""
    st.button(
        "Take the tour",
        key="tour_start",
        icon=":material/tour:",
        type="primary",
        on_click=_go,
        args=(1,),
        help=f"{len(STEPS)} steps, about three minutes, from the data to a design in SPICE",
    )


def follow() -> None:
    """Go where a pressed button leads; after a reload take the tour up again."""
    state = st.session_state
    asked = st.query_params.get(STATE, "")
    if STATE not in state and asked in {str(number + 1) for number in range(len(STEPS))}:
        state[STATE] = int(asked)
    if not state.pop(DUE, False):
        return
    if STATE not in state:
        st.switch_page(HOME)
    step = STEPS[state[STATE] - 1]
    for name, value in {**_selection(), **step.scene}.items():
        state[name] = value
    st.switch_page(step.page, query_params={STATE: str(state[STATE])})


def bar() -> None:
    """Draw the step that the tour is at, while there is one."""
    number = st.session_state.get(STATE)
    if number is None:
        return
    st.query_params[STATE] = str(number)
    step = STEPS[number - 1]
    st.html(IN_SIGHT)
    with st.container(border=True, key="tour_bar"):
        left, right = st.columns([4, 1], vertical_alignment="center")
        left.markdown(f":primary[**Tour {number} of {len(STEPS)} · {step.title}**]  \n{step.text}")
        with right.container(horizontal=True, horizontal_alignment="right", gap="small"):
            _buttons(number)


def _buttons(number: int) -> None:
    if number > 1:
        st.button("Back", key="tour_back", on_click=_go, args=(number - 1,))
    if number < len(STEPS):
        st.button("Next", key="tour_next", type="primary", on_click=_go, args=(number + 1,))
    else:
        st.button("Finish", key="tour_finish", type="primary", on_click=_end, args=(True,))
    st.button(
        "End",
        key="tour_end",
        type="tertiary",
        on_click=_end,
        args=(False,),
        help="Leave the tour and stay on this page",
    )


def _selection() -> dict[str, str]:
    """The story's circuit, its bundled data and the run that ships, where they are there."""
    chosen = {"circuit": CIRCUIT, "data": places.BUNDLED}
    if places.SHIPPED_RUN in places.run_folders(CIRCUIT):
        chosen["run"] = places.SHIPPED_RUN
    return chosen


def _go(number: int) -> None:
    st.session_state[STATE] = number
    st.session_state[DUE] = True


def _end(home: bool) -> None:
    st.session_state.pop(STATE, None)
    st.query_params.pop(STATE, None)
    st.session_state[DUE] = home
