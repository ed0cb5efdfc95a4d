"""The peers that a user would pick instead: regressors trained on B's rows alone.

Each peer gets what Crossfab's networks get: the same rows, the same features and the same
transforms of the metrics; one regressor a metric. Its tuning budget is ``BUDGET`` settings, scored
by three-fold cross-validation on the training rows; a Gaussian process tunes itself by its marginal
likelihood. Its intervals are conformal on residuals of rows that were left out, as Crossfab's are.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct, Matern, WhiteKernel
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

BUDGET = 4
FOLDS = 4


@dataclass(frozen=True)
class Peer:
    """A regressor, the settings to choose from, and whether it tells its own sigma."""

    make: Callable[[int, int], BaseEstimator]
    grid: dict[str, list[Any]]
    has_sigma: bool = False


def _ridge(inputs: int, seed: int) -> BaseEstimator:
    return make_pipeline(StandardScaler(), PolynomialFeatures(2), StandardScaler(), Ridge())


def _lightgbm(inputs: int, seed: int) -> BaseEstimator:
    from lightgbm import LGBMRegressor

    return LGBMRegressor(n_estimators=600, random_state=seed, n_jobs=1, verbose=-1)


def _catboost(inputs: int, seed: int) -> BaseEstimator:
    from catboost import CatBoostRegressor

    return CatBoostRegressor(
        iterations=800, random_seed=seed, thread_count=1, verbose=False, allow_writing_files=False
    )


def _network(inputs: int, seed: int) -> BaseEstimator:
    network = MLPRegressor(
        hidden_layer_sizes=(96, 96, 96),
        activation="tanh",
        batch_size=64,
        max_iter=300,
        random_state=seed,
    )
    return make_pipeline(StandardScaler(), network)


def _process(inputs: int, seed: int) -> BaseEstimator:
    kernel = (
        ConstantKernel(1.0, (1e-2, 1e3)) * Matern(np.full(inputs, 3.0), (1e-1, 1e3), nu=2.5)
        + ConstantKernel(0.1, (1e-4, 1e2)) * DotProduct(1.0, "fixed")
        + WhiteKernel(1e-4, (1e-9, 1.0))
    )
    return make_pipeline(
        StandardScaler(),
        GaussianProcessRegressor(kernel, normalize_y=True, random_state=seed),
    )


PEERS = {
    "ridge": Peer(_ridge, {"ridge__alpha": [0.01, 0.1, 1.0, 10.0]}),
    "lightgbm": Peer(_lightgbm, {"learning_rate": [0.03, 0.1], "num_leaves": [7, 31]}),
    "catboost": Peer(_catboost, {"learning_rate": [0.05, 0.1], "depth": [4, 6]}),
    "mlp": Peer(
        _network,
        {"mlpregressor__alpha": [1e-5, 1e-3], "mlpregressor__learning_rate_init": [1e-3, 3e-3]},
    ),
    "gp": Peer(_process, {}, has_sigma=True),
}


@dataclass(frozen=True)
class Fitted:
    """One peer on one metric.

    Attributes:
        estimator: fitted to every training row.
        residuals: of rows left out, over the sigma that was predicted for them.
    """

    estimator: BaseEstimator
    residuals: np.ndarray
    has_sigma: bool

    def predict(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and sigma (up to a factor) at n x f inputs."""
        return _mean_and_sigma(self.estimator, x, self.has_sigma)


def fit_peer(peer: Peer, x: np.ndarray, y: np.ndarray, seed: int) -> Fitted:
    """Tune, fit and cross-fit a peer on inputs n x f and one metric n."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search = GridSearchCV(
            peer.make(x.shape[1], seed),
            peer.grid,
            cv=KFold(3, shuffle=True, random_state=seed),
            scoring="neg_mean_squared_error",
            refit=True,
        )
        estimator = search.fit(x, y).best_estimator_ if peer.grid else search.estimator.fit(x, y)
        return Fitted(estimator, _residuals(estimator, peer, x, y, seed), peer.has_sigma)


def _residuals(
    estimator: BaseEstimator, peer: Peer, x: np.ndarray, y: np.ndarray, seed: int
) -> np.ndarray:
    residuals = np.empty(len(y))
    frozen = _with_kernel_kept(estimator)
    for train, left_out in KFold(FOLDS, shuffle=True, random_state=seed).split(x):
        again = clone(frozen).fit(x[train], y[train])
        mean, sigma = _mean_and_sigma(again, x[left_out], peer.has_sigma)
        residuals[left_out] = (y[left_out] - mean) / sigma
    return residuals


def _with_kernel_kept(estimator: BaseEstimator) -> BaseEstimator:
    """The same estimator; a Gaussian process keeps its kernel in place of searching again."""
    process = estimator[-1] if hasattr(estimator, "steps") else None
    if not isinstance(process, GaussianProcessRegressor):
        return estimator
    kept = GaussianProcessRegressor(process.kernel_, optimizer=None, normalize_y=True)
    return make_pipeline(StandardScaler(), kept)


def _mean_and_sigma(
    estimator: BaseEstimator, x: np.ndarray, has_sigma: bool
) -> tuple[np.ndarray, np.ndarray]:
    if has_sigma:
        return estimator.predict(x, return_std=True)
    mean = np.asarray(estimator.predict(x))
    return mean, np.ones_like(mean)
