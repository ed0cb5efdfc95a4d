"""Checkpoints: one safetensors file each, its description as JSON in the header, a manifest.

Nothing here is ever unpickled. The header says what the file is and for which circuit and data it
was trained; the manifest of the folder holds the SHA-256 of every file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from core.errors import CheckpointError
from core.files import write_bytes, write_text

MANIFEST = "manifest.json"
FORMAT = "crossfab-1"


@dataclass(frozen=True)
class Checkpoint:
    """What one file holds: tensors by name, and a description in plain JSON types."""

    path: Path
    tensors: dict[str, Tensor]
    metadata: dict[str, Any]


def save_checkpoint(
    folder: Path, name: str, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]
) -> Path:
    """Write ``folder/name.safetensors`` aside, rename it, and enter it into the manifest.

    Args:
        metadata: plain JSON types; needs ``circuit`` and ``kind``, which loading checks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.safetensors"
    header = {"format": FORMAT, "description": json.dumps({"name": name, **metadata})}
    plain = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    write_bytes(save(plain, metadata=header), path)
    manifest = read_manifest(folder)
    manifest[path.name] = _sha256(path)
    write_text(json.dumps(manifest, indent=1, sort_keys=True), folder / MANIFEST)
    return path


def remove_checkpoint(folder: Path, name: str) -> None:
    """Remove ``folder/name.safetensors`` and its entry in the manifest, where there are any."""
    path, manifest = folder / f"{name}.safetensors", read_manifest(folder)
    path.unlink(missing_ok=True)
    if manifest.pop(path.name, None) is not None:
        write_text(json.dumps(manifest, indent=1, sort_keys=True), folder / MANIFEST)


def read_manifest(folder: Path) -> dict[str, str]:
    """Return file name to SHA-256; empty where the folder has no manifest yet.

    Raises:
        CheckpointError: the manifest is damaged.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): str(digest) for name, digest in manifest.items()}
    except (ValueError, AttributeError) as error:
        raise CheckpointError(
            f'Manifest "{path}" is damaged ({error}): restore the folder or train again.'
        ) from error


def load_checkpoint(folder: Path, name: str, circuit_id: str, kind: str) -> Checkpoint:
    """Read ``folder/name.safetensors`` after checking what it is.

    Raises:
        CheckpointError: missing, damaged, of another circuit, or of another kind.
    """
    path = folder / f"{name}.safetensors"
    if not path.is_file():
        raise CheckpointError(
            f'Checkpoint "{path}" is missing: train the stage that writes it, or name another run.'
        )
    digest = read_manifest(folder).get(path.name)
    if digest is None:
        raise CheckpointError(
            f'Checkpoint "{path}" is not in the manifest of its folder: it was put there from '
            "elsewhere, or the manifest is missing; train again."
        )
    if digest != _sha256(path):
        raise CheckpointError(
            f'Checkpoint "{path}" is damaged: its SHA-256 is not the one in the manifest; '
            "restore the file or train again."
        )
    checkpoint = _read(path)
    found = checkpoint.metadata.get("circuit")
    if found != circuit_id:
        raise CheckpointError(
            f'Checkpoint "{path}" was trained for circuit "{found}": expected "{circuit_id}".'
        )
    if checkpoint.metadata.get("kind") != kind:
        raise CheckpointError(
            f'Checkpoint "{path}" holds a "{checkpoint.metadata.get("kind")}": expected a "{kind}".'
        )
    return checkpoint


def fill(module: nn.Module, checkpoint: Checkpoint) -> None:
    """Load a checkpoint's tensors into a network, all or none.

    Raises:
        CheckpointError: names or shapes do not fit.
    """
    wanted = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in checkpoint.tensors.items()}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise CheckpointError(
                f'Checkpoint "{checkpoint.path}" does not fit: tensor "{name}" has shape '
                f"{found.get(name, 'missing')}, expected {wanted.get(name, 'none')}."
            )
    module.load_state_dict(checkpoint.tensors)


def _read(path: Path) -> Checkpoint:
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if header.get("format") != FORMAT:
            raise CheckpointError(
                f'Checkpoint "{path}" was not written by Crossfab (format '
                f'"{header.get("format", "none")}", expected "{FORMAT}").'
            )
        return Checkpoint(path, tensors, json.loads(header["description"]))
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f'Checkpoint "{path}" is damaged ({error}): restore the file or train again.'
        ) from error


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
