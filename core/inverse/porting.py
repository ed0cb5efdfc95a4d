"""Porting: what an amplifier does in one process becomes what is asked of another."""

from __future__ import annotations

import math
from collections.abc import Mapping

from core.circuits import Circuit
from core.errors import InputError
from core.inverse.goals import Goal, GoalKind, round_safely
from core.inverse.specification import Specification


def port_specification(circuit: Circuit, metrics: Mapping[str, float]) -> Specification:
    """Ask that every metric be at least what was simulated (SI units), rounded down to 3 digits.

    Raises:
        InputError: a metric was not measured, or is beyond physical sense.
    """
    missing = [
        metric.label
        for metric in circuit.metrics
        if not math.isfinite(metrics.get(metric.name, math.nan))
    ]
    if missing:
        raise InputError(
            f"{', '.join(missing)} of this amplifier was not measured: change its sizes until it "
            "works, then port it."
        )
    goals = [
        Goal(name, GoalKind.MIN, low=round_safely(metrics[name], 1.0))
        for name in circuit.metric_names
    ]
    return Specification(circuit, tuple(goals))
