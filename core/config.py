"""Every hyper-parameter of training, in one place, with default, unit, bounds and description.

The defaults are the recipe that measured best; ``preset("reference")`` holds the published one
and ``preset("quick")`` a short run for trying things out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, get_type_hints

from core.errors import InputError, suggest

STAGES = ("baseline", "align", "target_only", "dual_head", "mdn")
MODELS = ("ensemble", "align", "gaussian_process", "target_only", "dual_head", "baseline")
PRESETS = ("default", "reference", "quick")


def setting(
    default: Any,
    description: str,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """Declare one hyper-parameter: a dataclass field that carries what a person must know."""
    metadata = {
        "description": description,
        "unit": unit,
        "minimum": minimum,
        "maximum": maximum,
        "choices": choices,
    }
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class DataConfig:
    """How B's rows are split, and the seed of everything random."""

    val_split: float = setting(0.2, "Share of B's rows kept for reporting", "", 0.01, 0.9)
    seed: int = setting(42, "Seed of the split, the initial weights and the batches", "", 0, 2**31)


@dataclass(frozen=True)
class TransformConfig:
    """What the networks see in place of physical units."""

    inputs: str = setting(
        "features",
        "Inputs: the circuit's log features, or raw sizes; standardised on A either way",
        choices=("features", "raw"),
    )
    metrics: str = setting(
        "circuit",
        "Metrics: the circuit's own transforms (log10 or linear), or log1p of UGF and CMRR only",
        choices=("circuit", "log1p"),
    )
    source_rows: str = setting(
        "measured",
        "Rows of A that train the regressors: working amplifiers only, or every measured metric",
        choices=("valid", "measured"),
    )
    target_rows: str = setting(
        "measured",
        "Rows of B that train the regressors: working amplifiers only, or every measured metric",
        choices=("valid", "measured"),
    )


@dataclass(frozen=True)
class NetworkConfig:
    """The backbone that all networks share."""

    hidden_layers: int = setting(4, "Hidden layers", "", 1, 12)
    hidden_width: int = setting(192, "Units per hidden layer", "", 4, 2048)
    activation: str = setting("silu", "Activation", choices=("silu", "relu", "gelu", "tanh"))
    dropout: float = setting(0.0, "Dropout probability after each hidden layer", "", 0.0, 0.9)
    logvar_min: float = setting(-16.0, "Lower bound of the predicted log-variance", "", -40.0, 0.0)
    logvar_max: float = setting(4.0, "Upper bound of the predicted log-variance", "", 0.0, 20.0)


@dataclass(frozen=True)
class StageConfig:
    """What every stage of training has."""

    members: int = setting(4, "Networks trained side by side from different seeds", "", 1, 50)
    epochs: int = setting(50, "Passes over the training rows", "epochs", 1, 100_000)
    patience: int = setting(
        0, "Epochs without improvement on rows held out of training; 0: no early stopping",
        "epochs", 0, 10_000,
    )  # fmt: skip
    batch_size: int = setting(256, "Rows per step", "rows", 2, 100_000)
    lr: float = setting(1e-3, "Peak learning rate", "", 1e-8, 1.0)
    schedule: str = setting(
        "one_cycle",
        "Learning rate over time",
        choices=("one_cycle", "cosine", "plateau", "constant"),
    )
    weight_decay: float = setting(1e-4, "Decoupled weight decay of AdamW", "", 0.0, 10.0)
    clip_norm: float = setting(5.0, "Largest gradient norm per network; 0: off", "", 0.0, 1e6)
    mixed_precision: bool = setting(False, "16-bit arithmetic on CUDA devices")


@dataclass(frozen=True)
class BaselineConfig(StageConfig):
    """Stage 1: regression on A."""

    epochs: int = setting(100, "Passes over A", "epochs", 1, 100_000)
    lr: float = setting(3e-3, "Peak learning rate", "", 1e-8, 1.0)
    huber_delta: float = setting(
        0.3, "Where the Huber loss turns linear, in standard deviations of A; 0: squared error",
        "", 0.0, 100.0,
    )  # fmt: skip
    holdout: float = setting(0.05, "Share of A held out to watch and to stop", "", 0.01, 0.5)


