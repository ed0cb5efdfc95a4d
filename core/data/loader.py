"""Load a data set folder: all faults at once, or a checked and split data set."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from core.circuits import Circuit
from core.circuits.operating_point import FILE, KEYS, QUANTITIES
from core.data.quality import measured_metrics
from core.data.reading import cell_faults, column_faults, numbers, read_text_table
from core.data.tables import DataSet, DomainTable
from core.errors import InputError
from core.spice.generate import DESCRIPTION
from core.spice.generate import FILES as NAMES

BUNDLED = Path(__file__).parents[2] / "data"
FILES = {
    domain: (f"{domain}/{designs}", f"{domain}/{targets}")
    for domain, (designs, targets) in NAMES.items()
}
OPTIONAL_TARGETS = ("supply_current", "failure")
OPERATING_POINTS = f"target/{FILE}"
FEWEST_VALID = {"source": 20, "target": 10}
FEWEST_IN_SPLIT = {"learn from": 5, "report on": 2}  # working rows of B
_TOLERANCE = 1e-6  # Relative slack at the bounds, for values rounded to six digits.


def bundled_dataset_folder(circuit_id: str) -> Path:
    """Return the folder of the SPICE data set that comes with Crossfab."""
    return BUNDLED / circuit_id


def load_dataset(
    folder: str | Path, circuit: Circuit, val_split: float = 0.2, seed: int = 42
) -> DataSet:
    """Read, check and split the data set of a circuit.

    Args:
        folder: holds ``source/`` and ``target/`` as SPEC section 2 lays them out.
        circuit: names the columns and the design space.
        val_split: share of B's rows that are only reported on.
        seed: of the split.

    Raises:
        InputError: one sentence per fault, each naming file, column and row.
    """
    folder = Path(folder)
    if not 0.0 < val_split < 1.0:
        raise InputError(f"The validation split is {val_split}: expected a share between 0 and 1.")
    if not folder.is_dir():
        raise InputError(
            f'Data folder "{folder}" does not exist: name a folder with source/ and target/.'
        )
    tables: dict[str, DomainTable] = {}
    faults: list[str] = []
    for domain, (design_file, target_file) in FILES.items():
        table, found = _load_domain(folder, design_file, target_file, circuit)
        faults += found
        if table is not None:
            tables[domain] = table
            faults += _count_faults(domain, table)
    if "target" in tables and (folder / OPERATING_POINTS).is_file():
        points, found = _load_operating_points(folder, circuit, len(tables["target"]))
        faults += found
        tables["target"] = replace(tables["target"], operating_points=points)
    if faults:
        raise InputError(faults)
    train_rows, validation_rows = split_rows(len(tables["target"]), val_split, seed)
    _check_split(tables["target"].valid, train_rows, validation_rows)
    source_process, target_process = _process_names(folder, circuit)
    return DataSet(
        circuit=circuit,
        folder=folder,
        source=tables["source"],
        target=tables["target"],
        train_rows=train_rows,
        validation_rows=validation_rows,
        fingerprint=_fingerprint(folder, circuit),
        source_process=source_process,
        target_process=target_process,
    )


def _check_split(valid: np.ndarray, train_rows: np.ndarray, validation_rows: np.ndarray) -> None:
    """Refuse a split that leaves a side with nothing to learn from, or to report on."""
    counts = {"learn from": valid[train_rows].sum(), "report on": valid[validation_rows].sum()}
    faults = [
        f"The split leaves {counts[purpose]} working amplifiers of B to {purpose}: expected at "
        f"least {fewest}; give another validation split or seed, or more rows of B."
        for purpose, fewest in FEWEST_IN_SPLIT.items()
        if counts[purpose] < fewest
    ]
    if faults:
        raise InputError(faults)


def split_rows(n: int, val_split: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split n positions at random into training and validation rows, ascending.

    The rows are those of ``sklearn.model_selection.train_test_split``, without the second that
    its import takes.
    """
    shuffled = np.random.RandomState(seed).permutation(n)
    held_out = math.ceil(val_split * n)
    return np.sort(shuffled[held_out:]), np.sort(shuffled[:held_out])


def read_designs(path: str | Path, circuit: Circuit) -> pd.DataFrame:
    """Read a table of designs (n x d), in the circuit's column order.

    Raises:
        InputError: one sentence per fault. Repeated designs are fine here.
    """
    designs, faults = _read_designs(Path(path), str(path), circuit)
    if faults or designs is None:
        raise InputError(faults)
    return designs


def read_metrics(path: str | Path, circuit: Circuit) -> DomainTable:
    """Read a table of measured metrics by the rules of a data set (without designs)."""
    label = str(path)
    metrics, current, failure, faults = _load_metrics(Path(path), label, circuit)
    if faults or metrics is None:
        raise InputError(faults)
    return _domain_table(pd.DataFrame(index=metrics.index), metrics, current, failure, circuit)


def _load_domain(
    folder: Path, design_file: str, target_file: str, circuit: Circuit
) -> tuple[DomainTable | None, list[str]]:
    designs, faults = _read_designs(folder / design_file, design_file, circuit)
    if designs is not None and not faults:
        faults += _duplicate_faults(designs, design_file)
    metrics, current, failure, metric_faults = _load_metrics(
        folder / target_file, target_file, circuit
    )
    faults += metric_faults
    if designs is None or metrics is None:
        return None, faults
    if len(designs) != len(metrics):
        faults.append(
            f"{design_file} has {len(designs)} rows but {target_file} has {len(metrics)}: "
            "expected one row a design in the same order in both."
        )
    if faults:
        return None, faults
    return _domain_table(designs, metrics, current, failure, circuit), []


