"""The library of designs that somebody kept: one SQLite file, safe for several readers."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS designs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    saved REAL NOT NULL,
    circuit TEXT NOT NULL,
    process TEXT NOT NULL,
    note TEXT NOT NULL,
    specification TEXT NOT NULL,
    sizes TEXT NOT NULL,
    predicted TEXT NOT NULL,
    simulated TEXT NOT NULL
)
"""
_COLUMNS = "id, saved, circuit, process, note, specification, sizes, predicted, simulated"


@dataclass(frozen=True)
class SavedDesign:
    """One kept design.

    Attributes:
        sizes: value of each design variable, stored units.
        specification: as ``core.inverse.link`` writes it.
        predicted: quantities by the model, stored units.
        simulated: quantities by SPICE; empty where it was not asked.
        process: name of process B; empty where it is unknown.
        note: what the designer wrote.
        saved: seconds since 1970; 0 before it is kept.
        id: number in the library; 0 before it is kept.
    """

    circuit: str
    sizes: Mapping[str, float]
    specification: str
    predicted: Mapping[str, float]
    simulated: Mapping[str, float]
    process: str = ""
    note: str = ""
    saved: float = 0.0
    id: int = 0


class DesignLibrary:
    """Saved designs in one SQLite file (write-ahead log); made on first use."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def save(self, design: SavedDesign) -> int:
        """Keep a design and return its number."""
        row = (
            time.time(),
            design.circuit,
            design.process,
            design.note,
            design.specification,
            *(
                json.dumps(dict(part))
                for part in (design.sizes, design.predicted, design.simulated)
            ),
        )
        with self._opened() as database:
            cursor = database.execute(
                f"INSERT INTO designs ({_COLUMNS.partition(', ')[2]}) VALUES (?,?,?,?,?,?,?,?)", row
            )
        return int(cursor.lastrowid or 0)

    def designs(self, circuit: str) -> list[SavedDesign]:
        """Return the designs of a circuit, newest first."""
        if not self.path.is_file():
            return []
        query = f"SELECT {_COLUMNS} FROM designs WHERE circuit = ? ORDER BY id DESC"
        with self._opened() as database:
            rows = database.execute(query, (circuit,)).fetchall()
        return [_from_row(row) for row in rows]

    def remove(self, number: int) -> None:
        """Forget a design."""
        with self._opened() as database:
            database.execute("DELETE FROM designs WHERE id = ?", (number,))

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self.path, timeout=10)
        try:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute(_SCHEMA)
            with database:
                yield database
        finally:
            database.close()


def _from_row(row: tuple[int, float, str, str, str, str, str, str, str]) -> SavedDesign:
    number, saved, circuit, process, note, specification, sizes, predicted, simulated = row
    return SavedDesign(
        circuit,
        json.loads(sizes),
        specification,
        json.loads(predicted),
        json.loads(simulated),
        process,
        note,
        saved,
        number,
    )
