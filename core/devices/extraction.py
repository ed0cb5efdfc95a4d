"""Extract a process's transistors from what its amplifiers measure, where nothing else is known.

Foundries extract the constants of a compact model from currents of single transistors. Data of
amplifiers hold none, but their metrics hang on the same constants through the nodal equations:
nonlinear least squares finds the constants that explain all designs at once, from expected values
with wide spreads (a trust-region method with Cauchy's loss, so that no design the model cannot
explain decides: Branch, Coleman and Li 1999, as in scipy). Where the testbench is unknown too,
supply, common mode, load and step are constants like the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import torch
from scipy.optimize import least_squares
from torch import Tensor

from core.circuits import Circuit
from core.data import DomainTable
from core.devices.amplifier import ESTIMATES, AmplifierModel
from core.devices.compact import CONSTANTS, FORM, CompactTransistor, Constant
from core.devices.fitting import FEWEST_DESIGNS, GUESSING, slowest
from core.devices.nodal import Surroundings
from core.devices.topology import Topology, read_topology
from core.devices.transistor import fit_scaled

# Small errors of a model of so few constants: decades, and 50 degrees of the margin.
_SMALL = {"slewrate_pos": 0.06, "dc_gain": 0.02, "ugf": 0.01, "phase_margin": 0.01, "cmrr": 0.05}
_DEGREES = 50.0
_SCALE = 3.0  # Small errors from which on Cauchy's loss grows with the logarithm alone.
_BELIEF = 0.3  # Small errors that a constant costs when it is a spread away from its expectation.
# Errors first count as small when they are so many times as large. Rows, that factor, and how many
# searches go on from there.
_COARSE, _NEAR = ((100, 10.0, 2), (200, 3.0, 2), (200, 1.0, 2)), 1.0
_HOPELESS = 3.0  # times the least cost: nothing that goes on from there will be the best
_SUPPLIES = (1.8, 3.3, 5.0)  # V, where the search for an unknown supply begins
_COARSE_EVALUATIONS, _EVALUATIONS = 25, 80
# Constants of most designs are close to those of all; of a few designs they are not, and cost less.
_FOLD_EVALUATIONS, _FOLD_DESIGNS = 20, 12_000  # in the search of a fold: at least, and all together
_NO_SIGNAL = 100.0  # small errors, of what could not be told
_GUESSED = 4  # shuffled designs that the guess is learned from, for each design
# Of an unknown testbench: ln of the supply (V), the common mode's share of it (logit), ln of the
# load (F), ln of the step's share of the supply.
_BENCH = (
    Constant("supply", 0.0, 0.1),
    Constant("common_mode", 0.0, 0.5),
    Constant("load", math.log(2e-12), 1.0),
    Constant("step", math.log(0.2), 0.7),
)
_CMRR_FREQUENCY = 1.0  # Hz


@dataclass(frozen=True)
class Extraction:
    """An amplifier whose transistors explain its metrics, and what it would say of new designs.

    Attributes:
        model: of all designs' metrics.
        by_fold: folds x n x 5, physical units: estimates of all designs by transistors that a fold
            of the designs was kept from.
    """

    model: AmplifierModel
    by_fold: Tensor


def extract_amplifier(
    circuit: Circuit,
    surroundings: Surroundings | None,
    table: DomainTable,
    fold: np.ndarray,
    seed: int,
    between: Callable[[], None] = lambda: None,
) -> Extraction | None:
    """Extract B's transistors from metrics and put the amplifier together.

    Args:
        circuit: with a netlist template and metrics among ``ESTIMATES``.
        surroundings: of the testbench; None where it is unknown.
        table: n designs of B with their metrics.
        fold: n numbers from 0; below it, of designs that are in none.
        seed: of the guess of the operating point.
        between: called before each evaluation; may raise to stop.

    Returns:
        None where fewer than ``FEWEST_DESIGNS`` designs work.
    """
    if table.valid.sum() < FEWEST_DESIGNS:
        return None
    topology, unknown = read_topology(circuit), surroundings is None
    benches = list(_unknown_benches()) if surroundings is None else [surroundings]
    found = [_Search(topology, bench, unknown, table, between) for bench in benches]
    for rows, widening, keep in _COARSE:
        part = table.rows(np.unique(np.linspace(0, len(table) - 1, rows).astype(int)))
        found = [search.on(part) for search in found]
        for search in found:
            search.go_on(widening, _COARSE_EVALUATIONS)
        found = _promising(found, keep)
    for search in found:
        search.go_on(_NEAR, _EVALUATIONS // 2, form=True, supply=False)
    search = min(found, key=lambda search: search.cost).on(table)
    for supply in (False, True):
        search.go_on(_NEAR, _EVALUATIONS, form=True, supply=supply)
    evaluations = min(max(_FOLD_DESIGNS // len(table), _FOLD_EVALUATIONS), _EVALUATIONS)
    by_fold = []
    for number in range(int(fold.max()) + 1):
        others = search.on(table.rows(np.flatnonzero(fold != number)))
        others.go_on(_NEAR, evaluations, form=True)
        by_fold.append(others.on(table).estimates())
    return Extraction(search.finished(seed), torch.stack(by_fold))


def _promising(found: list[_Search], keep: int) -> list[_Search]:
    """The searches of the least cost, the best of each kind of loop among them unless hopeless.

    No search goes from one kind of loop to the other: which it was, only the end can tell.
    """
    ranked = sorted(found, key=lambda search: search.cost)
    ranked = [search for search in ranked if search.cost <= _HOPELESS * ranked[0].cost]
    best: dict[bool, _Search] = {}
    for search in ranked:
        best.setdefault(search.model.surroundings.open_loop, search)
    return [*best.values(), *(search for search in ranked if search not in best.values())][:keep]


def _unknown_benches() -> Iterator[Surroundings]:
    """Where searches begin."""
    for supply, open_loop in product(_SUPPLIES, (False, True)):
        yield Surroundings(supply, supply / 2, 1e-12, 1.0, _CMRR_FREQUENCY, open_loop)


class _Search:
    """Constants of an amplifier as unknowns, in spreads away from what is expected.

    Attributes:
        place: p, where the search is.
        cost: of the last place, in squared small errors.
    """

    def __init__(
        self,
        topology: Topology,
        surroundings: Surroundings,
        unknown: bool,
        table: DomainTable,
        between: Callable[[], None],
    ) -> None:
        self._topology, self._around, self._unknown = topology, surroundings, unknown
        self._between, self._widening, self.cost = between, _NEAR, math.inf
        with torch.random.fork_rng():
            self.model = AmplifierModel(
                topology,
                surroundings,
                table.designs.shape[1],
                CompactTransistor(len(topology.kinds)),
            )
        self.model.slowest = slowest(table)
        self._designs = torch.tensor(table.designs.to_numpy(dtype=float))
        measured = torch.tensor(_measured(table))
        self._wanted = torch.stack(list(map(_decades, ESTIMATES, measured.T)), dim=1)
        constants = [*CONSTANTS] * len(topology.kinds)
        if unknown:
            constants += [replace(_BENCH[0], expected=math.log(surroundings.supply)), *_BENCH[1:]]
        self._form = np.array([constant in FORM for constant in constants])
        self._supply = np.array([constant.name == "supply" for constant in constants])
        self._expected, self._spread = (
            torch.tensor([getattr(c, name) for c in constants], dtype=torch.float64)
            for name in ("expected", "spread")
        )
        self.place = np.zeros(len(constants))
        self._volts = self._solved = self._start(self._designs)

    def _start(self, designs: Tensor) -> Tensor:
        """Half the supply at every node of every state."""
        half, nodes = 0.5 * float(self._around.supply), self._topology.unknowns
        return torch.full((len(designs), self.model.states * nodes), half).double()

    def on(self, table: DomainTable) -> _Search:
        """The same place, on other rows."""
        other = _Search(self._topology, self._around, self._unknown, table, self._between)
        other.place = self.place
        return other

    def go_on(
        self, widening: float, evaluations: int, form: bool = False, supply: bool = True
    ) -> None:
        """Search on from where it is.

        Few designs tell of the supply. Free beside the form it creeps along, and the search ends
        anywhere.

        Args:
            widening: of the errors that count as small.
            evaluations: at most.
            form: whether the constants of the quadratic form are free.
            supply: whether an unknown supply is.
        """
        self._widening = widening
        free = (~self._form | form) & (~self._supply | supply)
        start = self.place.copy()

        def all_of(values: np.ndarray) -> np.ndarray:
            start[free] = values
            return start

        found = least_squares(
            lambda values: self._residuals(all_of(values)),
            self.place[free],
            lambda values: self._jacobian(all_of(values))[:, free],
            loss="cauchy",
            f_scale=_SCALE,
            max_nfev=evaluations,
        )
        self.place, self.cost = all_of(found.x).copy(), float(found.cost)

    def _put(self, values: Tensor) -> None:
        """Set constants: p, or n x p for each design's own."""
        kinds = len(self._topology.kinds)
        constants = values[..., : kinds * len(CONSTANTS)].unflatten(-1, (kinds, -1))
        if values.dim() == 2:
            constants = self.model.repeated(constants)
        self.model.transistors.constants = constants
        if self._unknown:
            log_supply, logit, log_load, log_step = values[..., -len(_BENCH) :].unbind(-1)
            supply = log_supply.exp()
            self.model.surroundings = replace(
                self._around,
                supply=supply,
                common_mode=supply * logit.sigmoid(),
                load=log_load.exp(),
                step=supply * log_step.exp(),
            )

    def _values(self, place: np.ndarray) -> Tensor:
        return self._expected + torch.from_numpy(place) * self._spread

    def _settle(self, place: np.ndarray) -> None:
        """Put the constants of a place and solve all operating points, from the last good ones.

        Those of another trial may be wild, and what a place costs must hang on the place alone.
        """
        self._between()
        self._put(self._values(place))
        volts = self.model.solve_states(self._designs, self._volts)
        lost = ~torch.isfinite(volts).all(dim=1, keepdim=True)
        self._solved = torch.where(lost, self._volts, volts)

    def _residuals(self, place: np.ndarray) -> np.ndarray:
        """Errors in small ones, then the constants' distances from what is expected."""
        self._settle(place)
        with torch.no_grad():
            errors = torch.stack(self._errors(), dim=1)
        return np.concatenate([errors.flatten().numpy(), self._belief * place])

    def _jacobian(self, place: np.ndarray) -> np.ndarray:
        """Derivatives of the residuals.

        Each design has constants of its own for a moment: one backward pass a metric tells the
        derivatives of all designs by all constants.
        """
        self._settle(place)
        self._volts = self._solved  # Derivatives are asked for where a search goes on.
        own = self._values(place).repeat(len(self._designs), 1).requires_grad_(True)
        self._put(own)
        slopes = torch.stack(
            [
                torch.autograd.grad(error.sum(), own, retain_graph=True)[0]
                for error in self._errors()
            ],
            dim=1,
        )
        slopes = torch.nan_to_num(slopes, 0.0, 0.0, 0.0) * self._spread
        return np.concatenate([slopes.flatten(0, 1).numpy(), self._belief * np.eye(len(place))])

    @property
    def _belief(self) -> float:
        return _BELIEF / math.sqrt(self._widening)

    def _errors(self) -> list[Tensor]:
        """Of each metric (n each), in small errors; 0 where nothing was measured."""
        told = self.model.estimates(self._designs, self._solved)
        return [
            self._error(name, told[name], wanted)
            for name, wanted in zip(ESTIMATES, self._wanted.T, strict=True)
        ]

    def _error(self, name: str, told: Tensor, wanted: Tensor) -> Tensor:
        error = (_decades(name, told) - wanted) / (self._widening * _SMALL[name])
        error = torch.where(torch.isfinite(wanted), error, 0.0)
        return torch.nan_to_num(error, _NO_SIGNAL, _NO_SIGNAL, -_NO_SIGNAL)

    def estimates(self) -> Tensor:
        """What the constants of the place tell of the designs, n x 5 in physical units."""
        self._settle(self.place)
        with torch.no_grad():
            return self.model.estimate(self._designs, self._solved)

    def finished(self, seed: int) -> AmplifierModel:
        """The amplifier where the search is, with a guess of its operating points."""
        self._put(self._values(self.place))
        around = self.model.surroundings
        self.model.surroundings = replace(
            around,
            supply=float(around.supply),
            common_mode=float(around.common_mode),
            load=float(around.load),
            step=float(around.step),
        )
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            free = [
                torch.stack([column[torch.randperm(len(column))] for column in self._designs.T], 1)
                for _ in range(_GUESSED)
            ]
        designs = torch.cat([self._designs, *free])
        volts = self.model.solve_states(designs, self._start(designs))
        learn_guess(self.model, designs, volts, self._between)
        return self.model.requires_grad_(False).eval()


def learn_guess(
    model: AmplifierModel, designs: Tensor, volts: Tensor, between: Callable[[], None]
) -> None:
    """Fit a model's guess to solved designs (n x d); volts (n x u) that are NaN were not found.

    Shuffled sizes make amplifiers that nobody would draw, some of them without an operating point.
    """
    solved = torch.isfinite(volts).all(dim=1)
    fit_scaled(model.guess, designs[solved].log(), volts[solved], between, GUESSING)


def _measured(table: DomainTable) -> np.ndarray:
    """Metrics n x 5, NaN where none; of designs that do not work, what still means something."""
    metrics = table.metrics.reindex(columns=list(ESTIMATES)).to_numpy(dtype=float, copy=True)
    for name in ("slewrate_pos", "cmrr"):
        metrics[~table.valid, ESTIMATES.index(name)] = np.nan
    return metrics


def _decades(name: str, values: Tensor) -> Tensor:
    """Values (n) of a metric on a scale on which errors count alike at every size."""
    if name == "phase_margin":
        return values / _DEGREES
    return torch.where(torch.isfinite(values), values.clamp(min=1e-6).log10(), torch.nan)
