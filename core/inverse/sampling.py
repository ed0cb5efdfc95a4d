"""Starts from the mixture density network of a run: p(sizes given metrics), drawn and unscaled.

The network answers an ill-posed question in one pass, roughly; it is an initialiser, and the
solver finishes what it proposes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from core.data.transforms import Transforms
from core.errors import CheckpointError, InputError
from core.models import InverseMDN, load_checkpoint
from core.models.stored import build


def mdn_sampler(run_folder: str | Path, seed: int = 0) -> Callable[[Tensor, int], Tensor]:
    """Load a run's network as a function: metric values (m, physical) and k to k x d sizes.

    Raises:
        CheckpointError: the run or its checkpoint is missing, damaged or foreign.
    """
    from core.training.start import run_circuit

    folder = Path(run_folder)
    circuit = run_circuit(folder)
    checkpoint = load_checkpoint(folder, f"{circuit.id}_mdn", circuit.id, "mdn")
    model = build(checkpoint)
    transforms = Transforms.from_dict(checkpoint.metadata["transforms"])
    if not isinstance(model, InverseMDN):
        raise CheckpointError(f'Checkpoint "{checkpoint.path}" holds no InverseMDN: train again.')

    def sample(metrics: Tensor, count: int) -> Tensor:
        space = transforms.metrics
        wanted = space.standardise(space.transform(metrics.double()[None])).float()
        if not bool(wanted.isfinite().all()):
            names = [
                name
                for name, value in zip(circuit.metric_names, wanted[0], strict=True)
                if not value.isfinite()
            ]
            raise InputError(
                f"The inverse network has no answer for {', '.join(names)} of that value: give one "
                "that amplifiers have."
            )
        generator = torch.Generator().manual_seed(seed)
        drawn = model.sample(wanted, count, generator)[0]
        return transforms.sizes.inverse(drawn.double())

    return sample


def sample_sizings(
    run_folder: str | Path, targets: Sequence[float], n: int, seed: int = 0
) -> pd.DataFrame:
    """Draw n sizings (n x d) for five metric values, on the manufacturing grid.

    Raises:
        InputError: n below 1.
        CheckpointError: the run or its network is missing, damaged or foreign.
    """
    from core.training.start import run_circuit

    if n < 1:
        raise InputError(f"{n} sizings are asked for: give a number of at least 1.")
    circuit = run_circuit(run_folder)
    drawn = mdn_sampler(run_folder, seed)(torch.tensor(list(targets), dtype=torch.float64), n)
    return circuit.snap(pd.DataFrame(drawn.numpy(), columns=circuit.variable_names))
