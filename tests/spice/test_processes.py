"""Processes: model cards by bin, corners, and what is said where a size does not fit."""

from __future__ import annotations

import pytest

from core.circuits import Circuit
from core.errors import InputError, SimulationError
from core.spice import load_process, process_names
from core.spice.model_cards import find_package_file


def test_both_processes_are_there() -> None:
    assert process_names() == ["gf180mcu", "sky130"]


def test_unknown_process_is_refused_with_a_suggestion() -> None:
    with pytest.raises(InputError, match='Did you mean "sky130"'):
        load_process("sky13")


def test_every_corner_has_cards_of_both_polarities(process_name: str) -> None:
    process = load_process(process_name)
    assert process.corner_names == ["tt", "ff", "ss", "fs", "sf"]
    for corner in process.corner_names:
        for polarity in ("nmos", "pmos"):
            assert len(process.bins(polarity, corner)) >= 16


def test_number_of_cards_is_that_of_the_model_files() -> None:
    sky130, gf180mcu = load_process("sky130"), load_process("gf180mcu")
    assert [len(sky130.bins(kind)) for kind in ("nmos", "pmos")] == [180, 108]
    assert [len(gf180mcu.bins(kind)) for kind in ("nmos", "pmos")] == [16, 16]


def test_card_is_the_one_whose_bin_holds_the_size() -> None:
    """Values read off the model file: bins of gf180mcu's NMOS meet at W = L = 0.5 um."""
    process = load_process("gf180mcu")
    assert "vth0=0.70837662" in process.model_card("nmos", 0.3, 0.3)
    assert "vth0=0.70837662" not in process.model_card("nmos", 0.3, 0.5)
    assert "vth0=0.70837662" not in process.model_card("nmos", 0.5, 0.3)


def test_size_on_an_edge_belongs_to_the_bin_above(process_name: str) -> None:
    process = load_process(process_name)
    for size in (0.5, 1.0, 2.0):
        edge = process.model_card("nmos", 5.0, size)
        assert edge == process.model_card("nmos", 5.0, size + 0.001)


def test_bins_do_not_overlap_on_the_grid(process_name: str, circuit: Circuit) -> None:
    process = load_process(process_name)
    for device in circuit.devices:
        for width in circuit.variable(device.width).grid:
            for length in circuit.variable(device.length).grid:
                cards = process.bins(device.polarity)
                fitting = [card for card in cards if card.fits(width * 1e-6, length * 1e-6)]
                assert len(fitting) == 1


def test_card_holds_numbers_only(process_name: str) -> None:
    process = load_process(process_name)
    for polarity in ("nmos", "pmos"):
        for card in process.bins(polarity):
            for assignment in card.parameters.split():
                float(assignment.partition("=")[2])


def test_size_outside_all_bins_is_refused_with_the_bins() -> None:
    process = load_process("gf180mcu")
    with pytest.raises(InputError) as fault:
        process.model_card("nmos", 0.1, 0.5)
    text = str(fault.value)
    assert "NMOS of W = 0.1 um, L = 0.5 um" in text
    assert "W from 0.22 to 100.001 um" in text
    assert "L from 0.28 to 50.001 um" in text


def test_unknown_corner_is_refused_with_a_suggestion() -> None:
    with pytest.raises(InputError, match="Unknown corner of sky130"):
        load_process("sky130").model_card("nmos", 1.0, 0.5, "fff")


def test_mismatch_coefficients_are_plausible(process_name: str) -> None:
    """Between 1 and 10 mV um and under 3 % um, as published for 0.13 to 0.18 um processes."""
    for transistor in load_process(process_name).devices.values():
        assert 1e-3 < transistor.mismatch["a_vth"] < 10e-3
        assert 0.0 < transistor.mismatch["a_beta"] < 0.03
        assert transistor.mismatch_source


def test_missing_model_file_says_what_to_install() -> None:
    with pytest.raises(SimulationError, match=r"requirements\.txt"):
        find_package_file("c4m.pdk", "sky130/models/none.spice")
