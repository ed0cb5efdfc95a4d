"""Wall time from specification to ten candidates, model loaded; the reference method beside it."""

from __future__ import annotations

import numpy as np

from benchmarks.inverse.specs import FrozenSpec
from benchmarks.inverse.trial import Bench
from core.inverse import design, mdn_sampler


def time_searches(bench: Bench, specs: list[FrozenSpec], reference: int) -> str:
    """Median and 95th percentile over specifications; the reference on the first few."""
    goals = [spec.specification(bench.circuit) for spec in specs]
    ours = [design(bench.work, goal, sampler=mdn_sampler(bench.run)).seconds for goal in goals]
    theirs = [design(bench.work, goal, method="reference").seconds for goal in goals[:reference]]
    lines = [
        f"default:   median {np.median(ours):.3f} s, 95 % below {np.quantile(ours, 0.95):.3f} s "
        f"({len(ours)} specifications, one thread)"
    ]
    if theirs:
        ratio = np.median(theirs) / np.median(ours)
        lines.append(
            f"reference: median {np.median(theirs):.1f} s ({len(theirs)} specifications), "
            f"{ratio:.0f} times the default's"
        )
    return "\n".join(lines)
