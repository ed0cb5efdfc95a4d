"""From continuous solutions to designs on the manufacturing grid, without losing the spec.

Rounding each size on its own can break a spec by some per cent, so rounding is a search: the
linearised model ranks many combinations of grid steps at almost no cost, the exact model judges
the best few of each candidate, and the winner is the next centre.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from core.inverse.forward import Forward, Outcome, join
from core.inverse.library import evaluate
from core.inverse.linearisation import Linearised
from core.inverse.problem import Problem
from core.inverse.region import KnownRegion
from core.inverse.space import DesignSpace

JUDGED = 8
MOST_CORNERS = 7
REGION_SLACK = 0.05


def round_to_grid(space: DesignSpace, problem: Problem, unit: Tensor, at: Linearised) -> Tensor:
    """The best corners of the grid cell around each solution, by the linearised model.

    Returns:
        n x k x p grid indices, k at most `JUDGED`.
    """
    nearest = space.snap(unit)
    beyond = torch.sign(unit - space.unit_of(nearest)).long()
    moves = _corner_masks(space)[None] * beyond[:, None]
    return _rank(space, problem, unit, at, nearest, moves, JUDGED)


def repair(
    forward: Forward,
    space: DesignSpace,
    region: KnownRegion,
    problem: Problem,
    index: Tensor,
    outcome: Outcome,
    at: Linearised,
    rounds: int,
) -> tuple[Tensor, Outcome]:
    """Improve grid designs (n x p indices) by moves of one or two coordinates.

    Args:
        forward: the forward model.
        space: the grid.
        region: what the model knows; moves out of it are not taken.
        problem: what is wanted.
        index: n x p grid indices.
        outcome: there.
        at: linearisation near them, which ranks the moves.
        rounds: most rounds.

    Returns:
        Every grid design that was judged (k x p indices), and its outcome.
    """
    pool = [(index, outcome)]
    moves = _pair_moves(space)[None].expand(len(index), -1, -1)
    for _ in range(rounds):
        here = Linearised(outcome, at.excess, at.slopes)
        tried = _rank(space, problem, space.unit_of(index), here, index, moves, JUDGED)
        flat = tried.reshape(-1, space.dimension)
        inside = region.holds(space.designs(space.unit_of(flat)), REGION_SLACK)
        found = evaluate(forward, space.designs(space.unit_of(flat)))
        pool.append((flat[inside], found.rows(inside)))
        best = _best(problem, index, outcome, flat, found, inside)
        if best is None:
            break
        index, outcome = best
    return torch.cat([part for part, _ in pool]), join([part for _, part in pool])


def _best(
    problem: Problem, index: Tensor, outcome: Outcome, tried: Tensor, found: Outcome, inside: Tensor
) -> tuple[Tensor, Outcome] | None:
    """Take the best of the tried points (nk x p) where it beats the present one (n x p)."""
    n, k = len(index), len(tried) // len(index)
    merit = problem.merit(found) - 1e6 * (~inside).double()
    top = merit.view(n, k).max(dim=1)
    better = top.values > problem.merit(outcome) + 1e-6
    if not bool(better.any()):
        return None
    row = torch.arange(n) * k + top.indices
    merged = Outcome(
        torch.where(better[:, None], found.mean[row], outcome.mean),
        torch.where(better[:, None], found.sigma[row], outcome.sigma),
        torch.where(better, found.validity[row], outcome.validity),
    )
    return torch.where(better[:, None], tried[row], index), merged


def _rank(
    space: DesignSpace,
    problem: Problem,
    unit: Tensor,
    at: Linearised,
    centre: Tensor,
    moves: Tensor,
    keep: int,
) -> Tensor:
    """The `keep` moves (n x k x p grid steps) from the centres that the linear model likes best."""
    n, k = moves.shape[:2]
    index = torch.minimum((centre[:, None] + moves).clamp_min(0), space.counts - 1)
    shift = space.unit_of(index.reshape(n * k, -1)).view(n, k, -1) - unit[:, None]
    mean = at.outcome.mean[:, None] + torch.einsum("nkp,nqp->nkq", shift, at.mean_slopes)
    sigma = at.outcome.sigma[:, None] * torch.exp(
        torch.einsum("nkp,nqp->nkq", shift, at.sigma_slopes).clamp(-1.0, 1.0)
    )
    log_validity = torch.log(at.outcome.validity.clamp_min(1e-12))[:, None] + torch.einsum(
        "nkp,np->nk", shift, at.validity_slope
    )
    q = mean.shape[-1]
    guess = Outcome(
        mean.reshape(n * k, q),
        sigma.reshape(n * k, q),
        torch.exp(log_validity.clamp_max(0.0)).reshape(n * k),
    )
    top = problem.merit(guess).view(n, k).topk(min(keep, k), dim=1).indices
    return index.gather(1, top[:, :, None].expand(-1, -1, index.shape[2]))


def _corner_masks(space: DesignSpace) -> Tensor:
    """Which fine coordinates are rounded to the farther side: all combinations of a few."""
    fine = [int(i) for i in torch.nonzero(~space.coarse)[:, 0]]
    fine = sorted(fine, key=lambda i: len(space.grids[i]))[:MOST_CORNERS]
    masks = torch.zeros(2 ** len(fine), space.dimension, dtype=torch.long)
    if fine:
        masks[:, fine] = torch.tensor(list(itertools.product((0, 1), repeat=len(fine))))
    return masks


def _pair_moves(space: DesignSpace) -> Tensor:
    """Steps of one coordinate by up to 2, and of two coordinates by 1 each way."""
    p = space.dimension
    eye = torch.eye(p, dtype=torch.long)
    moves = [torch.zeros(1, p, dtype=torch.long)]
    moves += [step * eye for step in (-2, -1, 1, 2)]
    for first, second in itertools.combinations(range(p), 2):
        for a, b in itertools.product((-1, 1), repeat=2):
            moves.append((a * eye[first] + b * eye[second])[None])
    return torch.cat(moves)
