"""Numbers with units, against values known by hand."""

import math

import pytest

from core.errors import InputError
from core.units import decibels, duration, engineering, parse, ratio


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
    [
        ("1.2MHz", "Hz", 1.2e6),
        ("1.2M", "Hz", 1.2e6),
        ("1.2e6", "Hz", 1.2e6),
        ("10u", "A", 1e-5),
        ("4.63 V/us", "V/s", 4.63e6),
        ("4.63 MV/s", "V/s", 4.63e6),
        ("0.5 um", "um", 0.5),
        ("500 nm", "um", 0.5),
        ("0.5", "um", 0.5),
        ("212 um²", "um^2", 212.0),
        ("65°", "deg", 65.0),
        ("65 deg", "deg", 65.0),
    ],
)
def test_people_type_si_prefixes(text: str, unit: str, value: float) -> None:
    assert parse(text, unit) == pytest.approx(value, rel=1e-12)


def test_what_is_written_as_a_datasheet_writes_it_is_read_back() -> None:
    for value, unit in [(4.63e6, "V/s"), (9.1e6, "Hz"), (1e-5, "A"), (36.5, "um"), (81.2, "deg")]:
        assert parse(engineering(value, unit), unit) == pytest.approx(value, rel=1e-12)


def test_decibels_are_a_ratio_where_they_may_be() -> None:
    assert parse("46 dB", "V/V", in_decibels=True) == pytest.approx(199.526, rel=1e-5)
    with pytest.raises(InputError, match="is in dB: expected deg"):
        parse("36 dB", "deg")


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


@pytest.mark.parametrize(
    ("text", "unit"),
    [("3 V", "Hz"), ("2 mhz", "Hz"), ("120 uA", "W"), ("2 mm²", "um^2"), ("3 V/us", "V/V")],
)
def test_another_unit_is_refused_by_name(text: str, unit: str) -> None:
    with pytest.raises(InputError, match=f"expected {unit}".replace("^", r"\^")):
        parse(text, unit)


def test_forty_decibels_are_a_hundred() -> None:
    assert decibels(100.0) == pytest.approx(40.0)
    assert math.isnan(decibels(-1.0))
