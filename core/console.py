"""What commands say and write: progress on stderr, tables on stdout, files whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import pandas as pd


def progress(what: str) -> Callable[[int, int], None]:
    """Return a callback that reports at most every percent on stderr."""
    last = -1

    def report(done: int, total: int) -> None:
        nonlocal last
        percent = 100 * done // max(total, 1)
        if percent != last:
            last = percent
            end = "\n" if done >= total else ""
            click.echo(f"\r{what}: {done} of {total} ({percent} %){end}", err=True, nl=False)

    return report


def show(table: pd.DataFrame, digits: int = 4) -> None:
    """Print a table on stdout with a fixed number of significant digits."""
    click.echo(table.to_string(float_format=lambda value: f"{value:.{digits}g}"))


def write_text(text: str, path: Path) -> None:
    """Write a text aside and rename it, so that no half-written file is ever seen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV, six digits a number."""
    write_text(table.to_csv(index=False, float_format="%.6g"), path)
