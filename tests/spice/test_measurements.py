"""Metrics from waveforms whose figures are known in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.spice.measurements import (
    common_mode_rejection,
    open_loop,
    ripple,
    slew_rate,
    unwrapped_phase,
)

FREQUENCY = np.logspace(-3, 10, 261)


def two_poles(gain: float, first: float, second: float) -> np.ndarray:
    return gain / ((1 + 1j * FREQUENCY / first) * (1 + 1j * FREQUENCY / second))


def test_single_pole_has_ninety_degrees_of_margin() -> None:
    loop = open_loop(FREQUENCY, two_poles(1000.0, 1e3, 1e15))
    assert loop.dc_gain == pytest.approx(1000.0)
    assert loop.ugf == pytest.approx(1e3 * math.sqrt(1000.0**2 - 1), rel=1e-6)
    assert loop.phase_margin == pytest.approx(90.0 + math.degrees(1e-3), abs=1e-3)
    assert not loop.inverted


def test_second_pole_at_the_unity_gain_frequency_leaves_the_textbook_margin() -> None:
    """Two poles: |A| = 1 solved by hand gives the UGF, the arctangents give the phase."""
    gain, first, second = 1e4, 100.0, 1e6
    a, b = 1 / (first * second) ** 2, 1 / first**2 + 1 / second**2
    ugf = math.sqrt((-b + math.sqrt(b * b + 4 * a * (gain**2 - 1))) / (2 * a))
    margin = 180 - math.degrees(math.atan(ugf / first) + math.atan(ugf / second))
    loop = open_loop(FREQUENCY, two_poles(gain, first, second))
    assert loop.ugf == pytest.approx(ugf, rel=1e-5)
    assert loop.phase_margin == pytest.approx(margin, abs=1e-3)


def test_phase_is_unwrapped_beyond_180_degrees() -> None:
    response = two_poles(1e5, 10.0, 1e3) / (1 + 1j * FREQUENCY / 1e4)
    assert unwrapped_phase(response)[-1] == pytest.approx(-270.0, abs=0.1)
    assert open_loop(FREQUENCY, response).phase_margin < 0


def test_inverted_gain_is_noticed_and_its_phase_referred_to_dc() -> None:
    loop = open_loop(FREQUENCY, -two_poles(1000.0, 1e3, 1e15))
    assert loop.inverted
    assert loop.phase_margin == pytest.approx(90.0, abs=0.1)


def test_gain_below_one_has_no_unity_gain_frequency() -> None:
    loop = open_loop(FREQUENCY, two_poles(0.5, 1e3, 1e6))
    assert loop.dc_gain == pytest.approx(0.5)
    assert math.isnan(loop.ugf)
    assert math.isnan(loop.phase_margin)


def test_gain_that_never_falls_to_one_has_no_unity_gain_frequency() -> None:
    assert math.isnan(open_loop(FREQUENCY, two_poles(1e6, 1e9, 1e12)).ugf)


def test_rejection_is_the_ratio_of_the_gains() -> None:
    assert common_mode_rejection(200.0 + 0j, -0.1 + 0j) == pytest.approx(2000.0)


def test_rejection_over_a_numerical_zero_is_not_a_number() -> None:
    assert math.isnan(common_mode_rejection(200.0 + 0j, 1e-12 + 0j))


def test_slew_rate_of_a_ramp_is_its_slope() -> None:
    time = np.linspace(0, 1e-6, 1001)
    output = 1.0 + np.clip((time - 2e-7) * 2e6, 0.0, 1.0)
    assert slew_rate(time, output) == pytest.approx(2e6, rel=1e-3)


def test_slew_rate_ignores_the_settling_tail() -> None:
    """A ramp to 70 % with a slow tail: the 20-to-80 % average would say far less."""
    time = np.linspace(0, 1e-5, 20001)
    ramp, tail = 1e7 * time, 0.7 + 0.3 * (1 - np.exp(-(time - 7e-8) / 1e-6))
    assert slew_rate(time, np.where(time < 7e-8, ramp, tail)) == pytest.approx(1e7, rel=1e-2)


def test_slew_rate_of_an_exponential_is_its_steepest_fifth() -> None:
    """From 0 to 20 % an exponential takes -tau ln 0.8."""
    tau, time = 1e-7, np.linspace(0, 2e-6, 20001)
    expected = 0.2 / (-tau * math.log(0.8))
    assert slew_rate(time, 1 - np.exp(-time / tau)) == pytest.approx(expected, rel=1e-2)


def test_output_that_does_not_rise_has_no_slew_rate() -> None:
    time = np.linspace(0, 1e-6, 101)
    assert math.isnan(slew_rate(time, 1.0 - time))


def test_settled_output_has_no_ripple_and_an_oscillation_has() -> None:
    time = np.linspace(0, 1e-5, 5001)
    assert ripple(time, 1 - np.exp(-time / 1e-7)) < 1e-6
    assert ripple(time, 1 - np.cos(2 * np.pi * 1e6 * time) * 0.5 - 0.5 + time * 1e5) > 0.5
