"""Numbers with units, against values known by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.units import decibels, duration, engineering, parse, ratio, spice_number


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (4.63e6, "V/s", "4.63 V/us"),
        (9.1e6, "Hz", "9.1 MHz"),
        (1e-5, "A", "10 uA"),
        (16e3, "Ohm", "16 kOhm"),
        (81.25, "deg", "81.2°"),
        (36.5, "um", "36.5 um"),
        (math.nan, "Hz", "–"),
    ],
)
def test_engineering_notation_reads_like_a_datasheet(value: float, unit: str, text: str) -> None:
    assert engineering(value, unit) == text


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [("1.2MHz", "Hz", 1.2e6), ("1.2M", "Hz", 1.2e6), ("1.2e6", "Hz", 1.2e6), ("10u", "A", 1e-5)],
)
def test_people_type_si_prefixes(text: str, unit: str, value: float) -> None:
    assert parse(text, unit) == pytest.approx(value, rel=1e-12)


def test_mega_is_m_for_people_and_meg_for_spice() -> None:
    assert parse("1M") == 1e6
    assert spice_number(1e6) == "1MEG"
    assert spice_number(1e-3) == "1M"


@pytest.mark.parametrize(
    ("seconds", "text"), [(41.6, "42 s"), (185, "3 min 5 s"), (7810, "2 h 10 min"), (-3, "0 s")]
)
def test_a_time_span_reads_as_people_say_it(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_voltage_ratio_stands_in_both_notations() -> None:
    assert ratio(200.0) == "46.0 dB (200 V/V)"


@pytest.mark.parametrize("text", ["", "fast", "1.2.3", "nan", "inf"])
def test_text_that_is_no_finite_number_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text, "Hz")
    assert len(caught.value.faults) == 1


def test_another_unit_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="expected Hz"):
        parse("3 V", "Hz")


def test_forty_decibels_are_a_hundred() -> None:
    assert decibels(100.0) == pytest.approx(40.0)
    assert math.isnan(decibels(-1.0))


@given(st.floats(min_value=1e-14, max_value=9e13, allow_nan=False))
def test_spice_numbers_keep_twelve_digits(value: float) -> None:
    text = spice_number(value)
    factors = {"T": 1e12, "G": 1e9, "MEG": 1e6, "K": 1e3, "M": 1e-3, "U": 1e-6, "N": 1e-9}
    factors |= {"P": 1e-12, "F": 1e-15, "": 1.0}
    digits = text.rstrip("TGMEKUNPF")
    assert float(digits) * factors[text[len(digits) :]] == pytest.approx(value, rel=1e-11)
