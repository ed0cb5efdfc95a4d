"""What a loaded data set is: two domain tables, a split and a fingerprint."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from core.circuits import Circuit


@dataclass(frozen=True)
class DomainTable:
    """The simulations of one process; row i of every part is the same design.

    Attributes:
        designs: n x d, in the units of the circuit's variables.
        metrics: n x m, SI units; NaN where a metric was not measured.
        valid: n booleans: a working amplifier of which every metric was measured.
        reason: n texts: why a row is not valid; empty where it is.
        supply_current: n, in A; NaN where the data do not tell.
        operating_points: a row a transistor of a design, as in ``operating_point_table``; None
            where the data hold none.
    """

    designs: pd.DataFrame
    metrics: pd.DataFrame
    valid: np.ndarray
    reason: pd.Series
    supply_current: pd.Series
    operating_points: pd.DataFrame | None = None

    def __len__(self) -> int:
        return len(self.designs)

    def median_design(self, circuit: Circuit) -> pd.Series:
        """Return the median of each variable over the working designs, on the circuit's grid."""
        median = self.designs[self.valid].median().to_frame().T
        return circuit.snap(median).iloc[0]

    def rows(self, positions: np.ndarray) -> DomainTable:
        """Return the rows at these positions, renumbered from 0."""
        return DomainTable(
            designs=self.designs.iloc[positions].reset_index(drop=True),
            metrics=self.metrics.iloc[positions].reset_index(drop=True),
            valid=self.valid[positions],
            reason=self.reason.iloc[positions].reset_index(drop=True),
            supply_current=self.supply_current.iloc[positions].reset_index(drop=True),
            operating_points=self._operating_points_of(positions),
        )

    def _operating_points_of(self, positions: np.ndarray) -> pd.DataFrame | None:
        if self.operating_points is None:
            return None
        place = pd.DataFrame({"row": positions, "new": np.arange(len(positions))})
        chosen = place.merge(self.operating_points, on="row").drop(columns="row")
        return chosen.rename(columns={"new": "row"})


@dataclass(frozen=True)
class DataSet:
    """A (source) and B (target) of one circuit, checked and split.

    Attributes:
        train_rows: positions in ``target`` that may be fitted to.
        validation_rows: positions in ``target`` that are only ever reported on.
        fingerprint: SHA-256 of the files, in hex.
        source_process: name of process A; "A" where the data do not tell.
        target_process: name of process B; "B" where the data do not tell.
    """

    circuit: Circuit
    folder: Path
    source: DomainTable
    target: DomainTable
    train_rows: np.ndarray
    validation_rows: np.ndarray
    fingerprint: str
    source_process: str = "A"
    target_process: str = "B"

    @property
    def train(self) -> DomainTable:
        """B's training rows."""
        return self.target.rows(self.train_rows)

    @property
    def validation(self) -> DomainTable:
        """B's validation rows."""
        return self.target.rows(self.validation_rows)

    def with_train_rows(self, rows: np.ndarray) -> DataSet:
        """Return the same data set with other training rows (positions in ``target``)."""
        return replace(self, train_rows=np.asarray(rows))
