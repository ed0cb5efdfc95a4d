"""How a quantity is shown: the unit that engineers read, on axes, in tables and on sliders."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.circuits import Circuit, Metric, Variable
from core.units import engineering, parse, ratio

Array = NDArray[np.float64]
AREA = "um²"
_PLAIN = re.compile(r"[-+]?[\d.]+(e[-+]?\d+)?", re.IGNORECASE)  # a number and nothing else
_BARE = re.compile(r"\d{1,3}(\.\d*)?")


@dataclass(frozen=True)
class Quantity:
    """A column of a table with the unit that people read.

    Attributes:
        name: column name.
        label: what a datasheet calls it.
        unit: SI base unit of the stored values.
        shown_unit: the unit of the shown values.
        factor: shown value over stored value, where that is a plain factor.
        decibels: whether 20 log10 of the stored value is shown instead.
        log: whether shown values are best spaced logarithmically.
        help: one line for tooltips.
    """

    name: str
    label: str
    unit: str
    shown_unit: str
    factor: float = 1.0
    decibels: bool = False
    log: bool = True
    help: str = ""

    def shown(self, values: ArrayLike) -> Array:
        """Return stored values (any shape) in the shown unit; NaN where they have none."""
        stored = np.asarray(values, dtype=float)
        if not self.decibels:
            return stored * self.factor
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(stored > 0, 20.0 * np.log10(stored), np.nan)

    def stored(self, values: ArrayLike) -> Array:
        """Return shown values (any shape) in SI base units: the inverse of ``shown``."""
        shown = np.asarray(values, dtype=float)
        return 10.0 ** (shown / 20.0) if self.decibels else shown / self.factor

    def text(self, value: float, digits: int = 3) -> str:
        """Write one stored value: ``46.5 dB``, ``9.1 MHz``, ``4.63 V/us``."""
        return _text(self, float(value), digits)

    def both(self, value: float, digits: int = 3) -> str:
        """Write one stored value, a ratio also as a ratio: ``46.5 dB (212 V/V)``."""
        return ratio(float(value), digits) if self.decibels else self.text(value, digits)

    def read(self, text: str, beside: float | None = None) -> float:
        """Read what people type, and return the stored value: ``46.5`` or ``46.5 dB``, ``1.2M``.

        A bare number is in the shown unit; so ``4`` is 4 V/us for a slew rate.

        Args:
            text: what was typed.
            beside: stored value that stood there before; a bare number of at most three digits
                before the point takes over its SI prefix, so ``8`` typed over 1.2 MHz is 8 MHz.

        Raises:
            InputError: the text is no number, or carries another unit.
        """
        typed = self._prefixed(text.strip(), beside)
        value = parse(typed, self.unit, self.decibels)
        return float(self.stored(value)) if _PLAIN.fullmatch(typed) else value

    def _prefixed(self, text: str, beside: float | None) -> str:
        if not self.prefixes or not beside or not _BARE.fullmatch(text):
            return text
        return text + engineering(beside, self.unit).split()[-1].removesuffix(self.unit)

    @property
    def title(self) -> str:
        """Label and unit, for an axis or a column head."""
        return f"{self.label} [{self.shown_unit}]" if self.shown_unit else self.label

    @property
    def prefixes(self) -> bool:
        """Whether people write it with SI prefixes: 1.2 MHz, but 0.5 um."""
        return self.unit in ("Hz", "A", "F", "Ohm", "W")

    def axis(self, log: bool | None = None) -> dict[str, Any]:
        """Return plotly settings of an axis of shown values, ticks with SI prefixes."""
        logarithmic = self.log if log is None else log
        axis: dict[str, Any] = {"title": {"text": self.title}}
        axis["type"] = "log" if logarithmic and not self.decibels else "linear"
        axis["tickformat"] = "~s" if self.prefixes else "~g"
        if axis["type"] == "log":
            axis["dtick"] = "D2" if self.prefixes else None
        return axis


@lru_cache(maxsize=65536)
def _text(quantity: Quantity, value: float, digits: int) -> str:
    """Write one value; kept, since a page of sliders asks for the same thousands each time."""
    if not quantity.decibels:
        return engineering(value, quantity.unit, digits)
    level = float(quantity.shown(value))
    return "–" if np.isnan(level) else f"{level:.1f} dB"


def of_metric(metric: Metric) -> Quantity:
    """Return how a metric is shown: slew rates per microsecond, ratios in dB."""
    shown_unit, factor = metric.unit, 1.0
    if metric.unit == "V/s":
        shown_unit, factor = "V/us", 1e-6
    elif metric.unit == "deg":
        shown_unit = "°"
    elif metric.decibels:
        shown_unit = "dB"
    return Quantity(
        name=metric.name,
        label=metric.label,
        unit=metric.unit,
        shown_unit=shown_unit,
        factor=factor,
        decibels=metric.decibels,
        log=metric.transform == "log10" and not metric.decibels,
        help=metric.description,
    )


def of_variable(variable: Variable) -> Quantity:
    """Return how a design variable is shown: W and L in um, the rest with SI prefixes."""
    return Quantity(
        name=variable.name,
        label=variable.label,
        unit=variable.unit,
        shown_unit=variable.unit,
        log=variable.scale == "log",
        help=variable.description,
    )


SUPPLY_CURRENT = Quantity(
    "supply_current", "Supply current", "A", "A", help="Current drawn from the supply."
)
GATE_AREA = Quantity(
    "gate_area", "Gate area", AREA, AREA, help="Sum of W times L over all transistors."
)
POWER = Quantity("power", "Power", "W", "W", help="Supply current times supply voltage.")


def quantities(circuit: Circuit) -> Mapping[str, Quantity]:
    """Return how every variable and metric of a circuit is shown, by column name."""
    shown = [of_variable(variable) for variable in circuit.variables]
    shown += [of_metric(metric) for metric in circuit.metrics]
    shown += [SUPPLY_CURRENT, GATE_AREA, POWER]
    return {quantity.name: quantity for quantity in shown}
