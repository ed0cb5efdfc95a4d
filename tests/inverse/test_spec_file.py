from __future__ import annotations

from pathlib import Path

import pytest

from core.circuits import load_circuit
from core.errors import InputError
from core.inverse import Tie, load_specification

TEXT = """
circuit = "5t_opamp"

[goals]
dc_gain = { goal = "min", value = "46 dB", weight = 0.4 }
ugf = { goal = "range", low = "0.8 MHz", high = 2e6 }
phase_margin = { goal = "target", value = 65, tolerance = 3 }
power = { goal = "max", value = "120 uW" }
gate_area = { goal = "minimize" }

[limits]
l1 = 0.5
ibias = [5e-6, 10e-6]

[ties]
w2 = "2 * w1"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "spec.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_spec_file_is_read_with_units_limits_and_ties(tmp_path: Path) -> None:
    spec = load_specification(write(tmp_path, TEXT), load_circuit("5t_opamp"))
    bounds = {r.name: r.bound for r in spec.requirements}
    assert bounds["dc_gain >="] == pytest.approx(199.526, rel=1e-5)
    assert bounds["ugf >="] == 0.8e6
    assert (bounds["phase_margin >="], bounds["phase_margin <="]) == (62.0, 68.0)
    assert bounds["power <="] == pytest.approx(120e-6)
    assert [(o.quantity, o.sign) for o in spec.objectives] == [("gate_area", -1.0)]
    assert spec.limits == {"l1": (0.5, 0.5), "ibias": (5e-6, 10e-6)}
    assert spec.ties == (Tie("w2", "w1", 2.0),)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"5t_opamp"', '"two_stage_opamp"', "the spec is for"),
        ("[goals]", "[gaols]", 'Did you mean "goals"?'),
        ('goal = "min"', 'gaol = "min"', 'Did you mean "goal"?'),
        ('goal = "min"', 'goal = "mni"', 'Did you mean "min"?'),
        ("high = 2e6", 'high = "0.5 MHz"', "upside down"),
        (", high = 2e6", "", "has no band"),
        ('value = "46 dB", ', "", "has no value"),
        ("tolerance = 3", "tolerance = -3", "above 0"),
        (
            'value = "120 uW"',
            'value = "120 uW", high = 1',
            "goals.power.high says nothing for the goal",
        ),
        (
            'gate_area = { goal = "minimize"',
            'gate_area = { goal = "minimize", value = 9',
            "leave it out",
        ),
        ("l1 = 0.5", "l1 = 0.6", "outside its grid"),
        ("[5e-6, 10e-6]", "[1, 2, 3]", "has 3 values"),
        ('"2 * w1"', '"w1 + 2"', 'expected "w1" or "2 * w1"'),
        ('"46 dB"', '"much"', "expected a number"),
        ('"46 dB"', '"40-46 dB"', "is no number"),
        ('"120 uW"', '"120 uA"', 'goals.power.value: "120 uA" is in A: expected W'),
        ('"0.8 MHz"', '"0.8 mhz"', "is in hz: expected Hz"),
        ("l1 = 0.5", 'l1 = "5 uA"', "is in A: expected um"),
        ("dc_gain =", "dc_gian =", 'Did you mean "dc_gain"?'),
        ("[goals]", "[goals", "is no TOML"),
    ],
)
def test_a_wrong_spec_file_names_the_place(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = write(tmp_path, TEXT.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        load_specification(path, load_circuit("5t_opamp"))
    assert words in str(caught.value)


def test_a_spec_file_of_an_editor_that_marks_its_encoding_is_read(tmp_path: Path) -> None:
    path = tmp_path / "spec.toml"
    path.write_text(TEXT, encoding="utf-8-sig")
    assert load_specification(path, load_circuit("5t_opamp")).limits["l1"] == (0.5, 0.5)


def test_a_missing_spec_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        load_specification(tmp_path / "none.toml", load_circuit("5t_opamp"))
