"""New rows for process B's tables of a data folder: whole or not at all, no design twice."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from filelock import FileLock

from core.circuits import Circuit
from core.data.loader import BUNDLED, FILES, load_dataset, read_designs, read_metrics
from core.errors import InputError
from core.spice.generate import DESCRIPTION

DESIGN_FILE, TARGET_FILE = FILES["target"]
# The first is renamed to the second when everything in it is written and checked.
ASIDE, READY, LOCK = ".adding", ".added", ".adding.lock"


@dataclass(frozen=True)
class Addition:
    """What was added to a data folder.

    Attributes:
        folder: the data folder.
        added: number of new rows of process B.
        repeated: designs that were there already.
        left_out: designs that do not work, where the data have no column to say so.
    """

    folder: Path
    added: int
    repeated: int
    left_out: int = 0

    @property
    def sentence(self) -> str:
        """The same in words."""
        text = f'{self.added} designs added to the B rows of "{self.folder}"'
        text += f"; there already: {self.repeated}" if self.repeated else ""
        more = f"; left out, since the data have no column failure: {self.left_out}"
        return text + (more if self.left_out else "") + "."


def refuse_bundled(folder: Path) -> None:
    """Refuse to change the data that come with Crossfab.

    Raises:
        InputError: the folder is one of them.
    """
    if BUNDLED.resolve() in (folder.resolve(), *folder.resolve().parents):
        raise InputError(
            f'"{folder}" holds the bundled data, which stay as they are: copy the folder and name '
            "the copy."
        )


def add_target_rows(folder: str | Path, circuit: Circuit, rows: pd.DataFrame) -> Addition:
    """Append simulated designs to process B's tables; the rows that are there stay as they are.

    Both tables are written aside, checked by the rules of a data set and renamed. If the machine
    stops between the renames, the next call finishes them.

    Args:
        folder: a data folder, as SPEC section 2 lays it out.
        circuit: whose data they are.
        rows: designs, metrics in SI units, ``supply_current`` in A, and ``failure`` (why a design
            does not work; empty: it does), one row a design.

    Raises:
        InputError: bundled data; faults of the folder or of the rows. Nothing is changed then.
    """
    folder = Path(folder)
    refuse_bundled(folder)
    if not folder.is_dir():
        raise InputError(f'Data folder "{folder}" does not exist: name one with B rows in it.')
    with FileLock(folder / LOCK):
        _finish(folder)
        known = _keys(load_dataset(folder, circuit).target.designs, circuit)
        keys = _keys(rows, circuit)
        repeated = (keys.isin(known) | keys.duplicated()).to_numpy()
        says_why = "failure" in _header(folder / TARGET_FILE)
        fits = (rows["failure"] == "").to_numpy() | says_why
        fresh = rows[fits & ~repeated]
        if len(fresh):
            try:
                _write_aside(folder, circuit, fresh)
            except BaseException:
                shutil.rmtree(folder / ASIDE, ignore_errors=True)
                raise
            _finish(folder)
    return Addition(folder, len(fresh), int(repeated.sum()), int((~fits & ~repeated).sum()))


def _keys(designs: pd.DataFrame, circuit: Circuit) -> pd.Series:
    """One text a design (n), equal where the sizes agree to six digits."""
    return designs[circuit.variable_names].map("{:.6g}".format).agg(" ".join, axis=1)


def _header(path: Path) -> list[str]:
    return [str(name).strip() for name in pd.read_csv(path, nrows=0, encoding="utf-8-sig").columns]


def _write_aside(folder: Path, circuit: Circuit, rows: pd.DataFrame) -> None:
    """Write the longer tables into a folder beside the old ones, and read them back."""
    aside = folder / ASIDE
    shutil.rmtree(aside, ignore_errors=True)
    (aside / TARGET_FILE).parent.mkdir(parents=True)
    # The digits that ``core.spice.generate`` writes.
    for name, digits in ((TARGET_FILE, "%.6g"), (DESIGN_FILE, "%.12g")):
        old = (folder / name).read_text(encoding="utf-8-sig")
        more = rows[_header(folder / name)].to_csv(index=False, header=False, float_format=digits)
        text = old if old.endswith("\n") else f"{old}\n"
        (aside / name).write_text(text + more, encoding="utf-8")
    if (folder / DESCRIPTION).is_file():
        table = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        table["added"] = int(table.get("added", 0)) + len(rows)
        (aside / DESCRIPTION).write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    read_designs(aside / DESIGN_FILE, circuit)
    read_metrics(aside / TARGET_FILE, circuit)
    aside.replace(folder / READY)


def _finish(folder: Path) -> None:
    """Move what lies ready to its place."""
    ready = folder / READY
    if not ready.is_dir():
        return
    for name in (TARGET_FILE, DESIGN_FILE, DESCRIPTION):
        if (ready / name).is_file():
            os.replace(ready / name, folder / name)
    shutil.rmtree(ready)
