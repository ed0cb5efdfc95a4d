"""Our own methods, and the same with one part taken out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from benchmarks.inverse.specs import SEED
from benchmarks.inverse.trial import Bench, Trial
from core.inverse import (
    ReferenceSettings,
    SearchSettings,
    Simulated,
    Workbench,
    design,
    design_until,
    mdn_sampler,
    prepare,
)
from core.inverse.forward import Predictor
from core.inverse.region import KnownRegion
from core.spice import sample_designs

# Method of the benchmark: spends a trial's simulations until the trial ends it.
Method = Callable[[Trial], None]


@dataclass(frozen=True)
class AlwaysWorking:
    """A predictor that takes every design for a working amplifier."""

    base: Predictor

    def __getattr__(self, name: str) -> Any:
        return getattr(self.base, name)

    @property
    def low_fidelity(self) -> AlwaysWorking | None:
        """The same of the predictor of low fidelity."""
        low = self.base.low_fidelity
        return AlwaysWorking(low) if low else None

    def validity(self, designs: Tensor) -> Tensor:
        """One for each of n designs."""
        return torch.ones(len(designs))


@dataclass(frozen=True)
class EquallySure:
    """A predictor that is as sure of every design as of the typical known one: a mean fit."""

    base: Predictor
    usual: Tensor

    def __getattr__(self, name: str) -> Any:
        return getattr(self.base, name)

    @property
    def low_fidelity(self) -> EquallySure | None:
        """The same of the predictor of low fidelity."""
        low = self.base.low_fidelity
        return EquallySure(low, self.usual) if low else None

    def moments(self, designs: Tensor) -> tuple[Tensor, Tensor]:
        """The means, and the same standard deviation for each of n designs."""
        mean, _ = self.base.moments(designs)
        return mean, self.usual.to(mean.dtype).expand_as(mean)


def whole(bench: Bench) -> Workbench:
    """With everything."""
    return bench.work


def without_boundary(bench: Bench) -> Workbench:
    """No term for broken amplifiers, and no region that the model knows."""
    return _kept(bench, "boundary", lambda: _anywhere(bench.work))


def without_uncertainty(bench: Bench) -> Workbench:
    """The same sigma everywhere."""
    predictor = bench.work.forward.predictor
    return _kept(bench, "uncertainty", lambda: prepare(EquallySure(predictor, _usual(predictor))))


def closed_loop(
    workbench: Callable[[Bench], Workbench] = whole,
    *,
    network: bool = True,
    settings: SearchSettings | None = None,
) -> Method:
    """One simulation at a time, each teaching the next."""

    def method(trial: Trial) -> None:
        def oracle(sizes: pd.DataFrame) -> Simulated:
            return trial.simulate(sizes)

        design_until(
            workbench(trial.bench),
            trial.specification,
            oracle,
            confirmed=1,
            budget=trial.budget,
            seed=trial.seed,
            sampler=mdn_sampler(trial.bench.run, trial.seed) if network else None,
            settings=settings,
        )

    return method


def ranked(trial: Trial) -> None:
    """Without the closed loop: the candidates of one search in their order."""
    sampler = mdn_sampler(trial.bench.run, trial.seed)
    result = design(
        trial.bench.work, trial.specification, n=trial.budget, seed=trial.seed, sampler=sampler
    )
    _simulate_all(trial, result.candidates)


def reference(trial: Trial) -> None:
    """The reference method's candidates in their order."""
    result = design(
        trial.bench.work,
        trial.specification,
        n=trial.budget,
        method="reference",
        seed=trial.seed,
        reference=ReferenceSettings(),
    )
    _simulate_all(trial, result.candidates)


def nearest(trial: Trial) -> None:
    """Known designs by their violation."""
    _simulate_all(trial, trial.bench.known.iloc[trial.ranking])


def random_designs(trial: Trial) -> None:
    """The chance line as an experiment: a Sobol sequence of its own."""
    _simulate_all(trial, sample_designs(trial.bench.circuit, trial.budget, SEED + 10 + trial.seed))


def _simulate_all(trial: Trial, sizes: pd.DataFrame) -> None:
    for row in range(len(sizes)):
        trial.simulate(sizes.iloc[[row]])


def _usual(predictor: Predictor) -> Tensor:
    sizes = torch.tensor(predictor.known_designs().designs.to_numpy(dtype=float))
    with torch.no_grad():
        sigma = predictor.moments(sizes.float())[1]
    # Not `median`: on an expanded tensor torch 2.13 reads memory that is not the tensor's.
    return torch.quantile(sigma, 0.5, dim=0)


def _anywhere(work: Workbench) -> Workbench:
    changed = prepare(AlwaysWorking(work.forward.predictor))
    empty = torch.empty(0, dtype=torch.float64)
    return replace(changed, region=KnownRegion(changed.region.directions[:0], empty, empty))


def _kept(bench: Bench, name: str, make: Callable[[], Workbench]) -> Workbench:
    """Screening takes a second: once a bench, not once a specification."""
    if name not in bench.variants:
        bench.variants[name] = make()
    return bench.variants[name]
