from __future__ import annotations

import pytest

from core.circuits import Circuit, load_circuit
from core.errors import InputError
from core.inverse import Goal, GoalKind, Specification, Tie, specification_from_flags

WORKED = ("2.5e8,200,1.5e6,65,20000", "min,min,range,range,min", "8e5:2e6", "60:75")
GAIN = Goal("dc_gain", GoalKind.MIN, 100.0)


@pytest.fixture(scope="module")
def circuit() -> Circuit:
    return load_circuit("5t_opamp")


def faults(action) -> str:
    with pytest.raises(InputError) as caught:
        action()
    return "\n".join(caught.value.faults)


def test_the_worked_example_becomes_seven_requirements(circuit: Circuit) -> None:
    spec = specification_from_flags(circuit, *WORKED, weights="0.05,0.40,0.90,0.10,0.65")
    found = {(r.name, r.bound, r.weight) for r in spec.requirements}
    assert found == {
        ("slewrate_pos >=", 2.5e8, 0.05),
        ("dc_gain >=", 200.0, 0.40),
        ("ugf >=", 8e5, 0.90),
        ("ugf <=", 2e6, 0.90),
        ("phase_margin >=", 60.0, 0.10),
        ("phase_margin <=", 75.0, 0.10),
        ("cmrr >=", 20000.0, 0.65),
    }


def test_a_target_is_a_band_of_its_tolerance(circuit: Circuit) -> None:
    spec = specification_from_flags(circuit, ",,1e6,60,", "ignore,ignore,target,target,ignore")
    bounds = {r.name: r.bound for r in spec.requirements}
    assert bounds["ugf >="] == pytest.approx(0.95e6)
    assert bounds["phase_margin <="] == pytest.approx(62.0)


def test_prefixes_are_read_in_targets_and_bands(circuit: Circuit) -> None:
    spec = specification_from_flags(
        circuit, "5M,100,1M,60,1k", "min,min,range,min,min", ugf_band="0.8M:2M"
    )
    assert [r.bound for r in spec.requirements] == [5e6, 100.0, 0.8e6, 2e6, 60.0, 1000.0]


