"""Numbers with units, both ways.

Two notations exist and must not be mixed: the SI prefixes that people read and type
(``M`` is mega, ``m`` is milli) and the suffixes of SPICE (``MEG`` is mega, ``M`` is milli).
The SI side is done by the library quantiphy; only the SPICE side is written here.
"""

from __future__ import annotations

import math

from quantiphy import InvalidNumber, Quantity

from core.errors import InputError

_SPICE_SUFFIXES = (
    (1e12, "T"),
    (1e9, "G"),
    (1e6, "MEG"),
    (1e3, "K"),
    (1.0, ""),
    (1e-3, "M"),
    (1e-6, "U"),
    (1e-9, "N"),
    (1e-12, "P"),
    (1e-15, "F"),
)


def engineering(value: float, unit: str = "", digits: int = 3) -> str:
    """Write a number the way engineers read it: ``engineering(4.63e6, "V/s")`` is ``4.63 MV/s``.

    Args:
        value: the number in base units.
        unit: its unit, put behind the SI prefix.
        digits: significant digits.

    Returns:
        The text; a dash for NaN.
    """
    if math.isnan(value):
        return "–"
    if unit in ("deg", "degrees", "°"):
        return f"{value:.{digits}g}°"
    if unit == "um":  # Lengths of devices stay in micrometres, as on every layout.
        return f"{value:.{digits}g} um"
    if unit in ("um²", "um^2"):  # So do areas: a prefix would be squared with the unit, or not.
        return f"{float(f'{value:.{digits}g}'):g} um²"
    if unit == "V/s":  # Slew rates are quoted per microsecond.
        return Quantity(value * 1e-6, "V/us").render(prec=digits - 1)
    return Quantity(value, unit).render(prec=digits - 1)


def parse(text: str, unit: str = "") -> float:
    """Read a number with SI prefix and optional unit: ``parse("1.2MHz", "Hz")`` is 1.2e6.

    Raises:
        InputError: where the text is no finite number, or carries another unit.
    """
    try:
        quantity = Quantity(text.strip())
    except InvalidNumber:
        raise InputError(
            f'"{text}" is no number: write a value such as 1.2M, 1.2e6 or 1.2 M{unit or "Hz"}.'
        ) from None
    if quantity.units and unit and quantity.units != unit:
        raise InputError(f'"{text}" is in {quantity.units}: expected {unit}.')
    if not math.isfinite(quantity):
        raise InputError(f'"{text}" is not finite: give a finite number.')
    return float(quantity)


def duration(seconds: float) -> str:
    """Write a time span as people say it: ``42 s``, ``3 min 5 s``, ``2 h 10 min``."""
    whole = round(max(seconds, 0.0))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def decibels(ratio: float) -> float:
    """Return 20 log10 of a positive voltage ratio, in dB; NaN for a ratio that is not positive."""
    return 20.0 * math.log10(ratio) if ratio > 0 else math.nan


def ratio(value: float, digits: int = 3) -> str:
    """Write a voltage ratio in decibels and as it is: ``ratio(212)`` is ``46.5 dB (212 V/V)``."""
    level = decibels(value)
    if math.isnan(value):
        return "–"
    text = "–" if math.isnan(level) else f"{level:.1f} dB"
    return f"{text} ({engineering(value, 'V/V', digits)})"


def spice_number(value: float) -> str:
    """Write a number with the suffixes of SPICE, exact to twelve digits: 1.2e6 is ``1.2MEG``."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else repr(value)
    for factor, suffix in _SPICE_SUFFIXES:
        if abs(value) >= factor:
            return f"{value / factor:.12g}{suffix}"
    return f"{value:.12g}"
