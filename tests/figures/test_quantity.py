"""How quantities are shown and read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.circuits import load_circuit
from core.errors import InputError
from core.figures.quantity import quantities

SHOWN = quantities(load_circuit("two_stage_opamp"))


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("dc_gain", 200.0, "46.0 dB"),
        ("ugf", 9.1e6, "9.1 MHz"),
        ("slewrate_pos", 4.63e6, "4.63 V/us"),
        ("phase_margin", 64.2, "64.2°"),
        ("w1", 36.0, "36 um"),
        ("cc", 7e-13, "700 fF"),
        ("ibias", 1e-5, "10 uA"),
        ("gate_area", 12.0, "12 um²"),
        ("gate_area", 1234.0, "1230 um²"),
        ("ugf", np.nan, "–"),
        ("dc_gain", np.nan, "–"),
        ("dc_gain", -3.0, "–"),
    ],
)
def test_values_are_written_as_engineers_read_them(name, value, text):
    assert SHOWN[name].text(value) == text


def test_a_ratio_is_written_in_decibels_and_as_a_ratio():
    assert SHOWN["cmrr"].both(1000.0) == "60.0 dB (1 kV/V)"
    assert SHOWN["cmrr"].both(np.nan) == "–"


@pytest.mark.parametrize("log", [True, False])
def test_a_ratio_has_decibels_on_a_linear_and_on_a_logarithmic_axis(log):
    axis = SHOWN["dc_gain"].axis(log=log)
    assert axis["type"] == "linear"
    assert axis["title"]["text"] == "DC gain [dB]"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("dc_gain", "46.0206", 200.0),
        ("dc_gain", "40 dB", 100.0),
        ("dc_gain", "200 V/V", 200.0),
        ("ugf", "1.2M", 1.2e6),
        ("ugf", "1.2 MHz", 1.2e6),
        ("ugf", "8e5", 8e5),
        ("slewrate_pos", "4", 4e6),
        ("slewrate_pos", "4 V/us", 4e6),
        ("slewrate_pos", "4 MV/s", 4e6),
        ("phase_margin", "65°", 65.0),
        ("phase_margin", "65", 65.0),
        ("gate_area", "100", 100.0),
        ("gate_area", "100 um^2", 100.0),
        ("gate_area", "100 um²", 100.0),
        ("gate_area", "100um2", 100.0),
        ("gate_area", "1.2k", 1200.0),
        ("ugf", "10meg", 1e7),
        ("ugf", "10 MEGHz", 1e7),
        ("slewrate_pos", "10 mV/us", 1e4),
        ("slewrate_pos", "10 V/µs", 1e7),
        ("slewrate_pos", "0.01 V/ns", 1e7),
        ("slewrate_pos", "4M", 4e6),
        ("cc", "0.7p", 7e-13),
        ("w1", "36", 36.0),
    ],
)
def test_what_people_type_is_read_with_its_unit(name, text, value):
    assert SHOWN[name].read(text) == pytest.approx(value, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "text", "beside", "value"),
    [
        ("ugf", "8", 1.2e6, 8e6),
        ("ugf", "8", 12e3, 8e3),
        ("ugf", "1200000", 1.2e6, 1.2e6),
        ("ugf", "8e5", 1.2e6, 8e5),
        ("ugf", "8 kHz", 1.2e6, 8e3),
        ("power", "20", 33e-6, 20e-6),
        ("phase_margin", "65", 60.0, 65.0),
        ("slewrate_pos", "4", 2e6, 4e6),
    ],
)
def test_a_short_bare_number_takes_over_the_prefix_that_stood_there(name, text, beside, value):
    assert SHOWN[name].read(text, beside) == pytest.approx(value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ugf", "fast"),
        ("ugf", "3 V"),
        ("ugf", "10,5 MHz"),
        ("ugf", "nan"),
        ("phase_margin", "1 rad"),
        ("dc_gain", ""),
    ],
)
def test_what_is_no_such_value_is_refused(name, text):
    with pytest.raises(InputError):
        SHOWN[name].read(text)


@given(st.sampled_from(sorted(SHOWN)), st.floats(1e-12, 1e12))
def test_shown_and_stored_are_inverse(name, value):
    quantity = SHOWN[name]
    assert float(quantity.stored(quantity.shown(value))) == pytest.approx(value, rel=1e-9)