def test_limits_ties_and_bounds_are_read_from_flags(circuit: Circuit) -> None:
    spec = specification_from_flags(
        circuit,
        ",100,,,",
        "ignore,range,ignore,ignore,ignore",
        bands=["dc_gain=100:200"],
        upper_bounds=["power=120uW", "gate_area=500"],
        minimized=["supply_current"],
        limits=["l1=500 nm", "ibias=5u:10u"],
        ties=["w2=2*w1", "w3=w1"],
    )
    bounds = {r.name: r.bound for r in spec.requirements}
    assert bounds == {
        "dc_gain >=": 100.0,
        "dc_gain <=": 200.0,
        "power <=": pytest.approx(120e-6),
        "gate_area <=": 500.0,
    }
    assert [(o.quantity, o.sign) for o in spec.objectives] == [("supply_current", -1.0)]
    assert spec.limits == {"l1": (0.5, 0.5), "ibias": pytest.approx((5e-6, 10e-6))}
    assert spec.ties == (Tie("w2", "w1", 2.0), Tie("w3", "w1", 1.0))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"y_target": "1,2,3"}, "--y-target has 3 entries: expected 5"),
        ({"goal": "min,min,min,min"}, "--goal has 4 entries"),
        ({"goal": "min,min,rnage,range,min"}, 'Did you mean "range"?'),
        ({"ugf_band": None}, "Goal range of ugf has no band"),
        ({"ugf_band": "2e6:8e5"}, "--ugf-band is upside down"),
        ({"ugf_band": "2e6"}, "expected lo:hi"),
        ({"pm_band": "a:b"}, '--pm-band: "a" is no number: expected a number'),
        ({"weights": "0,0,0,0,0"}, "All weights are zero"),
        ({"weights": "1,1,1,1,-1"}, "The weight of cmrr is -1"),
        ({"y_target": "2.5e8,-200,1.5e6,65,20000"}, "beyond physical sense"),
        ({"y_target": "2.5e8,,1.5e6,65,20000"}, "Goal min of dc_gain has no value"),
        ({"y_target": "2.5e8,nan,1.5e6,65,20000"}, '--y-target of dc_gain: "nan" is not finite'),
        ({"goal": "min,range,range,range,min"}, "give it as --band dc_gain=lo:hi"),
        ({"goal": "min,range,range,range,min", "bands": ["dc_gain=9:1"]}, "upside down"),
        ({"bands": ["gain=1:2"]}, 'unknown name "gain"'),
        ({"limits": ["l1=0.7"]}, "l1 is fixed outside its grid"),
        ({"limits": ["l1"]}, '--limit is "l1": expected w1=... with a value'),
        ({"limits": ["ibias=1:2:3"]}, "expected ibias=value or ibias=lo:hi"),
        ({"limits": ["w1=wide"]}, '--limit w1: "wide" is no number'),
        ({"limits": ["l1=0.5", "l1=1"]}, "--limit is given twice for l1"),
        ({"limits": ["l9=1"]}, 'unknown name "l9"'),
        ({"ties": ["w2=w1+3"]}, 'expected "w1" or "2 * w1"'),
        ({"ties": ["w2=0*w1"]}, "ratio 0: give a number above 0"),
        ({"upper_bounds": ["ugf=1"]}, 'unknown name "ugf"'),
        ({"upper_bounds": ["power=-1"]}, "beyond physical sense"),
        ({"upper_bounds": ["power=1u"], "minimized": ["power"]}, "power has two goals"),
        ({"minimized": ["pwoer"]}, 'Did you mean "power"?'),
        ({"y_target": "2.5e8,lots,1.5e6,65,20000"}, '--y-target of dc_gain: "lots" is no number'),
        ({"y_target": "2.5e8,200,1.5 mV,65,20000"}, "is in V: expected Hz"),
        ({"y_target": "2.5e8,200,1.5e6,36 dB,20000"}, "is in dB: expected deg"),
        ({"upper_bounds": ["power=120 uA"]}, "is in A: expected W"),
    ],
)
def test_a_wrong_flag_is_one_clear_sentence(circuit: Circuit, change: dict, words: str) -> None:
    flags = dict(zip(("y_target", "goal", "ugf_band", "pm_band"), WORKED, strict=True))
    text = faults(lambda: specification_from_flags(circuit, **{**flags, **change}))
    assert words in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (((Goal("gain", GoalKind.MIN, 1.0),),), "Unknown quantity"),
        (((GAIN, GAIN),), "two goals"),
        (((Goal("dc_gain", GoalKind.MIN),),), "has no value"),
        (((Goal("dc_gain", GoalKind.IGNORE),),), "Every goal is ignore"),
        (((Goal("power", GoalKind.MAX, None, -1.0),),), "beyond physical sense"),
        (((Goal("ugf", GoalKind.RANGE, 2e6, 1e6),),), "upside down"),
        (((GAIN,), {"l1": (0.7, 0.7)}), "l1 is fixed outside its grid"),
        (((GAIN,), {"l9": (0.5, 0.5)}), 'Unknown variable "l9"'),
        (((GAIN,), {"w1": (5.0, 1.0)}), "upside down"),
        (((GAIN,), {"w1": (60.0, 70.0)}), "outside its grid"),
        (((GAIN,), {}, (Tie("w1", "w1"),)), "tied itself"),
        (((GAIN,), {}, (Tie("w1", "w2", 1000.0),)), "No size on the grid satisfies"),
    ],
)
def test_a_wrong_specification_is_one_clear_sentence(
    circuit: Circuit, arguments: tuple, words: str
) -> None:
    text = faults(lambda: Specification(circuit, *arguments))
    assert words in text
    assert "\n" not in text


def test_all_faults_are_told_at_once(circuit: Circuit) -> None:
    text = faults(
        lambda: Specification(circuit, (Goal("dc_gain", GoalKind.MIN, -5.0),), {"l1": (0.7, 0.7)})
    )
    assert len(text.splitlines()) == 2
