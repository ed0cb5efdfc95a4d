"""Temperature against its closed form; conformal factors against ranks and against coverage."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from core.ensemble import conformal_half_width, fuse, metric_weights, temperature_squared
from core.ensemble.calibration import typical_and_large
from core.ensemble.fitting import calibrate
from core.ensemble.fusion import UNHEARD, Fusion, conformity, trust_in_process, within_range
from core.ensemble.fusion_fitting import (
    HeldOut,
    balanced_error,
    cross_fitted_mean,
    fit_fusion,
    needed_members,
    stacked,
)


def test_the_temperature_is_the_mean_squared_score():
    y, mu = torch.tensor([[3.0], [0.0]]), torch.tensor([[1.0], [1.0]])
    variance = torch.tensor([[2.0], [0.5]])
    # Scores 4 / 2 and 1 / 0.5.
    squared = temperature_squared(y, mu, variance, torch.ones(2, 1))
    assert squared.item() == pytest.approx(2.0)


def test_the_temperature_minimises_the_gaussian_likelihood():
    torch.manual_seed(0)
    y, mu, variance = torch.randn(50, 1), torch.zeros(50, 1), torch.rand(50, 1) + 0.1
    best = temperature_squared(y, mu, variance, torch.ones(50, 1)).item()

    def nll(squared: float) -> float:
        return (y.square() / (2 * squared * variance) + 0.5 * math.log(squared)).mean().item()

    assert nll(best) < min(nll(0.9 * best), nll(1.1 * best))


def test_the_temperature_of_an_honest_sigma_is_one():
    torch.manual_seed(0)
    sigma = torch.rand(20_000, 2) + 0.1
    y = sigma * torch.randn(20_000, 2)
    squared = temperature_squared(y, torch.zeros_like(y), sigma.square(), torch.ones_like(y))
    torch.testing.assert_close(squared, torch.ones(2), atol=0.05, rtol=0)


def test_entries_without_weight_do_not_count():
    y = torch.tensor([[1.0], [torch.nan]])
    weight = torch.tensor([[1.0], [0.0]])
    ones = torch.ones(2, 1)
    assert temperature_squared(y, torch.zeros(2, 1), ones, weight).item() == pytest.approx(1.0)
    width = conformal_half_width(y, torch.zeros(2, 1), ones, weight, 0.9)
    assert width.item() == pytest.approx(1.0)


def test_the_conformal_factor_is_the_score_of_its_rank():
    scores = torch.arange(1.0, 20.0).unsqueeze(1)  # 1 to 19: rank ceil(20 * 0.9) = 18.
    one = torch.ones_like(scores)
    assert conformal_half_width(scores, 0 * one, one, one, 0.9).item() == 18.0


def test_too_few_rows_take_the_largest_score():
    scores = torch.tensor([[1.0], [5.0]])
    one = torch.ones_like(scores)
    assert conformal_half_width(scores, 0 * one, one, one, 0.9).item() == 5.0


def test_without_rows_the_factor_is_the_gaussian_one():
    nothing = torch.zeros(3, 1)
    width = conformal_half_width(nothing, nothing, nothing + 1, nothing, 0.9)
    assert width.item() == pytest.approx(1.6449, abs=1e-3)


@pytest.mark.parametrize("coverage", [0.5, 0.9])
def test_conformal_intervals_cover_new_rows_whatever_the_noise(coverage):
    torch.manual_seed(0)
    covered = []
    for _ in range(300):
        heavy = torch.distributions.StudentT(2.0).sample((41, 1))
        one = torch.ones(40, 1)
        width = conformal_half_width(heavy[:40], 0 * one, one, one, coverage)
        covered.append(float(heavy[40].abs() <= width))
    assert sum(covered) / 300 == pytest.approx(coverage, abs=0.06)


def test_two_equal_members_fuse_to_their_mean():
    mu = torch.tensor([[[1.0]], [[3.0]]])
    variance = torch.full((2, 1, 1), 2.0)
    mean, fused = fuse(mu, variance, torch.full((2, 1), 0.5))
    assert mean.item() == 2.0
    assert fused.item() == pytest.approx(2.0 + 1.0)


def test_fusion_by_hand():
    # Shares proportional to w / variance: 0.75 / 1 and 0.25 / 4, so 12 / 13 and 1 / 13.
    mu = torch.tensor([[[0.0]], [[13.0]]])
    variance = torch.tensor([[[1.0]], [[4.0]]])
    mean, fused = fuse(mu, variance, torch.tensor([[0.75], [0.25]]))
    assert mean.item() == pytest.approx(1.0)
    assert fused.item() == pytest.approx(12 / 13 * (1 + 1) + 1 / 13 * (4 + 144), rel=1e-5)


def test_a_member_of_weight_zero_has_no_say():
    mu = torch.tensor([[[1.0]], [[99.0]]])
    mean, fused = fuse(mu, torch.ones(2, 1, 1), torch.tensor([[1.0], [0.0]]))
    assert (mean.item(), fused.item()) == (1.0, 1.0)


def test_metric_weights_are_inverse_to_the_held_out_error():
    weights = metric_weights(torch.tensor([[1.0, 2.0], [3.0, 2.0]]))
    torch.testing.assert_close(weights, torch.tensor([[0.75, 0.5], [0.25, 0.5]]))


def test_the_balanced_error_is_half_bulk_and_half_tail():
    y, mu = torch.tensor([[1.0], [0.0]]), torch.tensor([[0.0], [10.0]])
    expected = 0.5 * (math.log(10.0) + math.log((1 + 100) / 2))
    assert balanced_error(y, mu, torch.ones(2, 1)).item() == pytest.approx(expected, rel=1e-5)
    one = balanced_error(y, mu, torch.tensor([[1.0], [0.0]])).item()
    assert one == pytest.approx(0.0, abs=1e-6)


def members_of(y, errors):
    """Members with these error spreads, that know them."""
    held = [HeldOut(y + e * torch.randn_like(y), torch.full_like(y, e * e)) for e in errors]
    return {str(number): member for number, member in enumerate(held)}


def test_the_weights_leave_out_a_useless_member_that_boasts():
    torch.manual_seed(0)
    y = torch.randn(400, 1)
    members = members_of(y, (0.1, 3.0))
    members["1"] = HeldOut(members["1"].mu, torch.full_like(y, 1e-4))
    fusion = fit_fusion(y, members, torch.ones_like(y))
    assert fusion.weights[0].item() >= 0.9


def test_temperatures_of_members_that_know_their_error_are_one():
    torch.manual_seed(0)
    y = torch.randn(5000, 2)
    fusion = fit_fusion(y, members_of(y, (0.1, 0.2)), torch.ones_like(y))
    torch.testing.assert_close(fusion.temperature_squared, torch.ones(2, 2), atol=0.1, rtol=0)
    torch.testing.assert_close(fusion.weights.sum(0), torch.ones(2))


def test_a_process_is_believed_where_it_knows_about_as_much_as_usual():
    trust = trust_in_process(torch.tensor([[1.0], [100.0], [1e6]]), torch.tensor([100.0]))
    assert trust[0].item() > 0.99
    assert trust[1].item() == pytest.approx(0.5)
    assert trust[2].item() < 1e-3


def test_the_first_member_stands_in_for_a_process_that_is_not_believed():
    mu = torch.tensor([[[1.0], [1.0]], [[3.0], [3.0]]])
    weights, one = torch.tensor([[0.5], [0.5]]), torch.ones(2, 1)
    fusion, doubt = Fusion(weights, one, torch.ones(1)), torch.tensor([[1e-4], [1e6]])
    mean, _ = fusion.combine(mu, torch.ones_like(mu), doubt)
    torch.testing.assert_close(mean, torch.tensor([[2.0], [1.0]]), atol=1e-3, rtol=0)
    plain, _ = fusion.combine(mu, torch.ones_like(mu))
    torch.testing.assert_close(plain, torch.tensor([[2.0], [2.0]]))


def broken_down(y: torch.Tensor, where: torch.Tensor) -> dict[str, HeldOut]:
    """Networks, and a process of estimates that errs wildly somewhere and does not know it."""
    networks = HeldOut(y + 0.1 * torch.randn_like(y), torch.full_like(y, 0.01))
    error = torch.where(where, 5.0, 0.01) * torch.randn_like(y)
    doubt = torch.full_like(y, 1e-4)
    process = HeldOut(y + error, torch.full_like(y, 0.01), doubt, estimated=True)
    return {"align": networks, "process": process}


def test_a_process_of_estimates_must_stay_near_a_network_even_where_nothing_broke_down():
    torch.manual_seed(0)
    y = torch.randn(2000, 1)
    fusion = fit_fusion(y, broken_down(y, torch.zeros_like(y).bool()), torch.ones_like(y))
    assert fusion.weights[-1] > 0.5
    mu = torch.tensor([[[0.1], [0.1]], [[0.0], [5.0]]])
    mean, _ = fusion.combine(mu, torch.full_like(mu, 0.01), torch.full((2, 1), 1e-4))
    assert mean.squeeze(1).tolist() == pytest.approx([0.0, 0.1], abs=0.05)


def test_rows_where_estimates_break_down_do_not_widen_the_process():
    torch.manual_seed(0)
    y = torch.randn(2000, 1)
    lost = torch.arange(2000).unsqueeze(1) % 50 == 0
    members = broken_down(y, lost)
    fusion = fit_fusion(y, members, torch.ones_like(y))
    assert 0.01 < fusion.temperature_squared[-1].item() < 0.05  # Of all rows it would be 50.
    mean, _ = fusion.combine(*stacked(members))
    assert (y - mean)[lost].abs().max().item() < 1.0


def test_the_middle_of_three_stands_in_where_a_process_beside_may_judge():
    mu = torch.tensor([[[1.0]], [[7.0]], [[2.0]], [[5.0]]])
    weights, one = torch.tensor([[0.0], [0.0], [0.0], [1.0]]), torch.ones(4, 1)
    fusion = Fusion(weights, one, torch.ones(1), unaided=2)
    doubted = torch.full((1, 1), 1e5)
    mean, _ = fusion.combine(mu, torch.ones_like(mu), doubted)
    assert mean.item() == pytest.approx(2.0)  # Of 1, 2 and 5; the second has no part in it.
    believed, _ = fusion.combine(mu, torch.ones_like(mu), torch.full((1, 1), 1e-9))
    assert believed.item() == pytest.approx(5.0)


def test_who_shall_not_be_heard_has_no_vote_either():
    mu = torch.tensor([[[1.0]], [[9.0]], [[2.0]]])
    weights, one = torch.tensor([[0.4], [0.2], [0.4]]), torch.ones(3, 1)
    fusion, sure = Fusion(weights, one, torch.ones(1), unaided=1), torch.full_like(mu, 0.01)
    mean, _ = fusion.combine(mu, sure, torch.full((1, 1), UNHEARD))
    assert mean.item() == pytest.approx(0.8 * 1.0 + 0.2 * 9.0)  # The first stands in.
    doubted, _ = fusion.combine(mu, sure, torch.full((1, 1), 0.1 * UNHEARD))
    assert doubted.item() == pytest.approx(2.0, abs=0.6)  # It is in the middle all the same.


def test_half_a_say_is_lost_three_standard_deviations_from_the_middle():
    mu = torch.tensor([[[1.0]], [[1.5]], [[7.0]]])
    variance = torch.tensor([[[1.0]], [[3.0]], [[1.0]]])
    kept = conformity(mu, variance, torch.zeros(1, 1, dtype=torch.long))
    # 6 away, and the difference of two with variance 1 has a standard deviation of 2 ** 0.5.
    assert kept.squeeze().tolist() == pytest.approx([1.0, 1 / (1 + 1 / 144), 1 / 3])


def test_a_member_that_two_others_contradict_hardly_counts():
    mu = torch.tensor([[[1.0]], [[41.0]], [[1.2]]])
    weights, one = torch.tensor([[0.2], [0.5], [0.3]]), torch.ones(3, 1)
    sure = torch.full_like(mu, 0.01)
    mean, _ = Fusion(weights, one, torch.ones(1), unaided=1).combine(mu, sure, torch.zeros(1, 1))
    assert mean.item() == pytest.approx(1.12, abs=0.02)
    weighed = Fusion(weights, one, torch.ones(1), unaided=1)
    told, _ = weighed.combine(mu, sure, torch.zeros(1, 1), outvoting=False)
    assert told.item() == pytest.approx(21.06, abs=0.01)  # As weights are chosen.
    alone, _ = Fusion(weights, one, torch.ones(1)).combine(mu, sure, torch.zeros(1, 1))
    assert alone.item() == pytest.approx(21.06, abs=0.01)  # Without three there is no middle.


def test_the_measured_range_gives_way_only_as_far_as_every_one_of_several_members_goes():
    low, high = torch.tensor([-1.0]), torch.tensor([1.0])
    mu = torch.tensor([[[0.5], [3.0], [-2.0]], [[2.0], [2.0], [-4.0]]])
    mean = torch.tensor([[1.4], [2.6], [-3.5]])
    told = within_range(mean, mu, low, high)
    assert told.squeeze(1).tolist() == [1.0, 2.0, -2.0]
    alone = within_range(mu[1], mu[1:], low, high)
    assert alone.squeeze(1).tolist() == [1.0, 1.0, -1.0]


@pytest.mark.parametrize(("error", "stays"), [(0.02, True), (3.0, False)])
def test_a_process_beside_stays_where_it_judges_well(error, stays):
    torch.manual_seed(0)
    y = torch.randn(2000, 1)
    lost = torch.arange(2000).unsqueeze(1) % 50 == 0
    networks, process = broken_down(y, lost).values()
    told = y + error * torch.randn_like(y)
    unaided = HeldOut(told, torch.full_like(y, 0.01), unaided=True)
    tried = {"align": networks, "unaided": unaided, "process": process}
    kept = needed_members(y, tried, torch.ones_like(y))
    assert ("unaided" in kept) == stays
    assert "process" in kept


def test_a_process_that_errs_only_where_it_knows_little_keeps_its_weight():
    torch.manual_seed(0)
    y = torch.randn(2000, 1)
    lost = torch.arange(2000).unsqueeze(1) % 50 == 0
    doubt = torch.where(lost, 1e4, 1e-4)
    networks = HeldOut(y + 0.1 * torch.randn_like(y), torch.full_like(y, 0.01))
    error = torch.where(lost, 30.0, 0.01) * torch.randn_like(y)
    process = HeldOut(y + error, torch.full_like(y, 0.01), doubt)
    fused = cross_fitted_mean(
        y, {"align": networks, "process": process}, torch.ones_like(y), torch.arange(2000) % 4
    )
    left = (y - fused).abs()
    assert left[~lost].median().item() < 0.02
    assert left[lost].max().item() < 1.0


def test_fusing_two_equal_members_halves_the_variance_of_the_error():
    torch.manual_seed(0)
    y = torch.randn(4000, 1)
    fold = torch.arange(4000) % 4
    fused = cross_fitted_mean(y, members_of(y, (0.2, 0.2)), torch.ones_like(y), fold)
    assert (y - fused).square().mean().item() == pytest.approx(0.02, rel=0.1)


def test_a_row_has_no_influence_on_its_own_weights():
    torch.manual_seed(0)
    y = torch.randn(40, 1)
    fold = torch.arange(40) % 4
    members = members_of(y, (0.1, 0.3))
    before = cross_fitted_mean(y, members, torch.ones_like(y), fold)
    y[fold == 2] += 100.0
    after = cross_fitted_mean(y, members, torch.ones_like(y), fold)
    assert torch.equal(before[fold == 2], after[fold == 2])
    assert not torch.equal(before[fold != 2], after[fold != 2])


def test_members_that_add_nothing_are_dropped_but_never_the_first():
    torch.manual_seed(0)
    y = torch.randn(6000, 1)
    good, twin, bad = members_of(y, (0.1, 0.1, 5.0)).values()
    kept = needed_members(y, {"good": good, "twin": twin, "bad": bad}, torch.ones_like(y))
    assert list(kept) == ["good", "twin"]
    assert list(needed_members(y, {"bad": bad}, torch.ones_like(y))) == ["bad"]


def test_intervals_shrink_by_what_every_row_teaches():
    torch.manual_seed(0)
    y = torch.randn(200, 1)
    held = HeldOut(torch.zeros_like(y), torch.ones_like(y))
    plain = calibrate(y, held, torch.ones_like(y), 0.9, 1.0)
    shrunk = calibrate(y, held, torch.ones_like(y), 0.9, 0.8)
    torch.testing.assert_close(
        shrunk.temperature_squared.sqrt(), 0.8 * plain.temperature_squared.sqrt()
    )
    assert torch.equal(shrunk.half_width, plain.half_width)


def test_what_sigma_shrinks_by_itself_is_not_counted_twice():
    y = torch.linspace(-1.0, 1.0, 50)[:, None].expand(-1, 2)
    held = HeldOut(torch.zeros_like(y), torch.ones_like(y), sigma_ratio=torch.tensor([0.8, 1.3]))
    told = calibrate(y, held, torch.ones_like(y), 0.9, 0.8).temperature_squared
    plain = calibrate(y, replace(held, sigma_ratio=None), torch.ones_like(y), 0.9, 1.0)
    torch.testing.assert_close(
        told, plain.temperature_squared * torch.tensor([1.0, 0.8**2]), rtol=1e-5, atol=0
    )


def test_a_typical_error_is_the_median_and_a_large_one_is_left_by_a_tenth():
    error = torch.linspace(-1.0, 1.0, 201)[:, None] * torch.tensor([1.0, 10.0])
    expected = torch.tensor([[0.5, 5.0], [0.9, 9.0]])
    torch.testing.assert_close(typical_and_large(error), expected)
    assert (typical_and_large(torch.zeros(9, 2)) > 0).all()
