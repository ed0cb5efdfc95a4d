"""The specification as sliders, bands and typed values; it lives in the URL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import streamlit as st
from numpy.typing import ArrayLike

from core.circuits import Circuit
from core.data import DomainTable
from core.errors import InputError
from core.figures.quantity import Quantity, quantities
from core.figures.slider import nearest, positions, slider_stops, with_values
from core.figures.sparkline import reachable
from core.inverse import Goal, GoalKind, Specification
from core.inverse.goals import GATE_AREA, POWER, SUPPLY_CURRENT
from core.inverse.link import (
    specification_from_text,
    specification_to_text,
    starting_specification,
)

KINDS = {
    GoalKind.MIN: "at least",
    GoalKind.MAX: "at most",
    GoalKind.RANGE: "range",
    GoalKind.TARGET: "target",
    GoalKind.MAXIMIZE: "highest",
    GoalKind.MINIMIZE: "lowest",
    GoalKind.IGNORE: "ignore",
}
DERIVED = (SUPPLY_CURRENT, GATE_AREA, POWER)
DERIVED_KINDS = (GoalKind.IGNORE, GoalKind.MAX, GoalKind.MINIMIZE)
BOUNDED = (GoalKind.MIN, GoalKind.MAX, GoalKind.RANGE, GoalKind.TARGET)
PARAMETER = "spec"
WEIGHTS = "design_weights_part"  # shows a row for each active goal
WRITTEN = "design_written"  # circuit and specification that this session put into the address
WANTED = "design_wanted"  # a specification that another part of the page asks for


class SpecPanel:
    """Draws the specification of one circuit and keeps it in the session and in the URL."""

    def __init__(
        self,
        circuit: Circuit,
        known: DomainTable,
        reached: Mapping[str, ArrayLike],
        outcome: str,
    ) -> None:
        """Start from the session, else from the URL, else from what most designs reach.

        Args:
            circuit: whose metrics are specified.
            known: simulated designs of B; a new specification starts from them.
            reached: what they reach by quantity; sets the sliders. Power only where it is in it.
            outcome: key of the fragment that a changed specification draws again.
        """
        self.circuit, self.known, self.reached, self.outcome = circuit, known, reached, outcome
        self.derived = [name for name in DERIVED if name in reached]
        self.shown = quantities(circuit)
        self.state = f"design_goals_{circuit.id}"
        if (wanted := st.session_state.pop(WANTED, None)) is not None:
            self.reset()
            st.query_params[PARAMETER] = wanted
        if self.state not in st.session_state:
            self._restore()

    @property
    def goals(self) -> dict[str, Goal]:
        """Goals by quantity, in the order of the rows."""
        goals: dict[str, Goal] = st.session_state[self.state]
        return goals

    def draw(self) -> None:
        """Draw all rows; each is a part of its own, so that a moved slider redraws its row only."""
        for name in self.circuit.metric_names:
            self._part(self._row, f"{self._key(name)}_part")(name, tuple(KINDS))
        self._part(self._more, "design_more_part")()
        self._part(self._weights, WEIGHTS)()
        self._part(self._limits, "design_limits_part")()

    def specification(self) -> Specification:
        """Return what is asked and put it into the URL; InputError where it is at fault."""
        limits = st.session_state[f"{self.state}_limits"]
        try:
            specification = Specification(self.circuit, tuple(self._active()), limits)
        except InputError:
            st.query_params.pop(PARAMETER, None)
            raise
        text = specification_to_text(specification)
        st.query_params[PARAMETER] = text
        st.session_state[WRITTEN] = (self.circuit.id, text)
        return specification

    def reset(self) -> None:
        """Go back to the specification that most known designs meet."""
        st.query_params.pop(PARAMETER, None)
        st.session_state.pop(self.state, None)
        st.session_state.pop(f"{self.state}_limits", None)

    # --- state -----------------------------------------------------------------------------

    def _restore(self) -> None:
        text = st.query_params.get(PARAMETER, "")
        circuit, written = st.session_state.get(WRITTEN, (self.circuit.id, ""))
        if circuit != self.circuit.id and text == written:
            text = ""  # Of the circuit that was designed before, with metrics of the same names.
        start = self._on_stops(starting_specification(self.circuit, self.known))
        try:
            wanted = specification_from_text(text, self.circuit) if text else start
        except InputError as error:
            st.warning(
                "The link's specification cannot be read; this is the default one. "
                + " ".join(error.faults)
            )
            wanted = start
        names = [*self.circuit.metric_names, *DERIVED]
        goals = {name: Goal(name, GoalKind.IGNORE) for name in names}
        goals |= {goal.quantity: goal for goal in wanted.goals}
        st.session_state[self.state] = goals
        st.session_state[f"{self.state}_limits"] = {
            name: tuple(nearest(self.circuit.variable(name).grid.tolist(), end) for end in ends)
            for name, ends in wanted.limits.items()
        }

    def _on_stops(self, specification: Specification) -> Specification:
        """Move every bound to the nearest stop of its slider."""

        def moved(name: str, value: float | None) -> float | None:
            stops = slider_stops(self.shown[name], self.reached[name])
            return None if value is None else nearest(stops, value)

        goals = tuple(
            replace(goal, low=moved(goal.quantity, goal.low), high=moved(goal.quantity, goal.high))
            for goal in specification.goals
        )
        return replace(specification, goals=goals)

    def _active(self) -> list[Goal]:
        rows = [*self.circuit.metric_names, *self.derived]
        return [self.goals[name] for name in rows if self.goals[name].kind is not GoalKind.IGNORE]

    def _set(self, name: str, goal: Goal) -> None:
        st.session_state[self.state] = {**self.goals, name: goal}

    # --- parts of the page -------------------------------------------------------------------

    @staticmethod
    def _part(draw: Callable[..., None], key: str) -> Callable[..., None]:
        part: Callable[..., None] = st.fragment(draw, key=key)
        return part

    def _key(self, name: str) -> str:
        return f"design_{self.circuit.id}_{name}"

    def _redraw(self, *parts: str) -> None:
        """Draw parts of the panel and the candidates again, and nothing else."""
        st.rerun([*parts, self.outcome])

    def _more(self) -> None:
        more = st.expander("Current, area, power", key="design_more", on_change="rerun")
        if more.open:
            with more:
                for name in self.derived:
                    self._part(self._row, f"{self._key(name)}_part")(name, DERIVED_KINDS)

    # --- one row ---------------------------------------------------------------------------

    def _row(self, name: str, kinds: tuple[GoalKind, ...]) -> None:
        quantity, goal = self.shown[name], self.goals[name]
        values = self.reached[name]
        stops = slider_stops(quantity, values)
        key = self._key(name)
        bounded = goal.kind in BOUNDED
        band = goal.kind is GoalKind.RANGE
        with st.container(gap="xxsmall", key=f"{key}_row"):
            widths = [1.75, 1.05, 0.93, 0.93] if band else [1.45, 1.15, 1.25]
            cells = st.columns(widths, vertical_alignment="center", gap="xsmall")
            cells[0].markdown(f"**{quantity.label}**", help=quantity.help)
            st.session_state[f"{key}_kind"] = goal.kind
            cells[1].selectbox(
                f"Goal of {quantity.label}",
                kinds,
                format_func=lambda kind: KINDS[kind],
                key=f"{key}_kind",
                label_visibility="collapsed",
                on_change=self._kind_changed,
                args=(name, key, stops),
            )
            if not bounded:
                return
            for end, cell in zip(self._ends(goal), cells[2:], strict=False):
                st.session_state[f"{key}_{end}"] = quantity.text(self._value(goal, end))
                cell.text_input(
                    f"{quantity.label}, {end}",
                    key=f"{key}_{end}",
                    label_visibility="collapsed",
                    on_change=self._typed,
                    args=(name, key, end),
                    help=f"Type a value such as {quantity.text(self._value(goal, end))}",
                )
            self._slider(name, key, stops, values)
            if (fault := st.session_state.pop(f"{key}_fault", "")) != "":
                st.caption(f":orange[{fault}]")

    def _slider(self, name: str, key: str, stops: list[float], values: ArrayLike) -> None:
        quantity, goal = self.shown[name], self.goals[name]
        ends = [self._value(goal, end) for end in self._ends(goal)]
        stops = with_values(stops, ends)
        low = goal.low if goal.kind is not GoalKind.MAX else None
        high = goal.high if goal.kind is not GoalKind.MIN else None
        marks = [None if end is None else float(positions(stops, [end])[0]) for end in (low, high)]
        st.image(
            reachable(positions(stops, values), marks[0], marks[1]),
            width="stretch",
            alt=f"How often B's designs reach each {quantity.label}; teal meets the spec",
        )
        slider = f"{key}_slider_{len(ends)}"
        st.session_state[slider] = tuple(ends) if len(ends) == 2 else ends[0]
        st.select_slider(
            quantity.label,
            stops,
            # Only a default of two ends makes the slider answer with two.
            value=(stops[0], stops[-1]) if len(ends) == 2 else None,
            format_func=quantity.text,
            key=slider,
            label_visibility="collapsed",
            on_change=self._slid,
            args=(name, slider),
        )

    @staticmethod
    def _ends(goal: Goal) -> tuple[str, ...]:
        if goal.kind is GoalKind.RANGE:
            return ("from", "to")
        return ("value",)

    @staticmethod
    def _value(goal: Goal, end: str) -> float:
        if end == "from":
            return goal.low or 0.0
        if end == "to":
            return goal.high or 0.0
        if goal.kind is GoalKind.TARGET:
            return ((goal.low or 0.0) + (goal.high or 0.0)) / 2
        return (goal.low if goal.kind is GoalKind.MIN else goal.high) or 0.0

    # --- callbacks -------------------------------------------------------------------------

    def _kind_changed(self, name: str, key: str, stops: list[float]) -> None:
        kind = GoalKind(st.session_state[f"{key}_kind"])
        old = self.goals[name]
        ends = [end for end in (old.low, old.high) if end is not None]
        middle = ends[0] if ends else stops[len(stops) // 2]
        self._set(name, self._goal(name, kind, middle, ends[-1] if ends else None))
        self._redraw(f"{key}_part", WEIGHTS)

    def _goal(self, name: str, kind: GoalKind, value: float, upper: float | None = None) -> Goal:
        weight, quantity = self.goals[name].weight, self.shown[name]
        if kind is GoalKind.MIN:
            return Goal(name, kind, low=value, weight=weight)
        if kind is GoalKind.MAX:
            return Goal(name, kind, high=value, weight=weight)
        if kind is GoalKind.TARGET:
            half = 2.0 if quantity.unit == "deg" else 0.05 * value
            return Goal(name, kind, value - half, value + half, weight)
        if kind is GoalKind.RANGE:
            wide = value + 20.0 if quantity.unit == "deg" else 2.0 * value
            high = upper if upper is not None and upper > value else wide
            return Goal(name, kind, value, high, weight)
        return replace(self.goals[name], kind=kind)

    def _slid(self, name: str, slider: str) -> None:
        value, goal = st.session_state[slider], self.goals[name]
        if isinstance(value, tuple):
            low, high = sorted(value)
            if low < high:
                self._set(name, replace(goal, low=low, high=high))
        else:
            self._set(name, self._goal(name, goal.kind, value))
        self._redraw(f"{self._key(name)}_part")

    def _typed(self, name: str, key: str, end: str) -> None:
        try:
            before = self._value(self.goals[name], end)
            value = self.shown[name].read(st.session_state[f"{key}_{end}"], before)
            self._set(name, self._typed_goal(name, end, value))
        except InputError as error:
            st.session_state[f"{key}_fault"] = str(error)
        self._redraw(f"{key}_part")

    def _typed_goal(self, name: str, end: str, value: float) -> Goal:
        goal = self.goals[name]
        if end == "value":
            return self._goal(name, goal.kind, value)
        low, high = (value, goal.high) if end == "from" else (goal.low, value)
        if low is not None and high is not None and low >= high:
            raise InputError("The lower end has to be below the upper end.")
        return replace(goal, low=low, high=high)

    # --- weights and limits ------------------------------------------------------------------

    def _weights(self) -> None:
        weights = st.expander("Weights", key="design_weights", on_change="rerun")
        if not weights.open:
            return
        weights.caption("How much a miss counts where not everything can be met.")
        columns = weights.columns(2)
        for number, goal in enumerate(self._active()):
            key = f"{self._key(goal.quantity)}_weight"
            st.session_state[key] = float(goal.weight)
            columns[number % 2].number_input(
                self.shown[goal.quantity].label,
                min_value=0.0,
                max_value=100.0,
                step=0.1,
                format="%g",
                key=key,
                on_change=self._weighed,
                args=(goal.quantity, key),
            )

    def _weighed(self, name: str, key: str) -> None:
        self._set(name, replace(self.goals[name], weight=st.session_state[key]))
        self._redraw()

    def _limits(self) -> None:
        sizes = st.expander("Limits on the sizes", key="design_limits", on_change="rerun")
        if not sizes.open:
            return
        limits = st.session_state[f"{self.state}_limits"]
        for variable in self.circuit.variables:
            quantity: Quantity = self.shown[variable.name]
            grid = variable.grid.tolist()
            key = f"design_limit_{self.circuit.id}_{variable.name}"
            st.session_state[key] = limits.get(variable.name, (grid[0], grid[-1]))
            sizes.select_slider(
                f"{quantity.label}: {quantity.help}",
                grid,
                value=(grid[0], grid[-1]),
                format_func=quantity.text,
                key=key,
                on_change=self._limited,
                args=(variable.name, key, (grid[0], grid[-1])),
            )

    def _limited(self, name: str, key: str, whole: tuple[float, float]) -> None:
        state = f"{self.state}_limits"
        others = {known: ends for known, ends in st.session_state[state].items() if known != name}
        ends = tuple(sorted(st.session_state[key]))
        st.session_state[state] = others if ends == whole else {**others, name: ends}
        self._redraw()
