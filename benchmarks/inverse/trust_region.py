"""TuRBO and SCBO on BoTorch: Gaussian processes in a trust region, by Thompson sampling.

After the published algorithms (Eriksson et al., "Scalable global optimization via local Bayesian
optimization", NeurIPS 2019; Eriksson and Poloczek, "Scalable constrained Bayesian optimization",
AISTATS 2021) and the tutorials of BoTorch, with their constants, but not line by line.

Given to both, beyond what the papers have: the best known designs as a start; for SCBO, models of
the bounded quantities (a constraint is a quantity less its bound), so that the two sides of a band
share one process.

Handicaps of both, taken to save time. They can make both weaker than published, and a comparison
with them is one with these versions:

- A batch is sampled from ``CANDIDATES`` = 500 grid points. The papers take 2,000 or more (up to
  5,000), so these samples search the region more coarsely.
- ``TOLD`` known designs are told, not all.
- A fit takes at most ``FIT_STEPS`` steps, from the last hyperparameters on.
- A region that has shrunk to nothing opens anew round the best design with all data, where the
  papers start again elsewhere. TuRBO's box is stretched by at most 4 along an axis.
- SCBO's outputs are standardised only; the paper warps them (copula, bilog).
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.quasirandom import SobolEngine

from benchmarks.inverse.trial import BROKEN, Judged, Trial

TOLD = 60
BATCH = 4
CANDIDATES = 500
FIT_STEPS = 30
LENGTH, SHORTEST, LONGEST = 0.8, 0.5**7, 1.6
SUCCESSES = 10
PERTURBED = 20  # coordinates of a candidate that leave the centre, in the mean


@dataclass
class Region:
    """The trust region's edge in unit coordinates, and what makes it grow and shrink."""

    patience: int
    length: float = LENGTH
    successes: int = 0
    failures: int = 0

    def update(self, improved: bool) -> None:
        """Count a batch; double, halve or start again."""
        self.successes = self.successes + 1 if improved else 0
        self.failures = 0 if improved else self.failures + 1
        if self.successes == SUCCESSES:
            self.length, self.successes = min(2.0 * self.length, LONGEST), 0
        if self.failures == self.patience:
            self.length, self.failures = self.length / 2.0, 0
        if self.length < SHORTEST:
            self.length = LENGTH


# Outputs (n x m) that are modelled, of n judged designs.
Targets = Callable[[list[Judged]], Tensor]
# Scores (b x k), the smallest is best, of b samples of m outputs at k candidates.
Score = Callable[[Tensor], Tensor]


def turbo(trial: Trial) -> None:
    """TuRBO-1 on the sum of the normalised violations."""

    def objective(seen: list[Judged]) -> Tensor:
        return torch.tensor([[judged.objective] for judged in seen], dtype=torch.float64)

    _search(trial, objective, lambda samples: samples[:, 0])


def scbo(trial: Trial) -> None:
    """SCBO: the sample that meets all constraints with most room, else violates them least."""
    signs, bounds, columns = [], [], []
    for place, requirement in enumerate(trial.specification.requirements):
        columns.append(trial.quantities.index(requirement.quantity))
        signs.append(requirement.sign)
        bounds.append(trial.bounds[place])
    used = sorted(set(columns))
    spread = trial.bench.work.scale[columns][:, None]
    sign = torch.tensor(signs, dtype=torch.float64)[:, None]
    bound = torch.tensor(bounds, dtype=torch.float64)[:, None]
    rows = [used.index(column) for column in columns]

    def quantities(seen: list[Judged]) -> Tensor:
        works = [[BROKEN if judged.works else -BROKEN] for judged in seen]
        table = np.stack([judged.quantities[used] for judged in seen])
        return torch.tensor(np.hstack([table, works]))

    def violation(samples: Tensor) -> Tensor:
        margins = torch.cat([sign * (samples[:, rows] - bound) / spread, samples[:, -1:]], dim=1)
        short = torch.relu(-margins).sum(1)
        room = margins.min(1).values
        return torch.where(short > 0, short, -room)

    _search(trial, quantities, violation)


def _search(trial: Trial, targets: Targets, score: Score) -> None:
    trial.confirm_known()
    told, judged = trial.best_known(TOLD)
    units, seen = list(told), list(judged)
    dimension = told.shape[1]
    region = Region(math.ceil(max(4.0 / BATCH, dimension / BATCH)))
    state: dict[str, Tensor] | None = None
    generator = np.random.default_rng(trial.seed)
    while True:
        best = min(range(len(seen)), key=lambda row: seen[row].objective)
        value = seen[best].objective
        outputs = targets(seen)
        measured = outputs.isfinite().all(1)
        model, state = _fitted(torch.tensor(np.stack(units))[measured], outputs[measured], state)
        candidates = _candidates(trial, units[best], region.length, model.lengths, generator)
        if len(candidates) < BATCH:  # The grid holds nothing new in so small a box.
            region.length = LENGTH
            candidates = _candidates(trial, units[best], region.length, model.lengths, generator)
        for unit in model.chosen(candidates, score, generator):
            seen.append(trial.evaluate(unit))
            units.append(unit)
        newest = min(judged.objective for judged in seen[-BATCH:])
        region.update(newest < value - 1e-3 * abs(value))


