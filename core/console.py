"""What commands say: progress on stderr, tables on stdout."""

from __future__ import annotations

from collections.abc import Callable
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
