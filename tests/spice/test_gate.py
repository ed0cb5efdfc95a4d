"""The validity gate: each reason on its own, and how reasons are counted."""

from __future__ import annotations

import math

import pytest

from core.spice import failure_categories
from core.spice.gate import (
    SATURATION_MARGIN,
    device_reasons,
    least_saturation_voltage,
    loop_reasons,
    output_reasons,
    region,
    step_reasons,
)
from core.spice.measurements import OpenLoop

GOOD = OpenLoop(dc_gain=100.0, ugf=1e6, phase_margin=60.0, inverted=False)


def test_a_working_amplifier_has_no_reason() -> None:
    assert not [*device_reasons({"M1": 0.2}), *loop_reasons(GOOD, 1e3), *step_reasons(1.0, 0.0)]
    assert not list(output_reasons(1.0, 1.0, 1.8))


def test_device_without_headroom_is_named_with_its_value() -> None:
    reasons = list(device_reasons({"M1": 0.2, "M4": -0.05}))
    assert reasons == ["M4 not in saturation (headroom -0.050 V)"]


def test_unknown_headroom_is_not_taken_for_saturation() -> None:
    assert len(list(device_reasons({"M1": math.nan}))) == 1


def test_margin_decides_the_region() -> None:
    assert region(vds=0.2 + 1.01 * SATURATION_MARGIN, vdsat=0.2) == "saturation"
    assert region(vds=0.2 + 0.99 * SATURATION_MARGIN, vdsat=0.2) == "triode"


def test_least_saturation_voltage_is_three_thermal_voltages() -> None:
    assert least_saturation_voltage(27.0) == pytest.approx(3 * 25.86e-3, rel=1e-3)


@pytest.mark.parametrize("output", [0.05, 1.75, 0.7])
def test_railed_or_lost_output_is_a_reason(output: float) -> None:
    assert len(list(output_reasons(output, 1.0, 1.8))) == 1


@pytest.mark.parametrize(
    ("loop", "category"),
    [
        (OpenLoop(0.5, math.nan, math.nan, False), "gain below 1"),
        (OpenLoop(1e6, math.nan, math.nan, False), "UGF outside the sweep"),
        (OpenLoop(100.0, 1e6, -5.0, False), "phase margin outside 0 to 180 degrees"),
        (OpenLoop(100.0, 1e6, 200.0, False), "phase margin outside 0 to 180 degrees"),
        (OpenLoop(100.0, 1e6, 60.0, True), "gain inverted"),
    ],
)
def test_bad_loop_gives_its_category(loop: OpenLoop, category: str) -> None:
    assert failure_categories("; ".join(loop_reasons(loop, 1e3))) == [category]


def test_unmeasurable_rejection_is_a_reason() -> None:
    assert list(loop_reasons(GOOD, math.nan)) == ["common-mode gain is a numerical zero"]


def test_ringing_and_stuck_buffers_are_reasons() -> None:
    assert list(step_reasons(1.0, 0.5)) == ["loop not settled (ripple 50 % of the swing)"]
    assert list(step_reasons(0.1, 0.0)) == ["buffer does not follow (moves 10 % of the step)"]


def test_categories_leave_out_the_numbers() -> None:
    text = "M4 not in saturation (headroom -0.050 V); gain below 1 (0.3 V/V)"
    assert failure_categories(text) == ["M4 not in saturation", "gain below 1"]
    assert failure_categories("") == []