@dataclass(frozen=True)
class Fitted:
    """Independent Gaussian processes of m standardised outputs."""

    model: torch.nn.Module
    centre: Tensor
    spread: Tensor

    @property
    def lengths(self) -> np.ndarray:
        """Weights (p) of the box's edges: length scales over their geometric mean, as in TuRBO;
        ones where there are several outputs, as in SCBO."""
        scales = self.model.covar_module.base_kernel.lengthscale.detach()
        if len(self.centre) > 1:
            return np.ones(scales.shape[-1])
        weights: np.ndarray = (scales / scales.log().mean().exp()).numpy().reshape(-1)
        return weights

    def chosen(
        self, candidates: np.ndarray, score: Score, generator: np.random.Generator
    ) -> list[np.ndarray]:
        """A batch of the candidates (k x p), one a sample of all outputs."""
        points = torch.tensor(candidates)
        with torch.no_grad():
            self.model.eval()
            many = len(self.centre)
            at = self.model(points.expand(many, *points.shape) if many > 1 else points)
            mean = at.mean.reshape(many, -1)
            root = _root(at.covariance_matrix.reshape(many, len(points), len(points)))
        noise = torch.tensor(generator.standard_normal((many, len(points), BATCH)))
        drawn = mean + (root @ noise).permute(2, 0, 1)
        values = score(drawn * self.spread[:, None] + self.centre[:, None])
        rows: list[int] = []
        for order in values.argsort(dim=1).tolist():
            rows.append(next(row for row in order if row not in rows))
        return [candidates[row] for row in rows]


def _root(covariance: Tensor) -> Tensor:
    """Cholesky factors, with as much jitter as it takes."""
    eye = torch.eye(covariance.shape[-1], dtype=covariance.dtype)
    for power in range(-8, 0):
        root, info = torch.linalg.cholesky_ex(covariance + 10.0**power * eye)
        if not bool(info.any()):
            return root
    return torch.zeros_like(covariance)


def _fitted(
    units: Tensor, outputs: Tensor, state: dict[str, Tensor] | None
) -> tuple[Fitted, dict[str, Tensor]]:
    """Fit by marginal likelihood, from the last hyperparameters where there are some."""
    from botorch.exceptions.errors import ModelFittingError
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import SingleTaskGP
    from gpytorch.constraints import Interval
    from gpytorch.kernels import MaternKernel, ScaleKernel
    from gpytorch.likelihoods import GaussianLikelihood
    from gpytorch.mlls import ExactMarginalLogLikelihood

    many = outputs.shape[1]
    batch = torch.Size([many]) if many > 1 else torch.Size()
    centre, spread = outputs.mean(0), outputs.std(0).clamp_min(1e-6)
    kernel = ScaleKernel(
        MaternKernel(
            nu=2.5,
            ard_num_dims=units.shape[1],
            batch_shape=batch,
            lengthscale_constraint=Interval(0.005, 4.0),
        ),
        batch_shape=batch,
    )
    model = SingleTaskGP(
        units,
        (outputs - centre) / spread,
        covar_module=kernel,
        likelihood=GaussianLikelihood(batch_shape=batch, noise_constraint=Interval(1e-8, 1e-3)),
        outcome_transform=None,
    )
    if state is not None:
        model.load_state_dict(state)
    # Where no attempt converges, the process goes on with the hyperparameters it had before.
    with contextlib.suppress(ModelFittingError):
        fit_gpytorch_mll(
            ExactMarginalLogLikelihood(model.likelihood, model),
            optimizer_kwargs={"options": {"maxiter": FIT_STEPS}},
        )
    return Fitted(model, centre, spread), model.state_dict()


def _candidates(
    trial: Trial,
    centre: np.ndarray,
    length: float,
    weights: np.ndarray,
    generator: np.random.Generator,
) -> np.ndarray:
    """New grid points (k x p) in the box around the centre, each moved in some coordinates."""
    dimension, space = len(centre), trial.bench.space
    half = length * np.clip(weights, 0.25, 4.0) / 2.0
    low, high = np.clip(centre - half, 0.0, 1.0), np.clip(centre + half, 0.0, 1.0)
    sobol = SobolEngine(dimension, scramble=True, seed=int(generator.integers(2**31)))
    moved = low + (high - low) * sobol.draw(CANDIDATES).double().numpy()
    mask = generator.random(moved.shape) <= min(PERTURBED / dimension, 1.0)
    mask[np.arange(CANDIDATES), generator.integers(dimension, size=CANDIDATES)] = True
    points = np.where(mask, moved, centre)
    index = space.snap(torch.tensor(points)).unique(dim=0)
    fresh = ~trial.tried(index)
    return space.unit_of(index[fresh] if bool(fresh.any()) else index).numpy()
