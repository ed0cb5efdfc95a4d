"""Physical units to what the networks see, and back: the only place where this happens.

Both maps are torch functions that gradients flow through, and both are fitted on A alone, so
that B's shift stays visible to the models as a mean that is not zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from core.circuits import Circuit
from core.config import TransformConfig
from core.data.tables import DataSet, DomainTable

MetricMap = Literal["log10", "log1p", "identity"]
_LOG10 = float(np.log(10.0))
_REFERENCE_LOG1P = ("ugf", "cmrr")


@dataclass(frozen=True)
class InputTransform:
    """Designs (n x d, physical units) to standardised features (n x f).

    Attributes:
        matrix: rows x d: its products with the log designs are features; None: the raw designs.
        products: rows x d: the exponentials of its products are features that come after them.
        mean: f, of the features on A.
        scale: f, their standard deviations on A; 1 where A does not vary.
    """

    matrix: tuple[tuple[float, ...], ...] | None
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    products: tuple[tuple[float, ...], ...] = ()

    def raw(self, designs: Tensor) -> Tensor:
        """Map ... x d designs to ... x f features before standardisation."""
        if self.matrix is None:
            return designs
        logs = designs.log()
        features = logs @ logs.new_tensor(self.matrix).T
        if not self.products:
            return features
        return torch.cat([features, (logs @ logs.new_tensor(self.products).T).exp()], dim=-1)

    def forward(self, designs: Tensor) -> Tensor:
        """Map ... x d designs to ... x f features."""
        raw = self.raw(designs)
        return (raw - raw.new_tensor(self.mean)) / raw.new_tensor(self.scale)

    def inverse(self, features: Tensor) -> Tensor:
        """Map ... x f features back to ... x d designs, by the features on a log scale."""
        raw = features * features.new_tensor(self.scale) + features.new_tensor(self.mean)
        if self.matrix is None:
            return raw
        back = torch.linalg.pinv(torch.tensor(self.matrix, dtype=torch.float64))
        return (raw[..., : len(self.matrix)] @ back.to(raw).T).exp()


@dataclass(frozen=True)
class MetricTransform:
    """Metrics (n x m, SI units) to transformed space, and on to standardised space.

    Transformed space is log10 (or log1p) or linear, per metric; standardised space has A's
    valid rows at mean 0 and standard deviation 1.
    """

    maps: tuple[MetricMap, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]

    def transform(self, metrics: Tensor) -> Tensor:
        """Physical (... x m) to transformed space; NaN stays NaN."""
        columns = [_forward(metrics[..., j], name) for j, name in enumerate(self.maps)]
        return torch.stack(columns, dim=-1)

    def inverse(self, transformed: Tensor) -> Tensor:
        """Transformed space (... x m) to physical units."""
        columns = [_backward(transformed[..., j], name) for j, name in enumerate(self.maps)]
        return torch.stack(columns, dim=-1)

    def standardise(self, transformed: Tensor) -> Tensor:
        """Transformed to standardised space."""
        return (transformed - transformed.new_tensor(self.mean)) / self.scales(transformed)

    def unstandardise(self, standardised: Tensor) -> Tensor:
        """Standardised to transformed space."""
        return standardised * self.scales(standardised) + standardised.new_tensor(self.mean)

    def scales(self, like: Tensor) -> Tensor:
        """The m scales as a tensor: what a standard deviation is multiplied by on the way back."""
        return like.new_tensor(self.scale)


def _forward(value: Tensor, name: MetricMap) -> Tensor:
    if name == "log10":
        return value.log10()
    return value.log1p() if name == "log1p" else value


def _backward(value: Tensor, name: MetricMap) -> Tensor:
    if name == "log10":
        return (value * _LOG10).exp()
    return value.expm1() if name == "log1p" else value


@dataclass(frozen=True)
class Transforms:
    """Everything between physical units and the networks.

    Attributes:
        inputs: designs to the networks' features.
        sizes: designs to standardised log sizes (d of them), the space that samplers work in.
        metrics: metrics to transformed and standardised space.
    """

    inputs: InputTransform
    sizes: InputTransform
    metrics: MetricTransform

    def features(self, designs: pd.DataFrame) -> Tensor:
        """Designs (n x d) to float32 features (n x f), computed in double precision."""
        return self.inputs.forward(_double(designs)).float()

    def targets(self, metrics: pd.DataFrame) -> Tensor:
        """Metrics (n x m) to float32 standardised space, NaN where not measured."""
        return self.metrics.standardise(self.metrics.transform(_double(metrics))).float()

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers and texts, exact, ready for JSON."""
        return {
            "inputs": vars(self.inputs),
            "sizes": vars(self.sizes),
            "metrics": vars(self.metrics),
        }

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Transforms:
        """Rebuild from ``to_dict`` (or its JSON)."""
        return cls(
            inputs=InputTransform(**_tuples(table["inputs"])),
            sizes=InputTransform(**_tuples(table["sizes"])),
            metrics=MetricTransform(**_tuples(table["metrics"])),
        )


