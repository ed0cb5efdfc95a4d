"""Netlists: a circuit's template filled with sizes, model cards and the testbenches around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import jinja2
from jinja2.sandbox import SandboxedEnvironment

from core.circuits import Circuit
from core.errors import InputError
from core.spice.model_cards import shift_card
from core.spice.process import Process

# An op-amp's CMRR is a small difference of large numbers: tighter tolerances than SPICE's own.
OPTIONS = "reltol=1e-5 abstol=1e-14 vntol=1e-8 chgtol=1e-16 gmin=1e-12 itl1=500 itl4=100"
# Closes the loop at DC and opens it from the first frequency of the sweep (1 mHz) on.
HUGE_INDUCTOR = 1e15  # H
HUGE_CAPACITOR = 1e6  # F

Design = Mapping[str, float]
# Threshold (V) and relative current factor by which each device is off, by its name.
Shifts = Mapping[str, tuple[float, float]]
_NO_SHIFT = (0.0, 0.0)


@dataclass(frozen=True)
class Conditions:
    """What a circuit is simulated under.

    Attributes:
        process: the process.
        corner: one of its corners.
        temperature: degrees Celsius.
        supply: VDD, V.
    """

    process: Process
    corner: str
    temperature: float
    supply: float


@dataclass(frozen=True)
class Bench:
    """The voltages and the load that the testbenches of a circuit share.

    Attributes:
        load: capacitor at the output, F.
        common_mode: DC voltage of both inputs, V.
        step: height of the step at the buffer's input, V, centred on the common mode.
        cmrr_frequency: where CMRR is read off the sweeps, Hz. At DC the common-mode gain of
            perfectly matched devices passes through zero and CMRR through infinity between two
            neighbouring designs; at a stated frequency capacitances keep it finite.
    """

    load: float
    common_mode: float
    step: float
    cmrr_frequency: float


@dataclass(frozen=True)
class Amplifier:
    """A sized circuit, ready for a testbench.

    Attributes:
        text: the subcircuit ``amplifier inp inn out vdd`` and the model cards that it needs.
        terminals: per transistor the nodes of drain, gate, source and bulk inside it.
    """

    text: str
    terminals: Mapping[str, tuple[str, ...]]


def bench(circuit: Circuit, conditions: Conditions) -> Bench:
    """Read the testbench of a circuit; its voltages are fractions of the supply."""
    table = circuit.testbench
    try:
        return Bench(
            load=float(table["load"]),
            common_mode=_common_mode(table["common_mode"], conditions) * conditions.supply,
            step=float(table["step"]) * conditions.supply,
            cmrr_frequency=float(table["cmrr_frequency"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f'Circuit "{circuit.id}" cannot be simulated: its [testbench] needs the numbers load '
            "(F), common_mode (one, or one a process) and step (fractions of VDD), cmrr_frequency "
            f"(Hz); {error} is wrong or missing."
        ) from None


def _common_mode(entry: float | Mapping[str, float], conditions: Conditions) -> float:
    """The fraction of VDD: one number for all processes, or a table with one for each."""
    return float(entry[conditions.process.name] if isinstance(entry, Mapping) else entry)


@lru_cache(maxsize=32)
def _template(text: str) -> jinja2.Template:
    # A circuit is a file that people hand on: its template computes, and reaches nothing else.
    environment = SandboxedEnvironment(undefined=jinja2.StrictUndefined)
    return environment.from_string(text)


def render(circuit: Circuit, design: Design, device: Callable[..., str]) -> str:
    """Fill a circuit's template; ``device`` writes one transistor from its name and its nodes.

    Raises:
        InputError: there is no template, or it names what the TOML does not define.
    """
    if not circuit.netlist:
        raise InputError(
            f'Circuit "{circuit.id}" has no netlist: put its template into '
            f'"{circuit.path.with_suffix(".cir").name}" beside its TOML.'
        )
    try:
        return _template(circuit.netlist).render(
            device=device, value=lambda name: f"{float(design[name]):.9g}"
        )
    except (jinja2.TemplateError, KeyError) as error:
        raise InputError(
            f'The netlist template of circuit "{circuit.id}" names what the TOML does not define '
            f"({error}): devices come from [[devices]], values from [[variables]]."
        ) from None


def amplifier(
    circuit: Circuit, conditions: Conditions, design: Design, shifts: Shifts | None = None
) -> Amplifier:
    """Fill a circuit's template with the sizes of one design and the model cards that fit them.

    Junction areas follow the process's diffusion length, as its schematic symbols set them.

    Args:
        circuit: the circuit whose template is filled.
        conditions: process and corner that the model cards are taken from.
        design: value of each design variable, W and L in um, the rest in SI units.
        shifts: mismatch by device; none where left out.
    """
    process = conditions.process
    devices = {device.name: device for device in circuit.devices}
    models: dict[tuple[str, float, float, tuple[float, float]], str] = {}
    terminals: dict[str, tuple[str, ...]] = {}

    def transistor(name: str, *nodes: str) -> str:
        device = devices[name]
        terminals[name] = nodes
        width, length = float(design[device.width]), float(design[device.length])
        shift = (shifts or {}).get(name, _NO_SHIFT)
        key = (device.polarity, width, length, shift)
        model = models.setdefault(key, f"{device.polarity}{len(models)}")
        return f"{name} {' '.join(nodes)} {model} {size(width, length, process.diffusion)}"

    body = render(circuit, design, transistor)
    cards = []
    for (polarity, width, length, shift), model in models.items():
        card = process.model_card(polarity, width, length, conditions.corner)
        card = card if shift == _NO_SHIFT else shift_card(card, *shift)
        cards.append(f".model {model} {polarity} {card}")
    return Amplifier("\n".join([*cards, body]), terminals)


def size(width: float, length: float, diffusion: float, unit: str = "u") -> str:
    """Size and junctions (um) as instance parameters; ``unit`` is empty where um are meant."""
    area, perimeter, square = width * diffusion, 2 * (width + diffusion), "p" if unit else ""
    return (
        f"w={width:.9g}{unit} l={length:.9g}{unit} ad={area:.9g}{square} as={area:.9g}{square} "
        f"pd={perimeter:.9g}{unit} ps={perimeter:.9g}{unit}"
    )


def _frame(title: str, conditions: Conditions, lines: list[str]) -> str:
    options = f".options {OPTIONS} temp={conditions.temperature:.9g}"
    return "\n".join([f"* {title}", options, *lines, ".end", ""])


def loop_deck(circuit: Circuit, conditions: Conditions, sized: Amplifier) -> str:
    """Two open loops side by side: one is driven differentially, one in common mode.

    In both a huge inductor from the output to the inverting input closes the loop at DC and a huge
    capacitor ties that input to AC: to ground in the first (nodes out1, supply Vdd1), to the signal
    of the other input in the second (nodes out2, supply Vdd2).
    """
    table = bench(circuit, conditions)
    lines = [
        sized.text,
        f"Vdd1 vdd1 0 DC {conditions.supply:.9g}",
        f"Vdd2 vdd2 0 DC {conditions.supply:.9g}",
        f"Vin inp 0 DC {table.common_mode:.9g} AC 1",
        "Vcommon common 0 DC 0 AC 1",
    ]
    for copy, ground in ((1, "0"), (2, "common")):
        lines += [
            f"X{copy} inp inn{copy} out{copy} vdd{copy} amplifier",
            f"L{copy} out{copy} inn{copy} {HUGE_INDUCTOR:g}",
            f"C{copy} inn{copy} {ground} {HUGE_CAPACITOR:g}",
            f"Cload{copy} out{copy} 0 {table.load:.9g}",
        ]
    return _frame(f"{circuit.name}: open loop", conditions, lines)


def buffer_deck(
    circuit: Circuit, conditions: Conditions, sized: Amplifier, delay: float, rise: float
) -> str:
    """The unity-gain buffer with a rising step (delay and rise time in s) at its input."""
    table = bench(circuit, conditions)
    low, high = table.common_mode - table.step / 2, table.common_mode + table.step / 2
    lines = [
        sized.text,
        f"Vdd1 vdd1 0 DC {conditions.supply:.9g}",
        f"Vin inp 0 DC {low:.9g} PWL(0 {low:.9g} {delay:.9g} {low:.9g} "
        f"{delay + rise:.9g} {high:.9g})",
        "X1 inp out out vdd1 amplifier",
        f"Cload out 0 {table.load:.9g}",
    ]
    return _frame(f"{circuit.name}: unity-gain buffer", conditions, lines)
