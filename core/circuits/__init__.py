"""Circuits: what is sized, what is measured, and how the parts are wired."""

from core.circuits.circuit import (
    Balance,
    Circuit,
    Device,
    Feature,
    Metric,
    Variable,
    circuit_ids,
    load_circuit,
)

__all__ = [
    "Balance",
    "Circuit",
    "Device",
    "Feature",
    "Metric",
    "Variable",
    "circuit_ids",
    "load_circuit",
]
