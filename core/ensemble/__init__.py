"""The ensemble: calibration, fusion, prediction, evaluation."""

from core.ensemble.calibration import conformal_half_width, temperature_squared
from core.ensemble.evaluation import Evaluation, evaluate, evaluate_run
from core.ensemble.fusion import fuse, metric_weights
from core.ensemble.predictor import MODELS, Prediction, Predictor, load_predictor, model_names

__all__ = [
    "MODELS",
    "Evaluation",
    "Prediction",
    "Predictor",
    "conformal_half_width",
    "evaluate",
    "evaluate_run",
    "fuse",
    "load_predictor",
    "metric_weights",
    "model_names",
    "temperature_squared",
]
