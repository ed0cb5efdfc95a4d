"""Numbers with units, both ways, with the SI prefixes that people read and type.

``M`` is mega and ``m`` is milli, unlike in SPICE. The library quantiphy reads and writes them; here
stands what engineers write otherwise: decibels, slew rates per microsecond, sizes in micrometres.
"""

from __future__ import annotations

import math
import re

from quantiphy import InvalidNumber, Quantity

from core.errors import InputError

# What a unit is also written as, and how many of it that is. The u of um reads as a prefix.
_SPELLINGS = {
    "deg": {"degree": 1.0, "degrees": 1.0, "°": 1.0},
    "V/s": {"V/ms": 1e3, "V/us": 1e6, "V/µs": 1e6, "V/μs": 1e6, "V/ns": 1e9},
    "um": {"m": 1e6},
}
_MEG = re.compile(r"(?<=[\d.\s])meg(?=[A-Za-z]*$)", re.IGNORECASE)  # as SPICE writes it
_AREA = re.compile(r"\s*[uµμ]m(\^2|²|2)$")


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


def parse(text: str, unit: str = "", in_decibels: bool = False) -> float:
    """Read a number with SI prefix and optional unit: ``parse("1.2MHz", "Hz")`` is 1.2e6.

    Mega may be MEG, as in SPICE. Slew rates may be per microsecond, lengths of devices are in
    micrometres (``500 nm`` is 0.5).

    Args:
        unit: of the number that is returned; empty: any, and it is not converted.
        in_decibels: whether ``46 dB`` may stand for the ratio 200.

    Raises:
        InputError: where the text is no finite number, or carries another unit.
    """
    number = _MEG.sub("M", text.strip())
    if unit in ("um²", "um^2"):
        number = _AREA.sub("", number)
    if "," in number:
        raise InputError(f'"{text}" has a comma: write 10.5 with a point, 10500 without one.')
    try:
        quantity = Quantity(number)
    except InvalidNumber:
        raise InputError(
            f'"{text}" is no number: expected a number such as 1.2e6 or 1.2M'
            f"{f', in {unit}' if unit else ''}."
        ) from None
    written = str(quantity.units)
    factors = {"": 1.0, unit: 1.0} | _SPELLINGS.get(unit, {})
    if written == "dB" and in_decibels:
        value = 10.0 ** (float(quantity) / 20.0)
    elif not unit or written in factors:
        value = factors.get(written, 1.0) * float(quantity)
    else:
        raise InputError(f'"{text}" is in {written}: expected {unit}.')
    if not math.isfinite(value):
        raise InputError(f'"{text}" is not finite: give a finite number.')
    return value


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