@dataclass(frozen=True)
class HeteroConfig(StageConfig):
    """A heteroscedastic network on B."""

    epochs: int = setting(135, "Passes over B's training rows", "epochs", 1, 100_000)
    batch_size: int = setting(64, "Rows per step", "rows", 2, 100_000)
    beta: float = setting(
        0.5, "Exponent of beta-NLL: 0 is the plain likelihood, 1 weighs like squared error",
        "", 0.0, 1.0,
    )  # fmt: skip
    alpha_r2: float = setting(0.0, "Weight of 1 - mean R2 in the loss", "", 0.0, 100.0)
    full_rows: int = setting(
        640, "Rows that the epochs are meant for; with fewer rows they grow with the square root "
        "of the ratio; 0: never", "rows", 0, 1_000_000,
    )  # fmt: skip


@dataclass(frozen=True)
class AlignConfig(HeteroConfig):
    """Stage 2: the backbone of A, tuned on B."""

    lambda_coral: float = setting(0.0, "Weight of the CORAL loss", "", 0.0, 100.0)
    refit_head: bool = setting(
        True, "Start from A's head, rescaled and shifted per metric to B by least squares"
    )
    adapt_epochs: int = setting(
        180, "Epochs that first adapt A's frozen networks by scales and shifts at every level; "
        "0: none", "epochs", 0, 100_000,
    )  # fmt: skip
    adapt_lr: float = setting(1e-2, "Peak learning rate of the adaptation", "", 1e-8, 1.0)
    adapt_penalty: float = setting(
        1e-4, "Weight of the pull of the adaptation towards the identity", "", 0.0, 100.0
    )


@dataclass(frozen=True)
class TargetOnlyConfig(HeteroConfig):
    """Stage 3: the same network from scratch on B, the control."""

    epochs: int = setting(200, "Passes over B's training rows", "epochs", 1, 100_000)
    members: int = setting(2, "Networks trained side by side from different seeds", "", 1, 50)


@dataclass(frozen=True)
class DualHeadConfig(StageConfig):
    """Stage 4: a second head for B, in three phases."""

    members: int = setting(2, "Networks trained side by side from different seeds", "", 1, 50)
    epochs: int = setting(50, "Passes over B's training rows in each phase", "epochs", 1, 100_000)
    batch_size: int = setting(64, "Rows per step", "rows", 2, 100_000)
    lr: float = setting(3e-2, "Learning rate of phase (a): bias of head B", "", 1e-8, 1.0)
    lr_head: float = setting(3e-3, "Learning rate of phase (b): head B", "", 1e-8, 1.0)
    lr_unfrozen: float = setting(
        1e-3, "Learning rate of phase (c): head B and the last hidden layer", "", 1e-8, 1.0
    )
    l2sp: float = setting(1e-4, "Weight of the L2-SP pull towards A's weights", "", 0.0, 100.0)
    huber_delta: float = setting(
        0.3, "Where the Huber loss turns linear, in standard deviations; 0: squared error",
        "", 0.0, 100.0,
    )  # fmt: skip


@dataclass(frozen=True)
class MdnConfig(StageConfig):
    """Stage 5: the mixture density network that proposes sizes for given metrics."""

    members: int = setting(1, "Networks trained side by side from different seeds", "", 1, 50)
    epochs: int = setting(60, "Passes over the pairs", "epochs", 1, 100_000)
    batch_size: int = setting(128, "Rows per step", "rows", 2, 100_000)
    components: int = setting(10, "Mixture components", "", 1, 200)
    hidden_layers: int = setting(4, "Hidden layers", "", 1, 12)
    hidden_width: int = setting(256, "Units per hidden layer", "", 4, 2048)


