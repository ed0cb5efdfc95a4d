"""The stops of a spec slider: round numbers over what process B reaches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.figures.quantity import Quantity
from core.inverse import Workbench
from core.inverse.goals import GATE_AREA, POWER, SUPPLY_CURRENT

STOPS = 121
LEAST_MARGIN = 30.0  # degrees; phase margins from here on are worth asking for
HEADROOM = 1.5  # specs beyond what is known may be asked for, within reason


def slider_stops(quantity: Quantity, known: ArrayLike) -> list[float]:
    """Return ascending stored values whose labels differ: half decibels, degrees, three digits.

    Args:
        quantity: how the values are shown.
        known: stored values that known designs reach; NaN is left out.
    """
    shown = quantity.shown(known)
    shown = shown[np.isfinite(shown)]
    low, high = (float(shown.min()), float(shown.max())) if shown.size else (1.0, 10.0)
    if quantity.decibels:
        reach = 20.0 * np.log10(HEADROOM)
        stops = np.arange(np.floor(low - reach), np.ceil(high + reach) + 0.25, 0.5)
    elif not quantity.log:
        stops = np.arange(min(np.floor(low) - 5, LEAST_MARGIN), np.ceil(high) + 6, 1.0)
    else:
        stops = np.geomspace(low / HEADROOM, high * HEADROOM, STOPS)
    rounded = sorted({float(f"{value:.3g}") for value in stops})
    return [float(f"{value:.9g}") for value in quantity.stored(rounded)]


def nearest(stops: Sequence[float], value: float) -> float:
    """Return the stop next to a value, by ratio where all stops are positive."""
    grid = np.asarray(stops, dtype=float)
    if (grid > 0).all() and value > 0:
        return float(grid[np.argmin(np.abs(np.log(grid / value)))])
    return float(grid[np.argmin(np.abs(grid - value))])


def with_values(stops: Sequence[float], values: Sequence[float]) -> list[float]:
    """Return the stops with each of a few values in the place of the stop nearest to it."""
    free = list(stops)
    for value in values:
        free.remove(nearest(free, value))
    return sorted({*free, *values})


def positions(stops: Sequence[float], values: ArrayLike) -> NDArray[np.float64]:
    """Return where stored values lie on the slider, 0 to 1; NaN stays NaN."""
    found: NDArray[np.float64] = np.interp(
        np.asarray(values, dtype=float), np.asarray(stops), np.linspace(0.0, 1.0, len(stops))
    )
    return found


def reached_values(
    bench: Workbench, supply_voltage: float | None
) -> dict[str, NDArray[np.float64]]:
    """Return what the known working designs reach, stored units, by quantity.

    Args:
        bench: of the model; it holds the known designs.
        supply_voltage: V; without it power is left out.
    """
    known = bench.forward.predictor.known_designs()
    valid = np.asarray(known.valid, dtype=bool)
    reached = {name: known.metrics[name].to_numpy()[valid] for name in known.metrics}
    for name in (GATE_AREA, SUPPLY_CURRENT):
        column = bench.forward.quantities.index(name)
        reached[name] = 10.0 ** bench.measured.mean[:, column].numpy()[valid]
    if supply_voltage is not None:
        reached[POWER] = reached[SUPPLY_CURRENT] * supply_voltage
    return reached
