"""Data sets: whole or not at all, the same again, on any joblib backend."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import joblib
import pandas as pd
import pytest

from core.circuits import load_circuit
from core.circuits.operating_point import FILE as OPERATING_POINTS
from core.circuits.operating_point import KEYS, QUANTITIES
from core.errors import InputError
from core.spice import available_engines, generate, load_process
from core.spice.generate import FILES

CIRCUIT = load_circuit("5t_opamp")


def make(folder: Path, n_source: int = 6, n_target: int = 4, jobs: int = 1) -> Path:
    generate(
        CIRCUIT,
        load_process("sky130"),
        load_process("gf180mcu"),
        n_source,
        n_target,
        42,
        folder,
        jobs=jobs,
    )
    return folder


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("generated") / "set")


def test_files_and_columns_are_those_of_the_format(made: Path) -> None:
    for domain, (design_file, target_file) in FILES.items():
        designs = pd.read_csv(made / domain / design_file)
        targets = pd.read_csv(made / domain / target_file)
        assert list(designs.columns) == CIRCUIT.variable_names
        assert list(targets.columns) == [*CIRCUIT.metric_names, "supply_current", "failure"]
        assert len(designs) == len(targets) == {"source": 6, "target": 4}[domain]


def test_no_design_is_in_both_processes(made: Path) -> None:
    designs = pd.concat(pd.read_csv(made / domain / FILES[domain][0]) for domain in FILES)
    assert not designs.duplicated().any()


def test_origin_is_recorded(made: Path) -> None:
    description = json.loads((made / "dataset.json").read_text())
    assert description["circuit"] == "5t_opamp"
    assert description["source"]["process"] == "sky130"
    assert description["target"] == {
        "process": "gf180mcu",
        "corner": "tt",
        "temperature": 27.0,
        "supply": 3.3,
        "n": 4,
        "seed": 42,
    }
    assert description["engine"] == available_engines()[0]
    assert "--n-source 6 --n-target 4 --seed 42" in description["command"]


def test_generating_again_gives_the_same_files(made: Path, tmp_path: Path) -> None:
    assert contents(make(tmp_path / "again")) == contents(made)


def test_dask_cluster_gives_the_same_files(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed = pytest.importorskip("distributed")
    # Spawned workers import the main module, which a page test may have set to a page.
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True
        ) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        folder = make(tmp_path / "dask", jobs=-1)
    assert contents(folder) == contents(made)


def test_folder_in_use_is_refused(made: Path) -> None:
    with pytest.raises(InputError, match="exists already"):
        make(made)


def test_nothing_is_left_where_it_fails(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="designs in both processes"):
        make(tmp_path / "none", n_target=0)
    with pytest.raises(RuntimeError, match="stop"):
        generate(
            CIRCUIT,
            load_process("sky130"),
            load_process("gf180mcu"),
            2,
            2,
            42,
            tmp_path / "stopped",
            jobs=1,
            progress=stop,
        )
    assert list(tmp_path.iterdir()) == []


def stop(done: int, total: int) -> None:
    raise RuntimeError("stop")


def test_what_the_simulator_says_of_bs_transistors_is_kept(made: Path) -> None:
    path = made / "target" / OPERATING_POINTS
    if available_engines()[0] != "ngspice":
        assert not path.exists()
        return
    points = pd.read_csv(path)
    assert list(points.columns) == [*KEYS, *QUANTITIES]
    assert sorted(points["row"].unique()) == [0, 1, 2, 3]
    assert set(points["device"]) == {device.name for device in CIRCUIT.devices}
    assert (points["id"] > 0).all()
    assert not (made / "source" / OPERATING_POINTS).exists()
