"""Where the arithmetic happens."""

from __future__ import annotations

import torch

from core.errors import InputError, suggest

DEVICES = ("auto", "cpu", "cuda")


def resolve_device(name: str = "auto") -> torch.device:
    """Return the device of that name; ``auto`` takes CUDA where there is one.

    Raises:
        InputError: unknown name, or CUDA where there is none.
    """
    if name not in DEVICES:
        raise InputError(f'Unknown device: "{name}".{suggest(name, DEVICES)}')
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError('Device "cuda" is not available on this machine: use "auto" or "cpu".')
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)
