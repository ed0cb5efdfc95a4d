"""The resume point of a fit: everything it needs to go on bit for bit.

Written with ``torch.save`` and read with ``weights_only=True``: tensors and plain types alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from core.errors import CheckpointError
from core.files import written_aside

if TYPE_CHECKING:
    from core.training.loop import Progress


def save_state(
    path: Path, model: nn.Module, optimiser: torch.optim.Optimizer, progress: Progress
) -> None:
    """Write the state, whole or not at all."""
    state = {
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "progress": vars(progress),
        "random": torch.get_rng_state(),
        "random_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }
    with written_aside(path) as aside:
        torch.save(state, aside)


def load_state(path: Path, model: nn.Module, optimiser: torch.optim.Optimizer) -> Progress:
    """Put a state back into model, optimiser and random numbers.

    Raises:
        CheckpointError: the file is damaged or belongs to other settings.
    """
    from core.training.loop import Progress

    try:
        state = torch.load(path, weights_only=True)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["random"])
        if state["random_cuda"] and torch.cuda.is_available():
            torch.cuda.set_rng_state_all(state["random_cuda"])
        return Progress(**state["progress"])
    except Exception as error:  # torch.load raises whatever the damaged bytes lead to.
        why = str(error).splitlines()[0]
        raise CheckpointError(
            f'Resume point "{path}" is damaged or belongs to other settings ({why}): '
            "delete it to start the stage anew."
        ) from error
