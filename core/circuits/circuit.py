"""What a circuit is: its variables, metrics, features and devices, read from one TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from core.circuits.validation import check_circuit
from core.errors import InputError, suggest

FOLDER = Path(__file__).parent
TransformName = Literal["log10", "identity"]


@dataclass(frozen=True)
class Variable:
    """One design variable and its manufacturing grid.

    Attributes:
        name: column name in every table.
        label: what the schematic calls it.
        unit: ``um`` for W and L, else the SI base unit.
        minimum: smallest value, in ``unit``.
        maximum: largest value, in ``unit``.
        step: grid pitch, in ``unit``; values are ``minimum + k * step``.
        scale: how a designer thinks of it, and how it is sampled.
        description: one line for help texts.
    """

    name: str
    label: str
    unit: str
    minimum: float
    maximum: float
    step: float
    scale: Literal["linear", "log"] = "linear"
    description: str = ""

    @property
    def grid(self) -> np.ndarray:
        """All values on the grid, ascending."""
        count = round((self.maximum - self.minimum) / self.step) + 1
        # Twelve digits wash out what float multiplication adds: 0.1 pF steps stay 0.1 pF steps.
        values = self.minimum + self.step * np.arange(count)
        return np.array([float(f"{value:.12g}") for value in values])

    def snap(self, values: np.ndarray) -> np.ndarray:
        """Move values (any shape) to the nearest point of the grid, within the bounds."""
        values = np.asarray(values, dtype=float)
        index = np.rint((values - self.minimum) / self.step)
        return self.grid[np.clip(index, 0, len(self.grid) - 1).astype(int)]


@dataclass(frozen=True)
class Metric:
    """One performance figure of the circuit.

    Attributes:
        name: column name in every table.
        label: what a datasheet calls it.
        unit: SI base unit; ``V/V`` for ratios, ``deg`` for angles.
        transform: the map that linearises it for the models.
        decibels: whether people also read it as 20 log10.
        sentinels: values that mean "not measured" in data made elsewhere.
        minimum: values at or below it mean "not measured" in data made elsewhere.
        working_minimum: at or below it the value is measured, but of no working amplifier.
        needs: metrics without which this one means nothing.
        floor: the smallest value that makes physical sense as a spec.
        description: what it is and how it is measured.
    """

    name: str
    label: str
    unit: str
    transform: TransformName
    decibels: bool = False
    sentinels: tuple[float, ...] = ()
    minimum: float | None = None
    working_minimum: float | None = None
    needs: tuple[str, ...] = ()
    floor: float = 0.0
    description: str = ""


@dataclass(frozen=True)
class Feature:
    """An input of the models: a product of powers of design variables, or its logarithm.

    Logs of W/L, of current densities and of time constants are of the first form, overdrive
    voltages of the second; gradients through both are exact and cheap.

    Attributes:
        name: what it is, for tables.
        powers: exponent of each variable in the product.
        scale: ``log`` for the logarithm, ``linear`` for the product itself.
    """

    name: str
    powers: Mapping[str, float]
    scale: Literal["log", "linear"] = "log"


@dataclass(frozen=True)
class Device:
    """One transistor: which variables size it, and its part in the circuit.

    Attributes:
        name: instance name in the netlist and on the schematic.
        polarity: ``nmos`` or ``pmos``.
        width: name of the variable that holds W.
        length: name of the variable that holds L.
        role: for the reader: input pair, mirror load, tail source.
    """

    name: str
    polarity: Literal["nmos", "pmos"]
    width: str
    length: str
    role: str


@dataclass(frozen=True)
class Balance:
    """A sampling rule: a product of powers of variables has to lie between two bounds."""

    name: str
    powers: Mapping[str, float]
    minimum: float
    maximum: float


@dataclass(frozen=True)
class Branch:
    """A part of the nominal supply current: a product of powers of variables, in A."""

    name: str
    powers: Mapping[str, float]


@dataclass(frozen=True)
class Circuit:
    """A circuit as its TOML describes it; ``n x d`` designs in, ``n x m`` metrics out."""

    id: str
    name: str
    description: str
    variables: tuple[Variable, ...]
    metrics: tuple[Metric, ...]
    features: tuple[Feature, ...]
    devices: tuple[Device, ...]
    balances: tuple[Balance, ...]
    branches: tuple[Branch, ...]
    testbench: Mapping[str, Any]
    netlist: str
    path: Path = field(compare=False)

    @property
    def variable_names(self) -> list[str]:
        """Names of the d design variables, in column order."""
        return [variable.name for variable in self.variables]

    @property
    def metric_names(self) -> list[str]:
        """Names of the m metrics, in column order."""
        return [metric.name for metric in self.metrics]

    def variable(self, name: str) -> Variable:
        """Return the variable of that name; InputError where there is none."""
        return _by_name(self.variables, name, f"design variable of {self.id}")

    def metric(self, name: str) -> Metric:
        """Return the metric of that name; InputError where there is none."""
        return _by_name(self.metrics, name, f"metric of {self.id}")

    @property
    def feature_matrix(self) -> np.ndarray:
        """Map of log variables to the features on a log scale: one row each, d columns."""
        return self._powers("log")

    @property
    def product_matrix(self) -> np.ndarray:
        """Map of log variables to the logs of the features on a linear scale."""
        return self._powers("linear")

    @property
    def feature_names(self) -> list[str]:
        """Names of the features: those on a log scale, then those on a linear one."""
        return [f.name for scale in ("log", "linear") for f in self.features if f.scale == scale]

    def _powers(self, scale: str) -> np.ndarray:
        rows = [
            [feature.powers.get(name, 0.0) for name in self.variable_names]
            for feature in self.features
            if feature.scale == scale
        ]
        return np.array(rows, dtype=float).reshape(-1, len(self.variables))

    def snap(self, designs: pd.DataFrame) -> pd.DataFrame:
        """Move every column (n x d) to the manufacturing grid."""
        return pd.DataFrame(
            {v.name: v.snap(designs[v.name].to_numpy()) for v in self.variables},
            index=designs.index,
        )

    def gate_area(self, designs: pd.DataFrame) -> pd.Series:
        """Total gate area of each design: the sum of W times L over all devices, in um^2."""
        area = sum(designs[device.width] * designs[device.length] for device in self.devices)
        return pd.Series(area, index=designs.index, name="gate_area")

    def supply_current(self, designs: pd.DataFrame) -> pd.Series:
        """Nominal supply current of each design (n x d): the sum over all branches, in A.

        Mirrors are taken as ideal; SPICE gives the current that really flows.
        """
        current = sum(power_product(branch.powers, designs) for branch in self.branches)
        return pd.Series(current, index=designs.index, name="supply_current", dtype=float)

    def is_balanced(self, designs: pd.DataFrame) -> pd.Series:
        """Whether each design (n x d) keeps all sampling rules."""
        kept = pd.Series(True, index=designs.index)
        for balance in self.balances:
            kept &= power_product(balance.powers, designs).between(balance.minimum, balance.maximum)
        return kept


def power_product(powers: Mapping[str, float], designs: pd.DataFrame) -> pd.Series:
    """Return the product of the variables' powers for each design (n x d)."""
    product = pd.Series(1.0, index=designs.index)
    for name, power in powers.items():
        product = product * designs[name] ** power
    return product


