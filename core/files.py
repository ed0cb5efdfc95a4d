"""Files and folders: written whole or not at all, and what people may name them."""

from __future__ import annotations

import math
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_SHIPPED = ("bundled", "shipped")  # Names of what comes with Crossfab.
_NAME = re.compile(r"[A-Za-z0-9][\w .+-]{0,79}")


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Yield a file to write beside ``path``, whose folder is made; it replaces it at the end.

    The file aside has a name of its own, so that threads and processes may write the same file at
    once: the last one stays, whole. Where the block raises, nothing is left. A link stays one, what
    it leads to is replaced; a device or a pipe is written as it is.

    Raises:
        InputError: the path is a folder.
    """
    path = path.resolve()
    if path.is_dir():
        raise InputError(f'"{path}" is a folder: name a file to write.')
    if path.exists() and not path.is_file():
        yield path
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = stat.S_IMODE(path.stat().st_mode) if path.is_file() else 0o644
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    aside = Path(name)
    try:
        yield aside
        aside.chmod(mode)  # A temporary file is hidden from everybody else.
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def write_bytes(content: bytes, path: Path) -> None:
    """Write a file whole or not at all."""
    with written_aside(path) as aside:
        aside.write_bytes(content)


def write_text(text: str, path: Path) -> None:
    """Write a text (UTF-8) whole or not at all."""
    write_bytes(text.encode(), path)


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV, six digits a number, whole or not at all."""
    write_text(table.to_csv(index=False, float_format="%.6g"), path)


def plain(value: Any) -> Any:
    """Return what JSON knows of a value: NaN and infinities, which it has no word for, as null."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_folder(folder: Path, texts: Mapping[str, str]) -> Path:
    """Write texts by file name into a folder, which replaces the one that was there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        for name, text in texts.items():
            (aside / name).write_text(text, encoding="utf-8")
        aside.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        return aside.replace(folder)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def new_folder(root: Path, name: str, what: str) -> Path:
    """Return ``root/name`` for something new, which people name.

    Args:
        what: what it is, with its article: "a run".

    Raises:
        InputError: the name is no name for a folder, or taken.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f'"{name}" is no name for {what}: use letters, digits, spaces, dots, dashes '
            "and underscores, 80 at most."
        )
    folder = root / name
    if folder.exists() or name.lower() in _SHIPPED:
        what = what[:1].upper() + what[1:]
        raise InputError(f'{what} named "{name}" exists already: choose another name.')
    return folder
