"""Training: stages, loop, runs on disk, jobs."""

from core.training.pipeline import STAGE_FUNCTIONS, train
from core.training.start import run_circuit, start_training
from core.training.watch import Cancelled

__all__ = ["STAGE_FUNCTIONS", "Cancelled", "run_circuit", "start_training", "train"]
