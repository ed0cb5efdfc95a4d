"""A bench on the textbook OTA: its formulas are the simulator, so that trials take milliseconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks.inverse.trial import Bench
from core.inverse import Simulated, prepare
from tests.inverse.textbook import TextbookPredictor, textbook_metrics


@pytest.fixture(scope="session")
def textbook_bench() -> Bench:
    predictor = TextbookPredictor()
    circuit = predictor.circuit

    def oracle(sizes: pd.DataFrame) -> Simulated:
        designs = torch.tensor(sizes[circuit.variable_names].to_numpy(dtype=float))
        values = pd.DataFrame(textbook_metrics(designs).numpy(), columns=circuit.metric_names)
        values["supply_current"] = 2.0 * sizes["ibias"].to_numpy()
        values["gate_area"] = circuit.gate_area(sizes).to_numpy()
        works = predictor.validity(designs).numpy() > 0.5
        failure = pd.Series(np.where(works, "", "overdrive"))
        return Simulated(values, failure, "textbook")

    return Bench(circuit, prepare(predictor, size=1024), Path(), oracle)
