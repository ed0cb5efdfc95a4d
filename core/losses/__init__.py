"""Losses: heteroscedastic likelihood, R2, CORAL, L2-SP, Huber."""

from core.losses.coral import coral_loss, covariance
from core.losses.hetero import LOGVAR_BOUNDS, bound_logvar, hetero_nll
from core.losses.l2sp import l2sp_penalty
from core.losses.r2 import batch_r2, r2_loss
from core.losses.robust import huber, weighted_mean

__all__ = [
    "LOGVAR_BOUNDS",
    "batch_r2",
    "bound_logvar",
    "coral_loss",
    "covariance",
    "hetero_nll",
    "huber",
    "l2sp_penalty",
    "r2_loss",
    "weighted_mean",
]
