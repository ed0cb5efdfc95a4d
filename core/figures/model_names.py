"""What people call models and stages of a run; the command line knows their raw names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

MODEL_NAMES: Mapping[str, str] = {
    "ensemble": "Ensemble",
    "align": "Aligned (A tuned on B)",
    "gaussian_process": "Gaussian process",
    "unaided_process": "Gaussian process, unaided",
    "target_only": "Target only (B alone)",
    "dual_head": "Dual head",
    "baseline": "Baseline (A alone)",
    "mdn": "Mixture density",
}
_MEANINGS: Mapping[str, str] = {
    "ensemble": "the members fused; what the other pages use",
    "align": "A's network, tuned on B",
    "gaussian_process": "on the sizes and on what A's network says of them",
    "unaided_process": "the same without nodal equations; stands in where these break down",
    "target_only": "the same network as the aligned one, from scratch on B",
    "dual_head": "one backbone, a head for each process",
    "baseline": "A's network as it is: the answer without any transfer",
    "mdn": "the inverse network: proposes sizes for the specs of a design search",
}


def model_name(name: str) -> str:
    """Return what people call a model; an unknown one is called as it is."""
    return MODEL_NAMES.get(name, name)


def model_help(names: Iterable[str]) -> str:
    """Return a Markdown list that explains models, each with its name on the command line."""
    return "\n".join(
        f"- **{model_name(name)}**, `{name}`: {_MEANINGS[name]}"
        for name in names
        if name in _MEANINGS
    )
