"""Training runs as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pandas as pd

from core.training.run_store import RunStore


def runs_table(folders: Mapping[str, Path]) -> pd.DataFrame:
    """Return one row a run, newest first: name, state, preset, data, start, minutes taken."""
    rows = []
    for name, folder in folders.items():
        store = RunStore(folder)
        status, config = store.readable_status(), store.config()
        rows.append(
            {
                "Run": name,
                "State": str(status.state),
                "Preset": config.get("preset", ""),
                "Data": Path(str(config.get("data", ""))).name or "bundled",
                "Started": datetime.fromtimestamp(status.started) if status.started else None,
                "Minutes": status.worked() / 60 if status.started else None,
            }
        )
    table = pd.DataFrame(rows, columns=["Run", "State", "Preset", "Data", "Started", "Minutes"])
    return table.sort_values("Started", ascending=False, ignore_index=True)
