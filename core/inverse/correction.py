"""Learning from verified designs in milliseconds: the model's error as a Gaussian process.

The predictor says mu +- sigma. Its standardised error g = (simulated - mu) / sigma is taken as a
Gaussian process over the standardised log features with unit variance, so that every verified
design corrects its neighbourhood and shrinks the uncertainty there, and far away nothing changes
(Rasmussen and Williams, *Gaussian Processes for Machine Learning*, 2006, equations 2.25, 2.26).
Part of the variance is common to all designs: a bias of the whole model shows in a few designs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from core.inverse.derived import SupplyModel, log_features
from core.inverse.forward import ForwardModel, Outcome, Predictor

LENGTH = 0.5
COMMON = 0.05
NOISE = 0.003
PRIOR_DESIGNS = 4


@dataclass(frozen=True)
class CorrectedModel:
    """A forward model with the errors seen at v verified designs taken out.

    Attributes:
        base: the forward model.
        centre: f means of the log features.
        scale: f standard deviations.
        measured: v x f standardised features of the working verified designs.
        errors: v x q standardised errors there.
        inverse: v x v inverse of the kernel matrix.
        spread: q, how large the errors are in sigmas, from the verified designs and a prior.
        tried: u x f features of all verified designs, working or not.
        surprise: u, 1 or 0 (did work or not) minus the predicted validity.
        tried_inverse: u x u inverse of their kernel matrix.
    """

    base: ForwardModel
    centre: Tensor
    scale: Tensor
    measured: Tensor
    errors: Tensor
    inverse: Tensor
    spread: Tensor
    tried: Tensor
    surprise: Tensor
    tried_inverse: Tensor

    @property
    def predictor(self) -> Predictor:
        """The predictor below the correction."""
        return self.base.predictor

    @property
    def supply(self) -> SupplyModel:
        """The supply model below the correction."""
        return self.base.supply

    @property
    def quantities(self) -> list[str]:
        """Names of the q columns of an outcome."""
        return self.base.quantities

    def __call__(self, designs: Tensor) -> Outcome:
        """Corrected outcome of designs (n x d, physical, double); differentiable."""
        return self.correct(designs, self.base(designs))

    def correct(self, designs: Tensor, outcome: Outcome) -> Outcome:
        """Correct what the base model says of designs (n x d)."""
        features = _standard(self.base, designs, self.centre, self.scale)
        near = _kernel(features, self.measured)
        shift = near @ self.inverse @ self.errors
        left = (1.0 - ((near @ self.inverse) * near).sum(1)).clamp_min(NOISE)
        surprise = _kernel(features, self.tried) @ self.tried_inverse @ self.surprise
        return Outcome(
            outcome.mean + outcome.sigma * shift,
            outcome.sigma * self.spread * left.sqrt()[:, None],
            (outcome.validity + surprise).clamp(1e-6, 1.0 - 1e-9),
        )


def correct_model(
    base: ForwardModel, known: Tensor, verified: Tensor, measured: Outcome
) -> CorrectedModel:
    """Fit the correction.

    Args:
        base: the forward model.
        known: k x d designs whose spread standardises the features.
        verified: u x d verified designs.
        measured: their simulated outcome in model space; rows with a NaN tell of validity alone.
    """
    features = log_features(base.predictor.circuit, known)
    centre, scale = features.mean(0), features.std(0).clamp_min(1e-9)
    with torch.no_grad():
        predicted = base(verified)
    tried = _standard(base, verified, centre, scale)
    told = measured.mean.isfinite().all(1)
    errors = (measured.mean - predicted.mean) / predicted.sigma
    exact = predicted.sigma < 1e-5  # Gate area: nothing to learn, and nothing to divide by.
    errors = torch.where(exact, 0.0, errors).clamp(-8.0, 8.0)
    inverse = _inverse(tried[told])
    # Student's t process (Shah, Wilson and Ghahramani 2014): a model that was wrong by more than
    # its sigmas here is trusted less elsewhere, quantity by quantity.
    surprise = (errors[told] * (inverse @ errors[told])).sum(0)
    spread = torch.sqrt((PRIOR_DESIGNS + surprise) / (PRIOR_DESIGNS + int(told.sum())))
    return CorrectedModel(
        base=base,
        centre=centre,
        scale=scale,
        measured=tried[told],
        errors=errors[told],
        inverse=inverse,
        spread=spread,
        tried=tried,
        surprise=measured.validity - predicted.validity,
        tried_inverse=_inverse(tried),
    )


def _standard(base: ForwardModel, designs: Tensor, centre: Tensor, scale: Tensor) -> Tensor:
    features = (log_features(base.predictor.circuit, designs) - centre) / scale
    return features / features.shape[1] ** 0.5


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    square = (a[:, None] - b[None]).square().sum(2)
    r = torch.sqrt(3.0 * square + 1e-18) / LENGTH  # Matern 3/2, equation 4.17
    return COMMON + (1.0 - COMMON) * (1.0 + r) * torch.exp(-r)


def _inverse(points: Tensor) -> Tensor:
    eye = torch.eye(len(points), dtype=points.dtype)
    return torch.linalg.inv(_kernel(points, points) + NOISE * eye)