def fit_transforms(source: DomainTable, circuit: Circuit, config: TransformConfig) -> Transforms:
    """Fit the scalers on A alone; metrics on A's valid rows, so that no sentinel moves a mean."""
    designs = _double(source.designs)
    maps: tuple[MetricMap, ...] = tuple(metric.transform for metric in circuit.metrics)
    if config.metrics == "log1p":
        names = circuit.metric_names
        maps = tuple("log1p" if name in _REFERENCE_LOG1P else "identity" for name in names)
    unscaled = MetricTransform(maps, mean=(0.0,), scale=(1.0,))
    measured = unscaled.transform(_double(source.metrics[source.valid])).numpy()
    mean, scale = _standardisation(measured)
    return Transforms(
        inputs=fit_inputs(designs, circuit.feature_matrix, circuit.product_matrix)
        if config.inputs == "features"
        else fit_inputs(designs, None),
        sizes=fit_inputs(designs, np.eye(designs.shape[1])),
        metrics=MetricTransform(maps, mean, scale),
    )


def fit_inputs(
    designs: Tensor, matrix: np.ndarray | None, products: np.ndarray | None = None
) -> InputTransform:
    """Standardise on designs (n x d, physical) the features that matrix and products make."""
    rows = None if matrix is None else _rows(matrix)
    unscaled = InputTransform(rows, (), (), () if products is None else _rows(products))
    mean, scale = _standardisation(unscaled.raw(designs).numpy())
    return replace(unscaled, mean=mean, scale=scale)


def _rows(matrix: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(value) for value in row) for row in matrix)


def _standardisation(columns: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    mean, spread = columns.mean(axis=0), columns.std(axis=0)
    # A column that A keeps constant has no spread (but rounding noise): leave its unit alone.
    spread = np.where(spread > 1e-9 * np.abs(mean), spread, 1.0)
    return tuple(map(float, mean)), tuple(map(float, spread))


def _double(table: pd.DataFrame) -> Tensor:
    return torch.from_numpy(table.to_numpy(dtype=float, copy=True))


def _tuples(table: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _tuple(value) for name, value in table.items()}


def _tuple(value: Any) -> Any:
    return tuple(_tuple(item) for item in value) if isinstance(value, list | tuple) else value


def scaler_table(dataset: DataSet, config: TransformConfig | None = None) -> pd.DataFrame:
    """List the scalers that are fitted on A: ``transform``, ``mean`` and ``std`` per column."""
    circuit, config = dataset.circuit, config or TransformConfig()
    transforms = fit_transforms(dataset.source, circuit, config)
    raw, logs = config.inputs == "raw", len(circuit.feature_matrix)
    names = circuit.variable_names if raw else circuit.feature_names
    kinds = ["identity" if raw or i >= logs else "log" for i in range(len(names))]
    inputs = transforms.inputs
    rows = list(zip(names, kinds, inputs.mean, inputs.scale, strict=True))
    metrics = transforms.metrics
    rows += zip(circuit.metric_names, metrics.maps, metrics.mean, metrics.scale, strict=True)
    return pd.DataFrame(rows, columns=["column", "transform", "mean", "std"]).set_index("column")
