"""Fit an amplifier's model to what the simulations of process B tell of their transistors."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import torch
from scipy.optimize import minimize
from torch import Tensor

from core.circuits import Circuit
from core.circuits.operating_point import QUANTITIES, VOLTAGES
from core.data import DomainTable
from core.devices.amplifier import AmplifierModel
from core.devices.nodal import Surroundings
from core.devices.topology import GROUND, SUPPLY, Topology, read_topology
from core.devices.transistor import TransistorModel, fit_scaled, fit_transistor, side_by_side

FEWEST_DESIGNS = 50
GUESSING = 1000  # steps to learn a guess of the node voltages
_BELOW = 0.5  # decades below the lowest unity-gain frequency, from where others are looked for
_OVERLAP = 1.7e-16  # F/um, where the search for the gate overlaps begins
_OVERLAP_STEPS = 150


def fit_amplifier(
    circuit: Circuit,
    surroundings: Surroundings,
    table: DomainTable,
    seed: int,
    between: Callable[[], None] = lambda: None,
) -> AmplifierModel | None:
    """Learn B's transistors from their operating points and put the amplifier together.

    Args:
        circuit: with a netlist template.
        surroundings: of the testbench.
        table: designs of B with their operating points.
        seed: of the transistor networks.
        between: called between steps; may raise to stop.

    Returns:
        The model, or None where fewer than ``FEWEST_DESIGNS`` designs tell of every transistor.
    """
    topology = read_topology(circuit)
    points = _complete_points(circuit, topology, table)
    if points is None:
        return None
    designs = points.index.get_level_values("row").unique()
    logs = torch.tensor(np.log(table.designs.iloc[designs].to_numpy(dtype=float)))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        # In single precision: an error of 1e-6 of a current is far below the networks' own.
        transistors = TransistorModel(len(topology.kinds)).float()
        model = AmplifierModel(topology, surroundings, logs.shape[1], transistors)
    volts = _node_voltages(topology, points, surroundings.supply)
    fit_scaled(model.guess, logs, volts, between, GUESSING)
    found = []
    for polarity in topology.kinds:
        own = [t.name for t in topology.transistors if t.polarity == polarity]
        rows = points[points.index.get_level_values("device").isin(own)]
        found.append(fit_transistor(rows, _pairs(topology, points, polarity), seed, between))
    with torch.random.fork_rng():
        model.transistors = side_by_side(found).float()
    model.slowest = slowest(table)
    _fit_overlap(model, table, between)
    return model.requires_grad_(False).eval()


def slowest(table: DomainTable) -> Tensor:
    """log10 Hz, below every unity-gain frequency of working designs."""
    return torch.tensor(np.log10(table.metrics["ugf"].to_numpy()[table.valid].min()) - _BELOW)


def _complete_points(
    circuit: Circuit, topology: Topology, table: DomainTable
) -> pd.DataFrame | None:
    """Operating points by (row, device), with sizes, of designs whose every device conducts."""
    if table.operating_points is None:
        return None
    points = table.operating_points.set_index(["row", "device"]).sort_index()
    conducts = (points[["id", "gm", "gds", "gmbs"]] > 0).all(axis=1).groupby("row")
    complete = (conducts.sum() == len(topology.transistors)) & conducts.all()
    points = points[points.index.get_level_values("row").isin(complete[complete].index)].copy()
    if complete.sum() < FEWEST_DESIGNS:
        return None
    rows, names = (points.index.get_level_values(level) for level in ("row", "device"))
    devices = {device.name: device for device in circuit.devices}
    for column in ("width", "length"):
        sizes = [getattr(devices[name], column) for name in names]
        places = table.designs.columns.get_indexer(sizes)
        points[column] = table.designs.to_numpy(dtype=float)[rows, places]
    return points


def _pairs(topology: Topology, points: pd.DataFrame, polarity: str) -> pd.DataFrame:
    """Equal transistors side by side, as ``fit_transistor`` takes them."""
    found = [pd.DataFrame(columns=["width", "length", *QUANTITIES])]
    for first, second in topology.equal_pairs:
        one, other = topology.transistors[first], topology.transistors[second]
        if one.polarity == polarity:
            left, right = (points.xs(t.name, level="device") for t in (one, other))
            found.append(left.join(right, rsuffix="_other"))
    return pd.concat(found[1:], ignore_index=True) if len(found) > 1 else found[0]


def _node_voltages(topology: Topology, points: pd.DataFrame, supply: float | Tensor) -> Tensor:
    """Voltages (n x unknown nodes) from those between the transistors' terminals."""
    count, rows, measured = len(topology.nodes), [], []
    for sign, t in zip(topology.polarities, topology.transistors, strict=True):
        drain, gate, source, bulk = t.nodes
        own = points.xs(t.name, level="device")
        for name, node in zip(VOLTAGES, (gate, drain, bulk), strict=True):
            rows.append(sign * (np.eye(count)[node] - np.eye(count)[source]))
            measured.append(own[name].to_numpy(dtype=float))
    n = len(measured[0])
    for name, volts in ((SUPPLY, supply), (GROUND, 0.0)):
        rows.append(np.eye(count)[topology.node(name)])
        measured.append(np.full(n, float(volts)))
    for branch in topology.resistors:  # No direct current flows through one into a capacitor.
        rows.append(1e-3 * (np.eye(count)[branch.first] - np.eye(count)[branch.second]))
        measured.append(np.zeros(n))
    found = np.linalg.lstsq(np.array(rows), np.array(measured), rcond=None)[0]
    return torch.tensor(found.T[:, : topology.unknowns])


def _fit_overlap(model: AmplifierModel, table: DomainTable, between: Callable[[], None]) -> None:
    """Find the gates' overlap capacitances, of which simulators do not tell, by the metrics."""
    working = np.flatnonzero(table.valid)
    designs = torch.tensor(table.designs.iloc[working].to_numpy(dtype=float))
    measured = table.metrics.iloc[working]
    wanted = _balanced_columns({name: measured[name].to_numpy() for name in measured})
    with torch.no_grad():
        at = model.small_signal(designs, model.guessed(designs))

    def miss(values: np.ndarray) -> float:
        between()
        model.overlap = torch.tensor(values.reshape(model.overlap.shape) * _OVERLAP)
        with torch.no_grad():
            found = model.loop_estimates(designs, at)
        told = _balanced_columns({name: values.numpy() for name, values in found.items()})
        return float(np.nanmedian(np.abs(told - wanted), axis=0).sum())

    options = {"maxfev": _OVERLAP_STEPS}
    start = np.ones(model.overlap.numel())
    best = minimize(miss, start, method="Nelder-Mead", options=options)
    model.overlap = torch.tensor(best.x.reshape(model.overlap.shape) * _OVERLAP)


def _balanced_columns(metrics: Mapping[str, np.ndarray]) -> np.ndarray:
    """What the overlaps show in, n x 3, scaled to count alike."""
    return np.column_stack(
        [np.log10(metrics["ugf"]), metrics["phase_margin"] / 60, np.log10(metrics["cmrr"]) / 5]
    )
