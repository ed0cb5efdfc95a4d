"""The stops of spec sliders."""

from __future__ import annotations

import numpy as np
import pytest

from core.circuits import load_circuit
from core.figures.quantity import quantities
from core.figures.slider import nearest, positions, slider_stops, with_values
from core.figures.sparkline import reachable
from core.figures.style import CANDIDATE

SHOWN = quantities(load_circuit("5t_opamp"))
KNOWN = {
    "ugf": np.geomspace(1e6, 2e7, 50),
    "dc_gain": np.geomspace(50, 400, 50),
    "phase_margin": np.linspace(70, 90, 50),
    "slewrate_pos": np.geomspace(1e6, 1e7, 50),
}


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_labels_differ_and_known_values_lie_inside(name):
    stops = slider_stops(SHOWN[name], KNOWN[name])
    labels = [SHOWN[name].text(stop) for stop in stops]
    assert len(set(labels)) == len(labels)
    assert stops == sorted(stops)
    assert stops[0] < KNOWN[name].min()
    assert stops[-1] > KNOWN[name].max()


def test_ratios_step_by_half_a_decibel():
    shown = SHOWN["dc_gain"].shown(slider_stops(SHOWN["dc_gain"], KNOWN["dc_gain"]))
    assert np.allclose(np.diff(shown), 0.5, atol=1e-6)


def test_phase_margins_from_thirty_degrees_on_can_be_asked_for():
    assert slider_stops(SHOWN["phase_margin"], KNOWN["phase_margin"])[0] == 30.0


def test_without_known_values_there_are_still_stops():
    assert len(slider_stops(SHOWN["ugf"], np.array([np.nan]))) > 10


def test_the_nearest_stop_is_nearest_by_ratio():
    assert nearest([1.0, 10.0, 100.0], 4.0) == 10.0
    assert nearest([1.0, 10.0, 100.0], 3.0) == 1.0
    assert nearest([-10.0, 0.0, 10.0], 6.0) == 10.0


def test_a_typed_value_takes_the_place_of_the_nearest_stop():
    stops = [1.0, 10.0, 100.0, 1000.0]
    assert with_values(stops, [12.0]) == [1.0, 12.0, 100.0, 1000.0]
    assert with_values(stops, [12.0, 13.0]) == [1.0, 12.0, 13.0, 1000.0]
    assert with_values(stops, [5e4]) == [1.0, 10.0, 100.0, 5e4]
    assert with_values(stops, [10.0, 100.0]) == stops


def test_positions_are_those_of_the_thumb():
    assert positions([1.0, 10.0, 100.0], [1.0, 10.0, 100.0, 1e9]).tolist() == [0, 0.5, 1, 1]


def test_only_bars_that_meet_the_spec_are_teal():
    at = np.array([0.1, 0.1, 0.9])
    assert reachable(at, 0.5, None).count(CANDIDATE) == 1
    assert reachable(at, None, 0.5).count(CANDIDATE) == 1
    assert reachable(at, None, None).count(CANDIDATE) == 2
    assert reachable(np.array([np.nan]), 0.5, None).count(CANDIDATE) == 0
