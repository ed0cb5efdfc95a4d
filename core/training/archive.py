"""A run as one file, to keep elsewhere or to hand on."""

from __future__ import annotations

import io
import zipfile

from core.training.run_store import RunStore


def run_archive(run: RunStore) -> bytes:
    """Return the files of a run as a zip with one folder that bears the run's name."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(run.folder.rglob("*")):
            if path.is_file():
                archive.write(path, f"{run.folder.name}/{path.relative_to(run.folder)}")
    return content.getvalue()
