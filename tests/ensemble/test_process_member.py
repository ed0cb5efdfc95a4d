"""The Gaussian process as a member: what it predicts, leaves out, and tells of learning."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from core.ensemble.gaussian_process import GaussianProcess, cross_covariances, prior_variance
from core.ensemble.process_doubt import doubt, telling_rows, whitening
from core.ensemble.process_member import Estimator, FittedProcess, hold_out, learn_process
from core.models import MLP, Architecture

ROWS = 48


def fit_process(
    baseline: MLP,
    x: torch.Tensor,
    y: torch.Tensor,
    fold: torch.Tensor,
    estimator: Estimator | None = None,
) -> FittedProcess:
    return hold_out(learn_process(baseline, x, y, estimator=estimator), fold)


@pytest.fixture(scope="module")
def baseline() -> MLP:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MLP(Architecture(inputs=3, outputs=2, hidden=(8,), activation="silu", members=2))


@pytest.fixture(scope="module")
def rows() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(ROWS, 3, generator=generator)
    y = torch.stack([torch.sin(x[:, 0]) + x[:, 1], 0.3 * x[:, 2].square()], dim=1)
    return x, y, torch.arange(ROWS) % 4


@pytest.fixture(scope="module")
def fitted(baseline, rows) -> FittedProcess:
    return fit_process(baseline, *rows)


def test_the_training_rows_come_back_nearly_as_they_were(fitted, rows):
    x, y, _ = rows
    torch.testing.assert_close(fitted.member(x)[0], y, atol=0.05, rtol=0)


def test_rows_of_a_fold_are_predicted_without_knowing_them(fitted, rows):
    x, y, _ = rows
    held_out, known = (fitted.held_out - y).abs(), (fitted.member(x)[0] - y).abs()
    assert held_out.median() > 2 * known.median()
    assert held_out.median() < 0.2


def test_a_smooth_function_is_learned_better_from_every_row_than_from_a_fold_less(fitted):
    assert fitted.learning < 1.0


def test_no_more_is_promised_of_a_fold_more_than_rows_can_tell(fitted):
    assert fitted.learning >= 0.75**0.6


def test_pure_noise_gets_no_better_with_more_rows(baseline, rows):
    x, _, fold = rows
    noise = torch.randn(ROWS, 2, generator=torch.Generator().manual_seed(2))
    assert fit_process(baseline, x, noise, fold).learning == pytest.approx(1.0, abs=0.12)


def test_a_silenced_output_costs_nothing_and_the_others_stay(baseline, rows):
    member = fit_process(baseline, *rows).member
    before, _ = member(rows[0])
    member.silence(torch.tensor([True, False]))
    after, _ = member(rows[0])
    assert torch.equal(after[:, 1], before[:, 1])
    torch.testing.assert_close(after[:, 0], member.shift[:1].float().expand(ROWS))


def test_the_doubt_grows_away_from_the_training_rows(fitted, rows):
    _, near = fitted.member(rows[0])
    _, far = fitted.member(rows[0] + 20.0)
    assert (far.min(dim=0).values > near.max(dim=0).values).all()


def test_the_doubt_is_the_variance_where_every_row_is_telling(fitted):
    inputs, h = fitted.member.inputs, fitted.member.hyperparameters()
    h = replace(h, noise=torch.full_like(h.noise, -2.0))  # With less the matrix is near singular.
    known = inputs[:12].expand(2, -1, -1)
    few = GaussianProcess(inputs[:12], torch.zeros(12, 2, dtype=torch.float64), h)
    cross = cross_covariances(inputs, inputs[:12], h)
    noise = torch.exp(2 * h.noise)[:, None]
    exact = prior_variance(inputs, h) + noise - ((cross @ few.inverse) * cross).sum(-1)
    torch.testing.assert_close(
        doubt(inputs, known, whitening(known, h), h).T, exact, rtol=1e-3, atol=1e-5
    )


def test_the_first_telling_row_is_the_least_certain_and_none_comes_twice(fitted):
    inputs, h = fitted.member.inputs, fitted.member.hyperparameters()
    rows = telling_rows(inputs, h)
    assert torch.equal(rows[:, 0], prior_variance(inputs, h).argmax(dim=1))
    assert all(len(set(row)) == ROWS // 2 for row in rows.tolist())


def test_an_estimate_leaves_only_its_error_to_be_learned(baseline, rows, fitted):
    x, y, fold = rows

    def estimator(x: torch.Tensor) -> torch.Tensor:
        return torch.stack([torch.sin(x[:, 0]), 0.3 * x[:, 2].square()], dim=1).double()

    told = fit_process(baseline, x, y, fold, estimator=estimator)
    plain, better = ((f.held_out - y).abs().median() for f in (fitted, told))
    assert better < 0.3 * plain
    torch.testing.assert_close(told.member(x)[0], y, atol=0.05, rtol=0)


def test_an_output_rests_on_its_estimate_only_where_errors_become_smaller(baseline, rows):
    x, y, fold = rows
    y = y.clone()
    y[::16, 0] += 5.0  # Where the estimate breaks down.
    rough = 0.3 * torch.randn(ROWS, generator=torch.Generator().manual_seed(3))

    def estimator(asked: torch.Tensor) -> torch.Tensor:
        told = truth(asked)
        told[:, 1] += rough.double()
        return told

    fitted = fit_process(baseline, x, y, fold, estimator=estimator)
    assert fitted.member.rests.tolist() == [1.0, 0.0]
    prior = fitted.member.prior(fitted.member.raw_inputs(x))
    torch.testing.assert_close(prior[:, 0], truth(x)[:, 0])
    assert not prior[:, 1].any()


def test_a_few_wild_errors_of_an_estimate_do_not_spoil_the_rest(baseline, rows):
    x, y, fold = rows
    wild = y.clone()
    wild[::16] += 5.0

    told = fit_process(baseline, x, wild, fold, estimator=truth)
    sound = torch.arange(ROWS) % 16 != 0
    assert (told.held_out - wild)[sound].abs().median() < 0.02


def test_an_estimator_that_knows_rows_by_heart_is_held_out_by_others_that_do_not(baseline, rows):
    x, y, fold = rows
    noise = 0.3 * torch.randn(ROWS, 2, generator=torch.Generator().manual_seed(4))

    def by_heart(asked: torch.Tensor) -> torch.Tensor:
        return truth(asked) + noise

    learned = learn_process(baseline, x, y + noise, estimator=by_heart)
    flattered = hold_out(learned, fold)
    honest = hold_out(learned, fold, estimates=truth(x).expand(4, -1, -1))
    seen, unseen = ((one.held_out - y - noise).abs().median() for one in (flattered, honest))
    assert seen < 0.02
    assert 0.5 < float(unseen / noise.abs().median()) < 2.0
    assert torch.equal(flattered.doubt, honest.doubt)


def test_where_an_estimate_was_cut_the_process_has_no_say(baseline, rows):
    x, y, fold = rows

    def estimator(asked: torch.Tensor) -> torch.Tensor:
        told = truth(asked)
        told[asked[:, 2] > 1.0, 0] = -300.0  # A dead amplifier, by the nodal equations.
        return told

    fitted = fit_process(baseline, x, y, fold, estimator=estimator)
    dead = x[:, 2] > 1.0
    assert dead.any()
    for doubt_found in (fitted.doubt, fitted.member(x)[1]):
        assert doubt_found[dead].min() > 1e3 * doubt_found[~dead].max()


def truth(x: torch.Tensor) -> torch.Tensor:
    return torch.stack([torch.sin(x[:, 0]) + x[:, 1], 0.3 * x[:, 2].square()], dim=1).double()