def _by_name(items: Sequence[Any], name: str, what: str) -> Any:
    for item in items:
        if item.name == name:
            return item
    known = [item.name for item in items]
    raise InputError(f'Unknown {what}: "{name}".{suggest(name, known)}')


def circuit_ids() -> list[str]:
    """Ids of the circuits that come with Crossfab."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_circuit(name: str | Path) -> Circuit:
    """Read a circuit by its id, or from the path of a TOML file of one's own.

    The netlist template is the ``.cir`` file of the same stem beside the TOML.

    Raises:
        InputError: unknown id, missing file, or a TOML that does not describe a circuit.
    """
    path = Path(name)
    if path.suffix != ".toml":
        if str(name) not in circuit_ids():
            raise InputError(
                f'Unknown circuit: "{name}".{suggest(str(name), circuit_ids())}'
                " A circuit of your own is named by the path of its .toml file."
            )
        path = FOLDER / f"{name}.toml"
    if not path.is_file():
        raise InputError(f'Circuit file "{path}" does not exist: give an id or an existing .toml.')
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        circuit = _circuit_from_table(table, path)
        check_circuit(circuit)
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f'Circuit file "{path}" does not describe a circuit ({type(error).__name__}: {error}): '
            f'compare it with "{FOLDER.name}/5t_opamp.toml".'
        ) from error
    return circuit


def _circuit_from_table(table: dict[str, Any], path: Path) -> Circuit:
    metrics = tuple(
        Metric(
            **{
                **row,
                "sentinels": tuple(row.get("sentinels", ())),
                "needs": tuple(row.get("needs", ())),
            }
        )
        for row in table["metrics"]
    )
    netlist_path = path.with_suffix(".cir")
    return Circuit(
        id=table["id"],
        name=table["name"],
        description=table["description"],
        variables=tuple(Variable(**row) for row in table["variables"]),
        metrics=metrics,
        features=tuple(Feature(**row) for row in table["features"]),
        devices=tuple(Device(**row) for row in table.get("devices", ())),
        balances=tuple(Balance(**row) for row in table.get("balances", ())),
        branches=tuple(Branch(**row) for row in table.get("supply_current", ())),
        testbench=table.get("testbench", {}),
        netlist=netlist_path.read_text(encoding="utf-8") if netlist_path.is_file() else "",
        path=path,
    )
