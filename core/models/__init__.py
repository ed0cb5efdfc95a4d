"""Networks and their checkpoints."""

from core.models.carry_over import CarryOver, carry_over_backbone
from core.models.checkpoint import (
    Checkpoint,
    fill,
    load_checkpoint,
    read_manifest,
    remove_checkpoint,
    save_checkpoint,
)
from core.models.layers import Backbone, MemberLinear
from core.models.mdn import InverseMDN
from core.models.networks import MLP, AlignHeteroMLP, Architecture, DualHeadMLP, OutputScale

__all__ = [
    "MLP",
    "AlignHeteroMLP",
    "Architecture",
    "Backbone",
    "CarryOver",
    "Checkpoint",
    "DualHeadMLP",
    "InverseMDN",
    "MemberLinear",
    "OutputScale",
    "carry_over_backbone",
    "fill",
    "load_checkpoint",
    "read_manifest",
    "remove_checkpoint",
    "save_checkpoint",
]
