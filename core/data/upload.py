"""Data sets that people bring: four CSV files, or a zip that holds them, checked before kept."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from core.circuits import Circuit, operating_point
from core.data.loader import load_dataset
from core.data.tables import DataSet
from core.errors import InputError, suggest
from core.files import new_folder
from core.spice.generate import DESCRIPTION, FILES

PLACES = {name: domain for domain, names in FILES.items() for name in names}
# What may come along, and where it goes: also what the simulator said of each transistor.
OPTIONAL = {DESCRIPTION: "", operating_point.FILE: "target"}
FIRST = 5  # rows of a preview
LARGEST = 100_000_000  # bytes that a zip, or a file in it, may unpack to


def store_upload(files: Mapping[str, bytes], circuit: Circuit, root: Path, name: str) -> DataSet:
    """Check uploaded files as a data set and keep them as ``root/name``.

    Args:
        files: content by file name; a zip is unpacked, folders inside it do not matter.
        circuit: whose data they are.
        root: folder of the data sets of this circuit.
        name: of the new one.

    Returns:
        The data set as loaded from where it is kept.

    Raises:
        InputError: every fault of names, files and rows; nothing is kept then.
    """
    new_folder(root, name, "a data set")
    found = _by_known_name(_unpacked(files))
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=".upload-") as aside:
        folder = Path(aside) / name
        for known, content in found.items():
            path = folder / (PLACES | OPTIONAL)[known] / known
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        load_dataset(folder, circuit)
        try:
            folder.rename(root / name)
        except OSError:  # Somebody else's of that name has come in the meantime.
            raise InputError(
                f'A data set named "{name}" exists already: choose another name.'
            ) from None
    return load_dataset(root / name, circuit)


@dataclass(frozen=True)
class Preview:
    """The first rows of an uploaded table as they are, and how many there are."""

    name: str
    rows: int
    head: pd.DataFrame


def previews(files: Mapping[str, bytes]) -> list[Preview]:
    """Return what the uploaded CSV files hold, those inside a zip too; not checked yet.

    Raises:
        InputError: a zip that cannot be read.
    """
    return [
        Preview(name, *_table(content))
        for name, content in _unpacked(files).items()
        if name.lower().endswith(".csv")
    ]


def _table(content: bytes) -> tuple[int, pd.DataFrame]:
    lines = sum(bool(line.strip()) for line in content.splitlines())
    try:
        return max(lines - 1, 0), pd.read_csv(io.BytesIO(content), nrows=FIRST, dtype=str)
    except ValueError:  # pandas' own parser errors are among them.
        return max(lines - 1, 0), pd.DataFrame()


def copy_dataset(source: Path, circuit: Circuit, root: Path, name: str) -> Path:
    """Keep a copy of a data set as ``root/name``, as if it had been uploaded.

    Args:
        source: folder of the data set, such as a bundled one.
        circuit: whose data they are.
        root: folder of the data sets of this circuit.
        name: of the copy.

    Returns:
        The folder of the copy.

    Raises:
        InputError: as ``store_upload`` does; nothing is kept then.
    """
    paths = [source / place / name for name, place in (PLACES | OPTIONAL).items()]
    files = {path.name: path.read_bytes() for path in paths if path.is_file()}
    store_upload(files, circuit, root, name)
    return root / name


def template(circuit: Circuit) -> bytes:
    """Return a zip of the four files with their columns and one example row each."""
    design = {v.name: [f"{v.grid[len(v.grid) // 2]:g}"] for v in circuit.variables}
    metrics: dict[str, list[str]] = {metric.name: ["1"] for metric in circuit.metrics}
    metrics |= {"supply_current": ["1e-05"], "failure": [""]}
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for known, place in PLACES.items():
            table = pd.DataFrame(metrics if known.endswith("targets.csv") else design)
            archive.writestr(f"{place}/{known}", table.to_csv(index=False))
    return memory.getvalue()


def _unpacked(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the content by base name; what a zip holds counts like single files."""
    found: dict[str, bytes] = {}
    for name, content in files.items():
        if not name.lower().endswith(".zip"):
            found[PurePosixPath(name).name] = content
            continue
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                _refuse_huge(name, archive)
                found |= {
                    PurePosixPath(item.filename).name: _read(archive, item)
                    for item in archive.infolist()
                    if not item.is_dir() and "__MACOSX" not in item.filename
                }
        except zipfile.BadZipFile:
            raise InputError(f'"{name}" is no zip file: pack the four CSV files anew.') from None
        except (RuntimeError, NotImplementedError):  # Encrypted, or packed by an unknown method.
            raise InputError(
                f'"{name}" cannot be unpacked: pack the four CSV files anew, without a password.'
            ) from None
    return found


def _refuse_huge(name: str, archive: zipfile.ZipFile) -> None:
    """Refuse what would not fit into memory, before anything is unpacked."""
    unpacked = sum(item.file_size for item in archive.infolist())
    if unpacked > LARGEST:
        raise InputError(f'"{name}" unpacks to {unpacked:,} bytes: at most {LARGEST:,} are read.')


def _read(archive: zipfile.ZipFile, item: zipfile.ZipInfo) -> bytes:
    with archive.open(item) as file:
        # The size in the head may lie; reading stops at the limit either way.
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise InputError(f'"{item.filename}" unpacks to more than {LARGEST:,} bytes.')
    return content


def _by_known_name(files: Mapping[str, bytes]) -> dict[str, bytes]:
    known = [*PLACES, *OPTIONAL]
    faults = [
        f'"{name}" is none of the files of a data set.{suggest(name, known)}'
        for name in files
        if name not in known and not name.startswith(".")
    ]
    faults += [f'The file "{name}" is missing.' for name in PLACES if name not in files]
    if faults:
        raise InputError(faults)
    return {name: content for name, content in files.items() if name in known}
