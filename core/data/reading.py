"""Read one CSV table strictly: every cell is a number or a named fault."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from core.errors import suggest

SHOWN = 5  # Faults of one kind that are spelt out before the rest is only counted.


def read_text_table(path: Path, label: str) -> tuple[pd.DataFrame | None, list[str]]:
    """Read a CSV file with every cell as text.

    Args:
        path: the file.
        label: how faults name it.

    Returns:
        The table, or None, and the faults found.
    """
    if not path.is_file():
        return None, [f'{label}: file "{path}" is missing.']
    if not path.read_bytes().strip():
        return None, [f"{label}: the file is empty: expected a header and one row a design."]
    try:
        with warnings.catch_warnings():
            # A row with more cells than the header only warns, and would lose cells silently.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                path, dtype=str, keep_default_na=False, index_col=False, encoding="utf-8-sig"
            )
    except UnicodeDecodeError:
        return None, [f"{label}: the file is not UTF-8 text: save it as CSV (UTF-8)."]
    except (pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError) as error:
        why = str(error).strip().rstrip(".")
        return None, [f"{label}: the file cannot be read as CSV: {why}."]
    if table.empty:
        return None, [f"{label}: the file has a header but no rows: expected one row a design."]
    return table.rename(columns=lambda name: str(name).strip()).fillna(""), []


def column_faults(
    table: pd.DataFrame, required: Sequence[str], optional: Sequence[str], label: str
) -> list[str]:
    """Name the missing and the unknown columns."""
    columns = list(table.columns)
    known = [*required, *optional]
    faults = [
        f'{label}: column "{name}" is missing: expected the columns {", ".join(required)}.'
        for name in required
        if name not in columns
    ]
    faults += [
        f'{label}: unknown column "{name}".{suggest(name, known)}'
        for name in columns
        if name not in known
    ]
    return faults


def numbers(
    table: pd.DataFrame, names: Sequence[str], label: str, may_be_empty: np.ndarray | None = None
) -> tuple[pd.DataFrame, list[str]]:
    """Turn text columns into finite numbers.

    Args:
        table: n x k texts.
        names: the columns to convert.
        label: how faults name the file.
        may_be_empty: n booleans: rows where an empty cell (or the text nan) is fine.

    Returns:
        The numbers (NaN where a cell may be empty and is), and the faults found.
    """
    empty_allowed = np.zeros(len(table), bool) if may_be_empty is None else may_be_empty
    faults: list[str] = []
    columns = {}
    for name in names:
        text = table[name].str.strip()
        value = pd.to_numeric(text, errors="coerce").to_numpy(dtype=float)
        missing = (text == "").to_numpy() | text.str.lower().isin(("nan", "na")).to_numpy()
        is_text = np.isnan(value) & ~missing
        faults += cell_faults(
            label, name, is_text, lambda i, t=text: f'"{t.iloc[i]}" where a number belongs'
        )
        faults += cell_faults(
            label,
            name,
            missing & ~empty_allowed,
            lambda i, t=text: f'"{t.iloc[i]}" where a number belongs (missing value)',
        )
        faults += cell_faults(
            label, name, np.isinf(value), lambda i, t=text: f"{t.iloc[i]}, which is not finite"
        )
        columns[name] = value
    return pd.DataFrame(columns, index=table.index), faults


def cell_faults(label: str, column: str, bad: np.ndarray, found) -> list[str]:  # type: ignore[no-untyped-def]
    """One sentence for each of the first bad cells of a column, one for the rest.

    Rows are counted from 1 below the header.
    """
    positions = np.flatnonzero(bad)
    faults = [
        f'{label}: column "{column}", row {i + 1} holds {found(i)}.' for i in positions[:SHOWN]
    ]
    if len(positions) > SHOWN:
        faults.append(f'{label}: column "{column}" has {len(positions) - SHOWN} more such rows.')
    return faults
