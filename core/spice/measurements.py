"""Metrics from waveforms: what each figure means, in one place, for all engines and circuits.

Conventions: P. R. Gray et al., "Analysis and Design of Analog Integrated Circuits", 5th ed.,
chapters 6 and 9; the loop that is closed at DC and open at AC is the usual bench for both gains.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

SECANT = 0.2  # of the swing; the slew rate is the steepest secant over this part
_LEVELS = 401  # levels between start and end of the swing at which crossings are looked up
# V/V, -120 dB: a smaller common-mode gain is two currents that cancel to the last digit, which no
# fabricated amplifier shows.
NUMERICAL_ZERO = 1e-6


@dataclass(frozen=True)
class OpenLoop:
    """What the differential sweep says.

    Attributes:
        dc_gain: magnitude at the low end of the sweep, V/V.
        ugf: first frequency where the gain falls through 1, Hz; NaN where it does not.
        phase_margin: 180 degrees plus the phase there, referred to DC; NaN without a UGF.
        inverted: whether the output moves against the non-inverting input at DC.
    """

    dc_gain: float
    ugf: float
    phase_margin: float
    inverted: bool


def unwrapped_phase(response: np.ndarray) -> np.ndarray:
    """Phase of a complex sweep, degrees, unwrapped, and zero at its low end."""
    phase = np.unwrap(np.angle(response))
    return np.degrees(phase - phase[0])


def open_loop(frequency: np.ndarray, response: np.ndarray) -> OpenLoop:
    """Measure gain, unity-gain frequency and phase margin.

    Args:
        frequency: k points of the sweep, ascending, Hz.
        response: the complex differential gain at them, V/V.

    Returns:
        The figures; interpolated by a cubic spline over log frequency around the crossing.
    """
    gain = np.abs(response)
    inverted = bool(abs(np.angle(response[0])) > math.pi / 2)
    falls = np.flatnonzero((gain[:-1] >= 1.0) & (gain[1:] < 1.0))
    if gain[0] <= 1.0 or len(falls) == 0:
        return OpenLoop(float(gain[0]), math.nan, math.nan, inverted)
    # Slow to load, and not needed before something is simulated.
    from scipy.interpolate import CubicSpline
    from scipy.optimize import brentq

    crossing = int(falls[0])
    near = slice(max(0, crossing - 4), crossing + 6)
    x = np.log10(frequency[near])
    spline = CubicSpline(x, np.column_stack([np.log10(gain), unwrapped_phase(response)])[near])
    low, high = np.log10(frequency[crossing : crossing + 2])
    root = brentq(lambda at: float(spline(at)[0]), low, high, xtol=1e-12)
    return OpenLoop(float(gain[0]), 10.0**root, 180.0 + float(spline(root)[1]), inverted)


def common_mode_rejection(differential: complex, common: complex) -> float:
    """Return |Adm/Acm|; NaN where the common-mode gain is a numerical zero."""
    return abs(differential) / abs(common) if abs(common) > NUMERICAL_ZERO else math.nan


def slew_rate(time: np.ndarray, output: np.ndarray) -> float:
    """Return the steepest rise over 20 % of the swing, V/s; NaN where the output does not rise.

    A secant between fixed levels (20 to 80 %) can fall onto the settling tail, and the steepest
    tangent onto a spike that the input feeds through; the steepest secant does neither.

    Args:
        time: k time points, s.
        output: the output of the buffer at them, V; the step comes after the first points.
    """
    swing = output[-1] - output[0]
    if not swing > 0:
        return math.nan
    levels = output[0] + swing * np.linspace(0.0, 1.0, _LEVELS)
    crossings = _first_crossings(time, output, levels)
    span = round(SECANT * (_LEVELS - 1))
    durations = crossings[span:] - crossings[:-span]
    return float(SECANT * swing / durations.min()) if durations.min() > 0 else math.nan


def _first_crossings(time: np.ndarray, output: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """When the output first reaches each of the ascending levels, interpolated between samples."""
    after = np.searchsorted(np.maximum.accumulate(output), levels).clip(1, len(output) - 1)
    low, high = output[after - 1], output[after]
    part = np.divide(levels - low, high - low, out=np.ones_like(levels), where=high > low)
    return time[after - 1] + part.clip(0.0, 1.0) * (time[after] - time[after - 1])


def ripple(time: np.ndarray, output: np.ndarray) -> float:
    """How far the output still moves in the last tenth of the time, as a part of its swing."""
    swing = abs(output[-1] - output[0])
    tail = output[time >= time[0] + 0.9 * (time[-1] - time[0])]
    return float(np.ptp(tail) / swing) if swing > 0 else math.inf
