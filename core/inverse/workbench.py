"""Everything about a predictor that no specification changes, made once and kept for many."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from core.circuits import Circuit
from core.inverse.correction import CorrectedModel, correct_model
from core.inverse.derived import fit_supply_model, log_features, log_gate_area
from core.inverse.forward import Forward, ForwardModel, KnownDesigns, Outcome, Predictor, join
from core.inverse.goals import is_logarithmic
from core.inverse.library import Library, build_library
from core.inverse.linearisation import linearise
from core.inverse.region import KnownRegion, known_region
from core.inverse.space import DesignSpace, design_space
from core.inverse.specification import Specification

LIBRARY_SIZE = 8192
RESTRICTED_SIZE = 2048
MEASURED_SIGMA = 1e-4


@dataclass(frozen=True)
class Workbench:
    """A forward model with what was computed from it beforehand.

    Attributes:
        forward: predictor and derived quantities.
        region: what the model knows.
        space: the whole design space.
        library: screened designs in it; its first rows are the known designs.
        known: sizes (k x d) of the simulated designs of process B.
        measured: their simulated outcome; NaN where not measured, validity 0 or 1.
        scale: q standard deviations of the measured quantities, model space.
        spacing: median distance of known designs to their nearest neighbour, in features.
        seed: of the screening points.
        low_fidelity: a quicker forward model whose gradients the solvers follow first, or None.
    """

    forward: Forward
    region: KnownRegion
    space: DesignSpace
    library: Library
    known: pd.DataFrame
    measured: Outcome
    scale: Tensor
    spacing: float
    seed: int
    low_fidelity: Forward | None = None

    @property
    def slopes(self) -> Forward:
        """The forward model to differentiate."""
        return self.low_fidelity or self.forward

    def library_for(self, specification: Specification, space: DesignSpace) -> Library:
        """The library, or a new smaller one where limits or ties restrict the space."""
        if not specification.limits and not specification.ties:
            return self.library
        known = torch.tensor(self.known.to_numpy(dtype=float))
        return build_library(
            self.forward, space, self.region, known, self.measured, RESTRICTED_SIZE, self.seed
        )

    def learn(self, verified: pd.DataFrame) -> Workbench:
        """A workbench that knows verified designs too; milliseconds, no training.

        Args:
            verified: u rows: sizes, metrics and supply current (NaN: not measured), ``failure``.
        """
        base = self.forward.base if isinstance(self.forward, CorrectedModel) else self.forward
        if not isinstance(base, ForwardModel):
            raise TypeError(f"cannot correct a {type(base).__name__}")
        circuit = base.predictor.circuit
        sizes = verified[circuit.variable_names].reset_index(drop=True)
        table = Verified(
            sizes,
            verified[circuit.metric_names].reset_index(drop=True),
            (verified["failure"] == "").to_numpy(),
            verified["supply_current"].reset_index(drop=True),
        )
        tensor = torch.tensor(sizes.to_numpy(dtype=float))
        told = _measured(base, sizes, table)
        known = torch.tensor(self.known.to_numpy(dtype=float))
        forward = correct_model(base, known, tensor, told)
        library = self.library
        outcome = forward.correct(library.designs, library.outcome)
        # What was measured needs no correction.
        k = library.known
        outcome = join([library.outcome.rows(torch.arange(k)), _rest(outcome, k)])
        index = self.space.snap(self.space.unit(tensor))
        return replace(
            self,
            forward=forward,
            library=Library(
                torch.cat([index, library.index]),
                torch.cat([tensor, library.designs]),
                join([_filled(told, forward(tensor)), outcome]),
                k + len(tensor),
            ),
            known=pd.concat([self.known, sizes], ignore_index=True),
            measured=join([self.measured, told]),
        )

    def trust_distance(self, designs: pd.DataFrame) -> np.ndarray:
        """Distance (n) of designs to the nearest known one; 1 is typical of known designs.

        Euclidean in the standardised features, relative to the median distance between
        nearest neighbours among the known designs.
        """
        circuit = self.forward.predictor.circuit
        known = _features(circuit, self.known)
        centre, spread = known.mean(0), known.std(0).clamp_min(1e-9)
        wanted = _features(circuit, designs[circuit.variable_names])
        nearest = torch.cdist((wanted - centre) / spread, (known - centre) / spread).min(1).values
        result: np.ndarray = nearest.numpy() / max(self.spacing, 1e-9)
        return result


@dataclass(frozen=True)
class Verified:
    """Verified designs as a table of known ones."""

    designs: pd.DataFrame
    metrics: pd.DataFrame
    valid: np.ndarray
    supply_current: pd.Series


def prepare(predictor: Predictor, *, seed: int = 0, size: int = LIBRARY_SIZE) -> Workbench:
    """Screen the design space with a predictor: a second or so, once a model.

    Args:
        predictor: forward model of process B.
        seed: of the Sobol points.
        size: how many designs to screen.
    """
    circuit = predictor.circuit
    table = predictor.known_designs()
    sizes = table.designs[circuit.variable_names].reset_index(drop=True)
    current = np.asarray(table.supply_current, dtype=float)
    supply = fit_supply_model(circuit, sizes, current)
    forward = ForwardModel(predictor, supply)
    space = design_space(circuit)
    region = known_region(circuit, sizes[np.asarray(table.valid, dtype=bool)])
    known = torch.tensor(sizes.to_numpy(dtype=float))
    measured = _measured(forward, sizes, table)
    library = build_library(forward, space, region, known, measured, size, seed)
    features = _features(circuit, sizes)
    features = (features - features.mean(0)) / features.std(0).clamp_min(1e-9)
    gaps = torch.cdist(features, features).fill_diagonal_(torch.inf).min(1).values
    low_fidelity = ForwardModel(predictor.low_fidelity, supply) if predictor.low_fidelity else None
    bench = Workbench(
        forward=forward,
        region=region,
        space=space,
        library=library,
        known=sizes,
        measured=measured,
        scale=_spread(measured, library.outcome),
        spacing=float(gaps[gaps > 0].median()) if bool((gaps > 0).any()) else 1.0,
        seed=seed,
        low_fidelity=low_fidelity,
    )
    # The first batched backward pass of a process imports for a second; not in the first search.
    middle = torch.full((1, space.dimension), 0.5, dtype=torch.float64)
    linearise(bench.slopes, space, region, middle)
    return bench


def _measured(forward: ForwardModel, sizes: pd.DataFrame, table: KnownDesigns) -> Outcome:
    """The simulated outcome of the known designs, in model space; NaN where not measured."""
    circuit = forward.predictor.circuit
    columns = []
    for name in circuit.metric_names:
        values = torch.tensor(table.metrics[name].to_numpy(dtype=float))
        columns.append(torch.log10(values) if is_logarithmic(circuit, name) else values)
    designs = torch.tensor(sizes.to_numpy(dtype=float))
    current = torch.log10(torch.tensor(np.asarray(table.supply_current, dtype=float)))
    current = torch.where(current.isfinite(), current, forward.supply.log_current(designs))
    mean = torch.stack([*columns, log_gate_area(circuit, designs), current], 1)
    valid = torch.tensor(np.asarray(table.valid, dtype=bool)).double()
    return Outcome(mean, torch.full_like(mean, MEASURED_SIGMA), valid)


def _spread(measured: Outcome, predicted: Outcome) -> Tensor:
    """Standard deviations (q) over the valid known designs, robust to a few wild ones."""
    usable = measured.mean[(measured.validity > 0) & measured.mean.isfinite().all(1)]
    values = usable if len(usable) > 10 else predicted.mean
    low, high = torch.quantile(values, torch.tensor([0.16, 0.84], dtype=values.dtype), dim=0)
    return ((high - low) / 2.0).clamp_min(1e-6)


def _features(circuit: Circuit, designs: pd.DataFrame) -> Tensor:
    return log_features(circuit, torch.tensor(designs.to_numpy(dtype=float)))


def _rest(outcome: Outcome, first: int) -> Outcome:
    return outcome.rows(torch.arange(first, len(outcome.mean)))


def _filled(measured: Outcome, predicted: Outcome) -> Outcome:
    """The measured outcome, with what is predicted where something was not measured."""
    told = measured.mean.isfinite()
    return Outcome(
        torch.where(told, measured.mean, predicted.mean.detach()),
        torch.where(told, measured.sigma, predicted.sigma.detach()),
        measured.validity,
    )