def _read_designs(
    path: Path, label: str, circuit: Circuit
) -> tuple[pd.DataFrame | None, list[str]]:
    names = circuit.variable_names
    table, faults = read_text_table(path, label)
    if table is None:
        return None, faults
    faults = column_faults(table, names, (), label)
    present = [name for name in names if name in table.columns]
    designs, number_faults = numbers(table, present, label)
    faults += number_faults
    for name in present:
        variable = circuit.variable(name)
        low, high = variable.minimum, variable.maximum
        value = designs[name].to_numpy()
        outside = (value < low * (1 - _TOLERANCE)) | (value > high * (1 + _TOLERANCE))
        faults += cell_faults(
            label,
            name,
            outside & np.isfinite(value),
            lambda i, v=value, b=variable: (
                f"{v[i]:g}, outside the design space of {b.minimum:g} to {b.maximum:g} {b.unit}"
            ),
        )
    return designs, faults


def _load_metrics(
    path: Path, label: str, circuit: Circuit
) -> tuple[pd.DataFrame | None, pd.Series, pd.Series, list[str]]:
    nothing = pd.Series(dtype=float)
    table, faults = read_text_table(path, label)
    if table is None:
        return None, nothing, nothing, faults
    faults = column_faults(table, circuit.metric_names, OPTIONAL_TARGETS, label)
    blank = pd.Series("", index=table.index)
    failure = table["failure"].str.strip() if "failure" in table.columns else blank
    present = [name for name in circuit.metric_names if name in table.columns]
    metrics, number_faults = numbers(table, present, label, (failure != "").to_numpy())
    current = pd.Series(np.nan, index=table.index, name="supply_current")
    if "supply_current" in table.columns:
        every = np.ones(len(table), bool)
        currents, current_faults = numbers(table, ["supply_current"], label, every)
        current, number_faults = currents["supply_current"], number_faults + current_faults
    return metrics, current, failure, faults + number_faults


def _load_operating_points(
    folder: Path, circuit: Circuit, count: int
) -> tuple[pd.DataFrame | None, list[str]]:
    """Read what the simulator said of each transistor of B's designs, of which there are count."""
    label = OPERATING_POINTS
    table, faults = read_text_table(folder / label, label)
    if table is None:
        return None, faults
    faults = column_faults(table, (*KEYS, *QUANTITIES), (), label)
    if faults:
        return None, faults
    points, faults = numbers(table, ["row", *QUANTITIES], label)
    names = table["device"].str.strip()
    known = [device.name for device in circuit.devices]
    faults += cell_faults(
        label,
        "device",
        ~names.isin(known).to_numpy(),
        lambda i: f'"{names.iloc[i]}": expected one of {", ".join(known)}',
    )
    row = points["row"].to_numpy()
    faults += cell_faults(
        label,
        "row",
        ~np.isin(row, np.arange(count)) & np.isfinite(row),
        lambda i: f"{row[i]:g}: expected the position of a design, 0 to {count - 1}",
    )
    if faults:
        return None, faults
    points.insert(1, "device", names)
    return points.astype({"row": int}), []


def _domain_table(
    designs: pd.DataFrame,
    metrics: pd.DataFrame,
    current: pd.Series,
    failure: pd.Series,
    circuit: Circuit,
) -> DomainTable:
    measured, why = measured_metrics(metrics, circuit)
    reason = failure.where(failure != "", why).rename("reason")
    return DomainTable(designs, measured, (reason == "").to_numpy(), reason, current)


def _duplicate_faults(designs: pd.DataFrame, label: str) -> list[str]:
    repeated = designs.duplicated().to_numpy()
    if not repeated.any():
        return []
    row = int(np.flatnonzero(repeated)[0])
    first = int(np.flatnonzero((designs == designs.iloc[row]).all(axis=1).to_numpy())[0])
    more = f" ({int(repeated.sum())} rows repeat an earlier one)" if repeated.sum() > 1 else ""
    return [
        f"{label}: row {row + 1} repeats the design of row {first + 1} in every column{more}: "
        "keep one row a design."
    ]


def _count_faults(domain: str, table: DomainTable) -> list[str]:
    fewest = FEWEST_VALID[domain]
    count = int(table.valid.sum())
    if count >= fewest:
        return []
    return [
        f"{FILES[domain][1]}: only {count} of {len(table)} rows are working amplifiers with every "
        f"metric measured: expected at least {fewest}."
    ]


def _process_names(folder: Path, circuit: Circuit) -> tuple[str, str]:
    path = folder / DESCRIPTION
    if not path.is_file():
        return "A", "B"
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        names = str(table["source"]["process"]), str(table["target"]["process"])
        made_for = str(table["circuit"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f'"{path}" is damaged ({type(error).__name__}: {error}).') from error
    if made_for != circuit.id:
        raise InputError(f'"{path}" describes data of "{made_for}": expected "{circuit.id}".')
    return names


def _fingerprint(folder: Path, circuit: Circuit) -> str:
    digest = hashlib.sha256(circuit.id.encode())
    for pair in FILES.values():
        for name in pair:
            digest.update((folder / name).read_bytes())
    if (folder / OPERATING_POINTS).is_file():
        digest.update((folder / OPERATING_POINTS).read_bytes())
    return digest.hexdigest()
