"""The compact transistor: its slopes are exact, and its limits are those of the textbook."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import lambertw

from core.circuits.operating_point import CHARGES
from core.devices.compact import (
    CONSTANTS,
    FORM,
    THERMAL_VOLTAGE,
    CompactTransistor,
    inversion_charge,
)
from core.devices.transistor import size_and_bias

NAMES = [constant.name for constant in CONSTANTS]
# Effects that bend the textbook's laws, switched off.
IDEAL = {"barrier": -30.0, "mobility": -30.0, "saturation": -30.0, "modulation": -30.0}


def transistor(**values: float) -> CompactTransistor:
    made = CompactTransistor(1)
    for name, value in values.items():
        made.constants[0, NAMES.index(name)] = value
    return made


def at(vgs: float, vds: float, vsb: float = 0.0, width: float = 10.0, length: float = 1.0):
    volts = torch.tensor([[vgs, vds, vsb]], dtype=torch.float64)
    sizes = (torch.tensor([value], dtype=torch.float64) for value in (width, length))
    return size_and_bias(*sizes, volts)[None]


def any_bias(count: int) -> torch.Tensor:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        low = torch.tensor([0.5, 0.4, 0.3, -0.1, 0.0])
        high = torch.tensor([4.0, 2.0, 1.5, 1.5, 0.5])
        return low + (high - low) * torch.rand(2, count, 5, dtype=torch.float64)


def shaken(rows: int | None = None) -> CompactTransistor:
    """Every constant a little off, so that none is left out of the derivatives."""
    made = CompactTransistor(2)
    shape = (2, len(CONSTANTS)) if rows is None else (2, rows, len(CONSTANTS))
    with torch.random.fork_rng():
        torch.manual_seed(1)
        spread = torch.tensor([constant.spread for constant in CONSTANTS])
        start = made.constants if rows is None else made.constants[:, None]
        made.constants = start + 0.3 * spread * torch.randn(shape, dtype=torch.float64)
    return made


@pytest.mark.parametrize("rows", [None, 40])
def test_the_slopes_are_the_derivatives_of_the_current(rows):
    made, z = shaken(rows), any_bias(40).requires_grad_(True)
    current, slopes = made.bias(z)
    (expected,) = torch.autograd.grad(current.sum(), z)
    signs = torch.tensor([1.0, 1.0, -1.0])
    torch.testing.assert_close(slopes * signs, expected[..., 2:], rtol=1e-6, atol=1e-18)


def test_constants_of_each_row_s_own_tell_the_same_as_common_ones():
    common, z = shaken(), any_bias(40)
    own = CompactTransistor(2)
    own.constants = common.constants[:, None].expand(-1, 40, -1)
    for one, other in zip(common.bias(z), own.bias(z), strict=True):
        torch.testing.assert_close(one, other)
    torch.testing.assert_close(common.charge(z), own.charge(z))


def test_the_current_of_a_long_channel_rises_with_the_square_of_the_overdrive():
    made = transistor(**IDEAL, threshold=0.5)
    currents = [float(made.bias(at(0.5 + drive, 3.0))[0]) for drive in (0.5, 1.0)]
    assert currents[1] / currents[0] == pytest.approx(4.0, rel=0.05)
    slope, gain = (
        math.exp(CONSTANTS[NAMES.index(n)].expected) for n in ("slope", "transconductance")
    )
    square_law = gain * 10.0 / (2.0 * (1.0 + slope))
    # Of the overdrive, the logarithm of the charge takes some 50 mV.
    assert 0.85 * square_law < currents[1] < square_law


def test_the_charge_solves_its_voltage_relation():
    half = torch.tensor([-15.0, -6.1, -5.9, -1.0, 0.0, 1.0, 20.0], dtype=torch.float64)
    half.requires_grad_(True)
    charge = inversion_charge(half)
    exact = 0.5 * lambertw(2.0 * np.exp(2.0 * half.detach().numpy())).real
    torch.testing.assert_close(charge.detach(), torch.from_numpy(exact), rtol=1e-9, atol=0.0)
    (slope,) = torch.autograd.grad(charge.sum(), half)
    torch.testing.assert_close(slope, 2.0 * charge.detach() / (2.0 * charge.detach() + 1.0))


def test_in_weak_inversion_a_decade_of_current_takes_n_times_60_millivolts():
    made = transistor(**IDEAL, threshold=0.8, slope=math.log(0.5))
    current, slopes = made.bias(at(0.3, 1.0))
    assert float(current / slopes[..., 0]) == pytest.approx(1.5 * THERMAL_VOLTAGE, rel=1e-3)


def test_without_a_drain_voltage_no_current_flows():
    current, slopes = shaken().bias(any_bias(20) * torch.tensor([1.0, 1.0, 1.0, 0.0, 1.0]))
    assert float(current.abs().max()) == 0.0
    assert bool((slopes[..., 1] > 0).all())


def test_a_drain_far_below_the_source_leaves_current_and_slopes_finite():
    current, slopes = shaken().bias(at(-0.2, -1.5, 1.4).expand(2, 1, 5))
    assert bool(torch.isfinite(current).all())
    assert bool(torch.isfinite(slopes).all())
    assert bool((current <= 0.0).all())


def test_current_never_falls_with_the_drain_voltage_below_the_source_either():
    short = transistor(modulation=math.log(0.8))
    currents = [
        short.bias(at(-0.6, vds, length=0.5))[0].item() for vds in np.linspace(-1.5, 1.5, 61)
    ]
    assert min(np.diff(currents)) >= 0.0
    assert currents[0] < 0.0 < currents[-1]


def test_a_body_voltage_raises_the_threshold():
    made = transistor(**IDEAL, body=math.log(0.5))
    here, apart = (float(made.bias(at(1.0, 2.0, vsb))[0]) for vsb in (0.0, 1.0))
    shift = 0.5 * (math.sqrt(1.8) - math.sqrt(0.8))
    assert apart == pytest.approx(float(made.bias(at(1.0 - shift, 2.0))[0]), rel=1e-9)
    assert apart < here


def test_the_form_scales_the_current_as_its_name_says():
    plain, bent = transistor(), transistor(form_0_1=0.5)
    ratio = float(bent.bias(at(1.0, 1.0, length=2.0))[0] / plain.bias(at(1.0, 1.0, length=2.0))[0])
    assert ratio == pytest.approx(2.0**0.5)
    assert all(constant.expected == 0.0 for constant in FORM)


def test_what_the_gate_takes_the_other_terminals_give():
    values = dict(zip(CHARGES, shaken().charge(any_bias(5))[..., :9].unbind(-1), strict=True))
    # A common voltage of gate, drain and source moves charge of the bulk alone.
    gate, drain, bulk = (sum(values[f"c{t}{c}"] for c in "gds") for t in "gdb")
    torch.testing.assert_close(gate, -bulk)
    assert bool((drain.abs() <= 1e-9 * values["cgg"]).all())
    assert bool((values["cgg"] > 0).all() & (values["cgd"] < 0).all())


@pytest.mark.parametrize(
    ("vds", "source_end", "drain_end"), [(3.0, 2.0 / 3.0, 0.0), (0.0, 0.5, 0.5)]
)
def test_a_channel_gives_two_thirds_to_its_source_in_saturation_and_halves_without_a_drain_voltage(
    vds, source_end, drain_end
):
    made = transistor(**IDEAL, threshold=0.5, overlap=-30.0, oxide=0.0)
    found = dict(zip(CHARGES, made.charge(at(2.5, vds))[0, 0], strict=False))
    oxide = 10.0 * 1e-15  # F of 10 um x 1 um at 1 fF / um^2
    assert float(found["cgs"]) == pytest.approx(-source_end * oxide, rel=0.05)
    assert float(found["cgd"]) == pytest.approx(-drain_end * oxide, rel=0.05, abs=1e-3 * oxide)


def test_a_junction_in_reverse_is_smaller():
    *_, drain, source = transistor(junction_ends=0.5).charge(at(1.0, 1.5, 0.2))[0, 0]
    assert 0.5 < float(drain / source) < 0.9
