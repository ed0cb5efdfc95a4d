"""The learning rate at the points where it is known."""

from __future__ import annotations

import pytest

from core.training.schedule import learning_rate_factor


@pytest.mark.parametrize(
    ("schedule", "progress", "factor"),
    [
        ("one_cycle", 0.0, 0.05),
        ("one_cycle", 0.1, 1.0),
        ("one_cycle", 0.55, 0.5005),
        ("one_cycle", 1.0, 1e-3),
        ("cosine", 0.0, 1.0),
        ("cosine", 0.5, 0.5005),
        ("cosine", 1.0, 1e-3),
        ("constant", 0.3, 1.0),
        ("plateau", 0.9, 1.0),
    ],
)
def test_the_factor_is_known_at(schedule, progress, factor):
    assert learning_rate_factor(schedule, progress) == pytest.approx(factor)
