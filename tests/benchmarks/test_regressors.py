"""The peers of the forward benchmark are fitted fairly, and their residuals are of unseen rows."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.regressors import BUDGET, PEERS, fit_peer

_GENERATOR = np.random.default_rng(0)
X = _GENERATOR.normal(size=(80, 2))
Y = X[:, 0] + X[:, 1] ** 2
NEW = _GENERATOR.uniform(-1, 1, size=(40, 2))


@pytest.mark.parametrize(("name", "worst"), [("ridge", 0.05), ("gp", 0.05), ("mlp", 0.4)])
def test_a_peer_learns_a_parabola(name, worst):
    mean, sigma = fit_peer(PEERS[name], X, Y, seed=1).predict(NEW)
    assert np.abs(mean - (NEW[:, 0] + NEW[:, 1] ** 2)).max() < worst
    assert (sigma > 0).all()


@pytest.mark.parametrize("peer", [p for p in PEERS.values() if p.grid])
def test_every_peer_has_the_same_tuning_budget(peer):
    assert np.prod([len(values) for values in peer.grid.values()]) == BUDGET


def test_residuals_are_of_rows_that_were_left_out():
    noise = _GENERATOR.normal(size=80)
    fitted = fit_peer(PEERS["ridge"], X, noise, seed=1)
    seen = noise - fitted.predict(X)[0]
    assert np.std(fitted.residuals) > 1.02 * np.std(seen)


def test_the_sigma_of_a_gaussian_process_is_honest_where_rows_are_left_out():
    noisy = Y + 0.3 * _GENERATOR.normal(size=80)
    residuals = fit_peer(PEERS["gp"], X, noisy, seed=1).residuals
    assert 0.6 < np.std(residuals) < 1.6
