"""Schematics with the sizes of one design, as SVG text.

Drawn are the circuits that come with Crossfab; a circuit of one's own has no drawing, and its
sizes are shown as a table instead.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Literal

import schemdraw
import schemdraw.elements as elm

from core.circuits import Circuit
from core.figures import style
from core.figures.quantity import quantities

Point = tuple[float, float]
Align = Literal["left", "center", "right"]
HEIGHT = 5.0 / 3.0  # from drain to source of schemdraw's analog transistors
GATE = 11.0 / 12.0  # from the channel to the end of the gate lead
RIGHT = 7.2  # where the output side of the input stage stands
N_GATE, P_GATE = 7.0 / 6.0, 0.5  # from the upper terminal down to the gate lead


class _Sheet:
    """A drawing with the circuit's sizes at hand."""

    def __init__(
        self, circuit: Circuit, design: Mapping[str, float], colour: str, font: float
    ) -> None:
        self.circuit, self.font = circuit, font
        self.design = design
        self.shown = quantities(circuit)
        self.drawing = schemdraw.Drawing(canvas="svg", show=False)
        self.drawing.config(color=colour, fontsize=font, font="sans-serif", lw=1.4, margin=0.2)

    def size(self, name: str) -> str:
        device = next(device for device in self.circuit.devices if device.name == name)
        return f"{self.design[device.width]:g}/{self.design[device.length]:g}"

    def value(self, variable: str) -> str:
        return self.shown[variable].text(float(self.design[variable]))

    def fet(self, name: str, at: Point, *, gate: str, kind: str = "n", label: str = "") -> None:
        """Place a transistor with its upper terminal at a point, its gate left or right."""
        transistor = elm.AnalogNFet() if kind == "n" else elm.AnalogPFet()
        # The upper terminal is the drain of an NMOS and the source of a PMOS.
        element = transistor.at(at).anchor("drain" if kind == "n" else "source").theta(0)
        if gate == "left":
            element = element.reverse()
        self.drawing += element
        side = label or ("right" if gate == "left" else "left")
        x = at[0] + (0.22 if side == "right" else -0.22)
        align: Align = "left" if side == "right" else "right"
        middle = at[1] - HEIGHT / 2
        self.text((x, middle + 0.02 * self.font), name, align, bold=True)
        self.text((x, middle - 0.02 * self.font), self.size(name), align, colour=style.CANDIDATE)

    def text(
        self, at: Point, text: str, align: Align = "center", *, colour: str = "", bold: bool = False
    ) -> None:
        label = (
            elm.Label()
            .at(at)
            .theta(0)
            .label(
                text,
                halign=align,
                valign="center",
                color=colour or None,
                fontsize=self.font if bold else self.font + 1,
            )
        )
        self.drawing += label

    def wire(self, *points: Point) -> None:
        for start, end in itertools.pairwise(points):
            self.drawing += elm.Line().at(start).to(end)

    def dot(self, at: Point) -> None:
        self.drawing += elm.Dot(radius=0.06).at(at)

    def ground(self, at: Point) -> None:
        self.drawing += elm.GroundSignal().at(at).theta(0).scale(0.7)

    def pin(self, at: Point, text: str, align: Align) -> None:
        self.drawing += elm.Dot(open=True, radius=0.08).at(at)
        self.text((at[0] + (-0.28 if align == "right" else 0.2), at[1]), text, align)

    def svg(self) -> str:
        return str(self.drawing.get_imagedata("svg").decode())


def _input_stage(sheet: _Sheet, left_pin: str, right_pin: str) -> None:
    """Draw bias, tail, input pair and mirror load: what both circuits share."""
    top, mirror, tail = 6.4, 4.2, 1.9
    left, right, bias = 3.2, RIGHT, 0.0
    middle = (left + right) / 2
    sheet.fet("M3", (left, top), gate="right", kind="p", label="left")
    sheet.fet("M4", (right, top), gate="left", kind="p", label="right")
    gate_y = top - P_GATE
    sheet.wire((left + GATE, gate_y), (right - GATE, gate_y))
    sheet.wire((left, top - HEIGHT), (left, mirror))
    sheet.wire((right, top - HEIGHT), (right, mirror))
    sheet.wire((left, mirror + 0.2), (middle, mirror + 0.2), (middle, gate_y))
    sheet.dot((left, mirror + 0.2))
    sheet.dot((middle, gate_y))
    sheet.fet("M1", (left, mirror), gate="left", label="right")
    sheet.fet("M2", (right, mirror), gate="right", label="left")
    source = mirror - HEIGHT
    sheet.wire((left, source), (right, source))
    sheet.wire((middle, source), (middle, tail))
    sheet.dot((middle, source))
    sheet.fet("M5", (middle, tail), gate="left", label="right")
    gate = tail - N_GATE
    sheet.fet("MB", (bias, tail), gate="right", label="left")
    sheet.wire((bias + GATE, gate), (middle - GATE, gate))
    sheet.wire((bias, tail), (bias, tail + 0.3), (bias + GATE + 0.25, tail + 0.3))
    sheet.wire((bias + GATE + 0.25, tail + 0.3), (bias + GATE + 0.25, gate))
    sheet.dot((bias, tail + 0.3))
    sheet.dot((bias + GATE + 0.25, gate))
    sheet.drawing += elm.SourceI().endpoints((bias, top), (bias, tail + 0.3))
    sheet.text((bias - 0.75, (top + tail) / 2 + 0.35), "Ib", "right", bold=True)
    sheet.text(
        (bias - 0.75, (top + tail) / 2 - 0.1), sheet.value("ibias"), "right", colour=style.CANDIDATE
    )
    sheet.ground((bias, tail - HEIGHT))
    sheet.ground((middle, tail - HEIGHT))
    input_y = mirror - N_GATE
    sheet.pin((left - GATE, input_y), left_pin, "right")
    sheet.pin((right + GATE, input_y), right_pin, "left")


