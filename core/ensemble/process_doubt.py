"""How much a Gaussian process knows near a design, by its few most telling training rows.

The variance given all n rows costs n^2 operations a design. A few dozen rows, picked one by one
where the process is least sure (pivoted Cholesky decomposition: Harbrecht, Peters and Schneider
2012), bound it from above, and tell the same thing: whether a design lies where the process has
seen the circuit.
"""

from __future__ import annotations

import torch
from torch import Tensor

from core.ensemble.gaussian_process import (
    JITTER,
    Hyperparameters,
    cross_covariances,
    prior_variance,
)

_MOST_ROWS = 64


def telling_rows(inputs: Tensor, h: Hyperparameters) -> Tensor:
    """Positions (m x c) of the rows of inputs n x q that tell most about each of m outputs."""
    count = min(_MOST_ROWS, max(1, len(inputs) // 2))
    return torch.stack([_pivots(matrix, count) for matrix in cross_covariances(inputs, inputs, h)])


def _pivots(covariance: Tensor, count: int) -> Tensor:
    left = covariance.diagonal().clone()
    factor, chosen = covariance.new_zeros(len(covariance), count), []
    for step in range(count):
        pivot = int(left.argmax())
        known = factor[:, :step] @ factor[pivot, :step]
        factor[:, step] = (covariance[:, pivot] - known) / left[pivot].sqrt()
        left = (left - factor[:, step].square()).clamp(min=0.0)
        left[pivot] = -1.0  # Never again, whatever rounding leaves of it.
        chosen.append(pivot)
    return torch.tensor(chosen)


def whitening(known: Tensor, h: Hyperparameters) -> Tensor:
    """Inverse Cholesky factors (m x c x c) of the noisy covariance of known inputs (m x c x q)."""
    unit = torch.eye(known.shape[1], dtype=known.dtype)
    noise = torch.exp(2.0 * h.noise)[:, None, None] + JITTER
    factor = torch.linalg.cholesky(cross_covariances(known, known, h) + noise * unit)
    return torch.linalg.solve_triangular(factor, unit.expand_as(factor), upper=False)


def doubt(inputs: Tensor, known: Tensor, white: Tensor, h: Hyperparameters) -> Tensor:
    """Variance r x m at inputs r x q, given the known inputs m x c x q and their whitening."""
    explained = (white @ cross_covariances(known, inputs, h)).square().sum(1)
    noise = torch.exp(2.0 * h.noise)[:, None]
    return (prior_variance(inputs, h) - explained).clamp(min=0.0).add(noise).T


def held_out_doubt(inputs: Tensor, fold: Tensor, h: Hyperparameters) -> Tensor:
    """Variance (n x m) of each fold's rows, given the telling rows of the other folds."""
    variance = inputs.new_zeros(len(inputs), len(h.noise))
    for number in range(int(fold.max()) + 1):
        here, others = fold == number, inputs[fold != number]
        known = others[telling_rows(others, h)]
        variance[here] = doubt(inputs[here], known, whitening(known, h), h)
    return variance
