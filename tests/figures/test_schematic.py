"""Schematics carry the sizes."""

from __future__ import annotations

import dataclasses
from xml.etree import ElementTree

import pytest

from core.circuits import circuit_ids, load_circuit
from core.figures.schematic import schematic


def a_design(circuit):
    return {variable.name: float(variable.grid[3]) for variable in circuit.variables}


@pytest.mark.parametrize("name", circuit_ids())
def test_every_device_stands_in_the_drawing_with_its_size(name):
    circuit = load_circuit(name)
    design = a_design(circuit)
    drawing = schematic(circuit, design)
    words = "".join(ElementTree.fromstring(drawing).itertext())
    for device in circuit.devices:
        assert device.name in words
        assert f"{design[device.width]:g}/{design[device.length]:g}" in words
    assert "10 uA" in words or "20 uA" in words


def test_another_design_has_other_sizes():
    circuit = load_circuit("5t_opamp")
    design = a_design(circuit)
    assert "17.5/" in schematic(circuit, {**design, "w1": 17.5})
    assert "17.5/" not in schematic(circuit, design)


def test_a_circuit_of_ones_own_has_no_drawing():
    circuit = dataclasses.replace(load_circuit("5t_opamp"), id="my_opamp")
    assert schematic(circuit, a_design(circuit)) == ""
