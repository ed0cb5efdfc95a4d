"""The validity gate: a design counts only if it is a working amplifier, whatever its numbers say.

Each reason is a stable sentence with the measured value behind it in parentheses, so that
rejections can be counted by what stands before the parenthesis.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from core.spice.measurements import OpenLoop

SATURATION_MARGIN = 0.025  # V; about kT/q, headroom that a saturated device has to have left
RAIL_MARGIN = 0.05  # of VDD; an output closer to a rail is railed
OFFSET_LIMIT = 0.1  # of VDD; a closed loop that misses its input by more has no gain left
RIPPLE_LIMIT = 0.02  # of the swing; more in the last tenth of the step response is not settled
FOLLOW_LIMIT = 0.8  # of the step; a buffer whose output moves less does not follow
_BOLTZMANN_OVER_CHARGE = 8.617333e-5  # V/K


def region(vds: float, vdsat: float) -> str:
    """Name the region of a device that conducts: saturated needs vdsat plus the margin."""
    return "saturation" if vds - vdsat >= SATURATION_MARGIN else "triode"


def device_reasons(headroom: Mapping[str, float]) -> Iterator[str]:
    """Name the devices that are not saturated, given Vds minus Vdsat (V) of each."""
    for name, left in headroom.items():
        if not left >= SATURATION_MARGIN:
            yield f"{name} not in saturation (headroom {left:.3f} V)"


def least_saturation_voltage(temperature: float) -> float:
    """Vds below which no MOSFET saturates at any inversion level, V, at degrees Celsius.

    In weak inversion the current saturates as 1 - exp(-Vds/Vt): three thermal voltages reach 95 %
    (Tsividis and McAndrew, "Operation and Modeling of the MOS Transistor", section 4.6). It stands
    in for Vdsat where an engine reports node voltages only: a necessary test, not a sufficient one.
    """
    return 3.0 * _BOLTZMANN_OVER_CHARGE * (temperature + 273.15)


def output_reasons(output: float, common_mode: float, supply: float) -> Iterator[str]:
    """Judge the DC output of the closed loop, V."""
    margin = RAIL_MARGIN * supply
    if not margin <= output <= supply - margin or abs(output - common_mode) > OFFSET_LIMIT * supply:
        yield f"output railed (at {output:.3f} V for {common_mode:.3f} V)"


def loop_reasons(loop: OpenLoop, cmrr: float) -> Iterator[str]:
    """Judge the small-signal figures."""
    if loop.inverted:
        yield "gain inverted"
    if not loop.dc_gain > 1.0:
        yield f"gain below 1 ({loop.dc_gain:.3g} V/V)"
    elif math.isnan(loop.ugf):
        yield "UGF outside the sweep"
    elif not 0.0 < loop.phase_margin < 180.0:
        yield f"phase margin outside 0 to 180 degrees ({loop.phase_margin:.1f} degrees)"
    if math.isnan(cmrr):
        yield "common-mode gain is a numerical zero"


def step_reasons(follow: float, ripple: float) -> Iterator[str]:
    """Judge the step response: how far the output went (of the step), how much it still moves."""
    if not ripple <= RIPPLE_LIMIT:
        yield f"loop not settled (ripple {100 * ripple:.0f} % of the swing)"
    elif not follow >= FOLLOW_LIMIT:
        yield f"buffer does not follow (moves {100 * follow:.0f} % of the step)"


def failure_categories(failure: str) -> list[str]:
    """Take a failure text apart into its reasons without their numbers."""
    return [reason.partition(" (")[0] for reason in failure.split("; ") if reason]
