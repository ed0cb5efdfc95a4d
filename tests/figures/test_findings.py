"""Rows of a data set as text."""

from __future__ import annotations

from core.circuits import load_circuit
from core.data import load_dataset, quality_findings
from core.figures.findings import rows_view
from tests.synthetic import collapsed, write_dataset

CIRCUIT = load_circuit("5t_opamp")


def test_the_rows_of_a_finding_are_those_that_it_counts(tmp_path):
    dataset = load_dataset(write_dataset(tmp_path), CIRCUIT)
    findings = quality_findings(dataset).set_index(["domain", "column"])
    found = findings.loc[("B", "ugf")]
    view = rows_view(dataset.target, found["positions"], CIRCUIT)
    lost = collapsed(dataset.target.designs)
    assert list(view.index) == [row + 1 for row in range(len(lost)) if lost[row]]
    assert view.index[0] == found["example"]
    assert view["Reason"].str.contains("ugf").all()
    assert set(view["UGF"]) == {"–"}