def _five_transistor(sheet: _Sheet) -> None:
    _input_stage(sheet, "in+", "in–")
    out = 4.4
    sheet.wire((RIGHT, out), (RIGHT + 1.8, out))
    sheet.dot((RIGHT, out))
    sheet.pin((RIGHT + 1.8, out), "out", "left")
    sheet.wire((-0.4, 6.4), (RIGHT + 1.0, 6.4))
    sheet.text((RIGHT + 1.5, 6.4), "VDD", "center")


def _two_stage(sheet: _Sheet) -> None:
    _input_stage(sheet, "in–", "in+")
    first, stage = 4.4, RIGHT + 6.4
    sheet.dot((RIGHT, first))
    gate_y = 6.4 - P_GATE
    sheet.wire((RIGHT, first), (RIGHT + 2.1, first), (RIGHT + 2.1, gate_y), (stage - GATE, gate_y))
    sheet.dot((RIGHT + 2.1, first))
    sheet.fet("M6", (stage, 6.4), gate="left", kind="p", label="right")
    sheet.wire((stage, 6.4 - HEIGHT), (stage, 1.9))
    sheet.fet("M7", (stage, 1.9), gate="left", label="right")
    sheet.drawing += elm.Resistor().at((RIGHT + 2.1, first)).to((RIGHT + 4.0, first)).scale(0.6)
    sheet.drawing += elm.Capacitor().at((RIGHT + 4.0, first)).to((stage, first)).scale(0.8)
    sheet.dot((stage, first))
    sheet.text((RIGHT + 3.05, first - 0.5), "Rz", bold=True)
    sheet.text((RIGHT + 3.05, first - 0.95), sheet.value("cr"), colour=style.CANDIDATE)
    sheet.text((RIGHT + 5.3, first - 0.62), "Cc", bold=True)
    sheet.text((RIGHT + 5.3, first - 1.07), sheet.value("cc"), colour=style.CANDIDATE)
    sheet.wire((stage, 3.0), (stage + 1.6, 3.0))
    sheet.dot((stage, 3.0))
    sheet.pin((stage + 1.6, 3.0), "out", "left")
    sheet.ground((stage, 1.9 - HEIGHT))
    sheet.text((stage - GATE - 0.1, 1.9 - N_GATE), "bias", "right")
    sheet.wire((-0.4, 6.4), (stage + 0.8, 6.4))
    sheet.text((stage + 1.5, 6.4), "VDD", "center")


DRAWINGS: Mapping[str, Callable[[_Sheet], None]] = {
    "5t_opamp": _five_transistor,
    "two_stage_opamp": _two_stage,
}

FONTS: Mapping[str, float] = {"5t_opamp": 12, "two_stage_opamp": 12}
WIDTHS: Mapping[str, int] = {"5t_opamp": 420, "two_stage_opamp": 680}  # px, to read every letter


def schematic(circuit: Circuit, design: Mapping[str, float], *, colour: str = style.MUTED) -> str:
    """Draw a circuit with the W/L (um) of every device and the value of every other part.

    Args:
        circuit: the circuit; one that does not come with Crossfab has no drawing.
        design: value of every design variable, stored units.
        colour: of lines and names.

    Returns:
        SVG text, or an empty string where the circuit has no drawing.
    """
    draw = DRAWINGS.get(circuit.id)
    if draw is None or not circuit.devices:
        return ""
    sheet = _Sheet(circuit, design, colour, FONTS[circuit.id])
    draw(sheet)
    return sheet.svg()
