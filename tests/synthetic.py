"""A small data set from a closed formula, in the layout of a data folder.

The long-channel five-transistor OTA with square-law devices; process B differs from A in its
transconductance, its output resistance and a mismatch that moves the CMRR. A narrow corner
collapses, as in real data, and reports the sweep limit as its unity-gain frequency.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from core.circuits import load_circuit

LOAD = 5e-12
SWEEP_LIMIT = 1e11
FILES = {
    "source": ("source/pretrain_design_features.csv", "source/pretrain_targets.csv"),
    "target": ("target/target_design_features.csv", "target/target_targets.csv"),
}


def designs(n: int, seed: int) -> pd.DataFrame:
    """n distinct designs of the 5T OTA on its grid."""
    generator = np.random.default_rng(seed)
    circuit = load_circuit("5t_opamp")
    columns = {v.name: generator.choice(v.grid, size=2 * n) for v in circuit.variables}
    return pd.DataFrame(columns).drop_duplicates().head(n).reset_index(drop=True)


def metrics(sizes: pd.DataFrame, process: str) -> pd.DataFrame:
    """Metrics of designs in process "A" or "B"; collapsed designs carry the sentinel."""
    k, early, scale = (2e-4, 10.0, 1.0) if process == "A" else (1.5e-4, 30.0, 0.7)
    current = sizes["ibias"]
    gm = np.sqrt(k * sizes["w1"] / sizes["l1"] * current)
    conductance = 0.5 * current / early * (1 / sizes["l1"] + 1 / sizes["l2"])
    gain = gm / conductance
    ugf = gm / (2 * np.pi * LOAD)
    pole = 2e9 / (sizes["w2"] * sizes["l2"])
    margin = 90 - np.degrees(np.arctan(ugf / pole))
    cmrr = scale * gain * np.sqrt(sizes["w3"] * sizes["l3"])
    table = pd.DataFrame(
        {
            "slewrate_pos": current / LOAD,
            "dc_gain": gain,
            "ugf": ugf,
            "phase_margin": margin,
            "cmrr": cmrr,
        }
    )
    table.loc[collapsed(sizes), ["dc_gain", "ugf"]] = (0.5, SWEEP_LIMIT)
    return table


def collapsed(sizes: pd.DataFrame) -> pd.Series:
    """The designs that do not bias up."""
    return (sizes["w2"] <= 8.0) & (sizes["ibias"] >= 1.5e-5)


def write_dataset(folder: Path, n_source: int = 400, n_target: int = 120, seed: int = 0) -> Path:
    """Write a data folder and return it."""
    for number, (domain, process, n) in enumerate(
        (("source", "A", n_source), ("target", "B", n_target))
    ):
        sizes = designs(n, seed + number)
        (folder / domain).mkdir(parents=True, exist_ok=True)
        sizes.to_csv(folder / FILES[domain][0], index=False)
        metrics(sizes, process).to_csv(folder / FILES[domain][1], index=False)
    return folder