@dataclass(frozen=True)
class EnsembleConfig:
    """How the members are cross-fitted, fused and calibrated."""

    folds: int = setting(4, "Folds of the cross-fitting on B's training rows", "", 2, 20)
    coverage: float = setting(0.9, "Nominal coverage of the prediction intervals", "", 0.5, 0.999)
    gaussian_process: bool = setting(True, "Add a Gaussian process on features and A-prediction")
    transistors: bool = setting(
        True, "Learn B's transistors and let the nodal equations estimate metrics; two minutes"
    )
    operating_points: bool = setting(
        True, "Learn the transistors from operating points, where the data hold them; else, and "
        "without this, they are extracted from the metrics"
    )  # fmt: skip
    process_rows: int = setting(
        1500, "Most training rows of B for the Gaussian process; its cost grows with their cube",
        "rows", 10, 10_000,
    )  # fmt: skip
    range_margin: float = setting(
        0.05, "Predictions stay within B's training range widened by this share, as long as one "
        "member does", "", 0.0, 10.0,
    )  # fmt: skip


@dataclass(frozen=True)
class TrainingConfig:
    """All of it; one section per stage."""

    data: DataConfig = field(default_factory=DataConfig)
    transform: TransformConfig = field(default_factory=TransformConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    baseline: BaselineConfig = field(default_factory=BaselineConfig)
    align: AlignConfig = field(default_factory=AlignConfig)
    target_only: TargetOnlyConfig = field(default_factory=TargetOnlyConfig)
    dual_head: DualHeadConfig = field(default_factory=DualHeadConfig)
    mdn: MdnConfig = field(default_factory=MdnConfig)
    ensemble: EnsembleConfig = field(default_factory=EnsembleConfig)

    def to_dict(self) -> dict[str, Any]:
        """Return plain nested dictionaries, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, table: Mapping[str, Mapping[str, Any]]) -> TrainingConfig:
        """Rebuild from ``to_dict``.

        Raises:
            InputError: unknown sections or settings, or values out of bounds.
        """
        assignments = [
            f"{section}.{name}={value}"
            for section, values in table.items()
            for name, value in values.items()
        ]
        return with_overrides(cls(), assignments)


@dataclass(frozen=True)
class SettingDescription:
    """One hyper-parameter, for help texts and forms."""

    section: str
    name: str
    value: Any
    default: Any
    unit: str
    minimum: float | None
    maximum: float | None
    choices: tuple[str, ...]
    description: str

    @property
    def path(self) -> str:
        """The name that ``with_overrides`` takes: ``align.lr``."""
        return f"{self.section}.{self.name}"


def describe(config: TrainingConfig | None = None) -> list[SettingDescription]:
    """List every hyper-parameter with its present value, default, unit, bounds, description."""
    config = config or TrainingConfig()
    return [
        SettingDescription(
            section=section.name,
            name=item.name,
            value=getattr(getattr(config, section.name), item.name),
            default=item.default,
            unit=item.metadata["unit"],
            minimum=item.metadata["minimum"],
            maximum=item.metadata["maximum"],
            choices=item.metadata["choices"],
            description=item.metadata["description"],
        )
        for section in fields(config)
        for item in fields(getattr(config, section.name))
    ]


def with_overrides(config: TrainingConfig, assignments: Iterable[str]) -> TrainingConfig:
    """Return the config with assignments such as ``align.lr=1e-3`` applied in order.

    Raises:
        InputError: one sentence per unknown name or value that does not fit.
    """
    faults: list[str] = []
    for assignment in assignments:
        try:
            config = _assign(config, assignment)
        except InputError as error:
            faults.extend(error.faults)
    if faults:
        raise InputError(faults)
    return config


def _assign(config: TrainingConfig, assignment: str) -> TrainingConfig:
    path, equals, text = assignment.partition("=")
    section, dot, name = path.strip().partition(".")
    if not (equals and dot):
        raise InputError(f'Override "{assignment}" is not of the form section.name=value.')
    sections = [item.name for item in fields(config)]
    if section not in sections:
        raise InputError(f'Unknown section in "{path}".{suggest(section, sections)}')
    values = getattr(config, section)
    known = {item.name: item for item in fields(values)}
    if name not in known:
        paths = [f"{section}.{item}" for item in known]
        raise InputError(f'Unknown setting "{path}".{suggest(path.strip(), paths)}')
    kind = get_type_hints(type(values))[name]
    value = _parse(path.strip(), text.strip(), kind)
    _check(path.strip(), value, known[name].metadata)
    return replace(config, **{section: replace(values, **{name: value})})


def _parse(path: str, text: str, kind: type) -> Any:
    if kind is bool:
        table = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        if text.lower() not in table:
            raise InputError(f'{path} is "{text}": expected true or false.')
        return table[text.lower()]
    try:
        return kind(text)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise InputError(f'{path} is "{text}": expected {what}.') from None


def _check(path: str, value: Any, metadata: Mapping[str, Any]) -> None:
    choices = metadata["choices"]
    if choices and value not in choices:
        raise InputError(f'{path} is "{value}".{suggest(value, choices)}')
    low, high = metadata["minimum"], metadata["maximum"]
    # The negated form also refuses NaN.
    if low is not None and not value >= low:
        raise InputError(f"{path} is {value}: expected at least {low}.")
    if high is not None and not value <= high:
        raise InputError(f"{path} is {value}: expected at most {high}.")


_REFERENCE = (
    "transform.inputs=raw",
    "transform.metrics=log1p",
    "transform.source_rows=measured",
    "transform.target_rows=measured",
    "network.hidden_layers=6",
    "network.hidden_width=512",
    "network.activation=relu",
    "network.dropout=0.1",
    "baseline.huber_delta=0",
    "align.beta=0",
    "align.alpha_r2=1.0",
    "align.lambda_coral=0.05",
    "align.refit_head=false",
    "align.adapt_epochs=0",
    "align.full_rows=0",
    "target_only.full_rows=0",
    "target_only.beta=0",
    "target_only.alpha_r2=1.0",
    "dual_head.huber_delta=0",
    "dual_head.lr=3e-4",
    "dual_head.lr_head=1e-4",
    "dual_head.lr_unfrozen=5e-5",
    "dual_head.l2sp=1e-4",
    "mdn.lr=1e-3",
    "mdn.batch_size=128",
    "mdn.epochs=60",
    "ensemble.gaussian_process=false",
    *(
        f"{stage}.{name}"
        for stage in ("baseline", "align", "target_only", "dual_head")
        for name in ("epochs=50", "patience=10", "batch_size=256")
    ),
    *(f"{stage}.lr=1e-4" for stage in ("baseline", "align", "target_only")),
    *(
        f"{stage}.{name}"
        for stage in STAGES
        for name in ("members=1", "schedule=constant", "weight_decay=1e-4", "clip_norm=1.0")
    ),
)
_QUICK = (
    "network.hidden_layers=3",
    "network.hidden_width=96",
    "baseline.epochs=25",
    "align.epochs=60",
    "align.adapt_epochs=60",
    "target_only.epochs=80",
    "dual_head.epochs=20",
    "mdn.epochs=10",
    "mdn.hidden_width=96",
    "ensemble.gaussian_process=false",
    *(f"{stage}.members=2" for stage in ("baseline", "align")),
    *(f"{stage}.members=1" for stage in ("target_only", "dual_head")),
)


def preset(name: str) -> TrainingConfig:
    """Return a named config: ``default`` (measured best), ``reference`` (published), ``quick``.

    Raises:
        InputError: unknown name.
    """
    overrides = {"default": (), "reference": _REFERENCE, "quick": _QUICK}
    if name not in overrides:
        raise InputError(f'Unknown preset: "{name}".{suggest(name, PRESETS)}')
    return with_overrides(TrainingConfig(), overrides[name])
