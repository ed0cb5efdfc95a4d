"""The members of the ensemble: features in, mean and variance in standardised space out."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from core.errors import CheckpointError
from core.models import AlignHeteroMLP, Checkpoint, DualHeadMLP, load_checkpoint
from core.models.combine import combine_members
from core.models.stored import build, tensors_of

PROCESS = "gaussian_process"
UNAIDED = "unaided_process"  # A Gaussian process that asks no nodal equations.
PROCESSES = (PROCESS, UNAIDED)
NETWORK_KINDS = ("baseline", "align", "target_only", "dual_head")
_PATTERNS = {
    "baseline": "{circuit}_baseline",
    "align": "{circuit}_align_hetero_lambda*",
    "target_only": "{circuit}_target_only",
    "dual_head": "{circuit}_dualhead_finetuned",
}


class NetworkMember(nn.Module):
    """Trained networks side by side, as one member."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map n x f features to mean and variance, n x m.

        Networks that predict no variance get 1: the temperature makes it their mean square error.
        """
        if isinstance(self.model, AlignHeteroMLP):
            mu, logvar, _ = self.model(x)
            return combine_members(mu, logvar)
        if isinstance(self.model, DualHeadMLP):
            mu, _ = combine_members(self.model(x, domain="B"))
        else:
            mu, _ = combine_members(self.model(x))
        return mu, torch.ones_like(mu)


def find_network(folder: Path, circuit_id: str, kind: str) -> Checkpoint:
    """Read the checkpoint of a kind of network from a run folder.

    Raises:
        CheckpointError: it is missing, damaged, foreign or mismatched.
    """
    pattern = _PATTERNS[kind].format(circuit=circuit_id)
    names = sorted(path.stem for path in folder.glob(f"{pattern}.safetensors"))
    if len(names) > 1:
        raise CheckpointError(
            f'Run "{folder}" holds {len(names)} checkpoints "{pattern}": keep one of them.'
        )
    name = names[0] if names else pattern.replace("*", "")
    return load_checkpoint(folder, name, circuit_id, kind)


def has_network(folder: Path, circuit_id: str, kind: str) -> bool:
    """Whether a run folder holds a checkpoint of that kind of network."""
    return any(folder.glob(_PATTERNS[kind].format(circuit=circuit_id) + ".safetensors"))


def network_member(checkpoint: Checkpoint) -> NetworkMember:
    """Make the member that a checkpoint describes."""
    return NetworkMember(build(checkpoint)).eval()


def out_of_fold(checkpoint: Checkpoint) -> dict[str, Tensor]:
    """What networks said of B's training rows that they left out; nothing for the baseline.

    Returns:
        ``mu`` and ``variance``, n x m; of networks that tell a variance, ``sigma_ratio`` (m): their
        sigma of a new design over that of networks that left a fold out.
    """
    return tensors_of(checkpoint, "oof")
