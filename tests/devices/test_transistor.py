"""Transistor networks: their derivatives are exact, and what they are fitted to comes back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from core.circuits.operating_point import CHARGES, JUNCTIONS
from core.devices import transistor
from core.devices.transistor import DrainCurrent, fit_transistor, side_by_side, size_and_bias

THERMAL, THRESHOLD, EARLY = 0.08, 0.7, 20.0


def share_in_bulk(vds):
    return np.exp((vds - 2.5) / 0.2)


def long_channel(seed: int, count: int) -> pd.DataFrame:
    """Operating points of a transistor of the textbook, from weak to strong inversion."""
    rng = np.random.default_rng(seed)
    width, length = rng.uniform(2, 40, count), rng.choice([0.5, 1.0, 2.0], count)
    vgs, vds = rng.uniform(0.6, 1.3, count), rng.uniform(0.5, 2.5, count)
    drive = np.log1p(np.exp((vgs - THRESHOLD) / THERMAL))
    current = 1e-6 * width / length * drive**2 * (1 + vds / (EARLY * length))
    table = pd.DataFrame({"width": width, "length": length, "vgs": vgs, "vds": vds, "vbs": 0.0})
    table["id"] = current
    table["gm"] = 2 * current / (drive * THERMAL) / (1 + np.exp((THRESHOLD - vgs) / THERMAL))
    table["gds"] = current / (EARLY * length + vds)
    table["gmbs"] = 0.2 * table["gm"]
    for name in (*CHARGES, *JUNCTIONS):
        table[name] = 1e-15 * width * (1 + 0.1 * vgs)
    table["isub"] = current * share_in_bulk(vds)
    return table


def inputs_of(points: pd.DataFrame) -> torch.Tensor:
    width, length = (torch.tensor(points[name].to_numpy()) for name in ("width", "length"))
    volts = torch.tensor(np.column_stack([points["vgs"], points["vds"], -points["vbs"]]))
    return size_and_bias(width, length, volts)


@pytest.fixture(scope="module")
def fitted():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            transistor,
            "_ITERATIONS",
            {"current": 300, "capacitances": 60, "imbalance": 200, "substrate": 200},
        )
        points = long_channel(0, 400)
        other = points.assign(vds=points["vds"] + 0.1)
        other["gds"] = (
            points["gds"]
            * (EARLY * points["length"] + points["vds"])
            / (EARLY * points["length"] + other["vds"])
        )
        other["gm"] = points["gm"] * 1.004
        yield fit_transistor(points, points.join(other, rsuffix="_other"), seed=1)


def test_the_slopes_are_the_derivatives_of_the_current():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = DrainCurrent()
    z = torch.rand(20, 5, dtype=torch.float64).add(0.3).requires_grad_(True)
    value, slopes = network.with_slopes(z)
    (expected,) = torch.autograd.grad(value.sum(), z)
    torch.testing.assert_close(slopes * torch.tensor([1.0, 1.0, -1.0]), expected[:, 2:])


def test_current_and_conductances_come_back_on_points_that_were_not_fitted(fitted):
    points = long_channel(1, 200)
    current, slopes = fitted.bias(inputs_of(points))
    assert np.median(np.abs(current.numpy() / points["id"] - 1)) < 0.01
    assert np.median(np.abs(slopes[:, 0].numpy() / points["gm"] - 1)) < 0.01
    assert np.median(np.abs(slopes[:, 1].numpy() / points["gds"] - 1)) < 0.03


def test_capacitances_come_back_in_farad(fitted):
    points = long_channel(2, 100)
    found = fitted.charge(inputs_of(points)).numpy()
    assert np.median(np.abs(found[:, 0] / points["cgg"] - 1)) < 0.03


def test_the_share_in_the_bulk_and_its_slopes_come_back(fitted):
    points = long_channel(5, 100)
    log_share, slopes = fitted.substrate.with_slopes(inputs_of(points))
    expected = share_in_bulk(points["vds"].to_numpy())
    assert np.median(np.abs(np.exp(log_share.numpy()) / expected - 1)) < 0.05
    assert np.median(np.abs(slopes[:, 1].numpy() * 0.2 - 1)) < 0.1
    z = inputs_of(points).requires_grad_(True)
    (by_input,) = torch.autograd.grad(fitted.substrate.with_slopes(z)[0].sum(), z)
    torch.testing.assert_close(slopes * torch.tensor([1.0, 1.0, -1.0]), by_input[:, 2:])


def test_equal_transistors_differ_as_their_drains_do(fitted):
    z = torch.tensor([[np.log(10.0), 1.0, 0.9, 1.0, 0.0]])
    same = fitted.imbalance.of_pair(z, torch.zeros(1, 3, dtype=torch.float64))
    apart = fitted.imbalance.of_pair(z, torch.tensor([[0.0, -0.1, 0.0]], dtype=torch.float64))
    assert same.abs().max() == 0.0
    assert float(apart[0, 0]) == pytest.approx(-np.log(1.004), rel=0.1)


def test_polarities_side_by_side_answer_as_each_by_itself(fitted):
    with torch.random.fork_rng():
        torch.manual_seed(3)
        other = type(fitted)()
        both = side_by_side([fitted, other])
    points = inputs_of(long_channel(4, 30)).view(2, 15, 5)
    difference = torch.full((2, 15, 3), 0.1, dtype=torch.float64)
    current, slopes = both.bias(points)
    for row, model in enumerate((fitted, other)):
        expected = model.bias(points[row])
        torch.testing.assert_close(current[row], expected[0])
        torch.testing.assert_close(slopes[row], expected[1])
        torch.testing.assert_close(both.charge(points)[row], model.charge(points[row]))
        shares = both.substrate.with_slopes(points), model.substrate.with_slopes(points[row])
        torch.testing.assert_close([part[row] for part in shares[0]], list(shares[1]))
        torch.testing.assert_close(
            both.imbalance.of_pair(points, difference)[row],
            model.imbalance.of_pair(points[row], difference[row]),
        )


def test_fitting_can_be_stopped():
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_transistor(long_channel(0, 50), pd.DataFrame(), 1, stop)
