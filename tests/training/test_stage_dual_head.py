"""The dual head: on which rows its networks stop, and what they are pulled towards."""

from __future__ import annotations

import pytest
import torch

from core.config import preset, with_overrides
from core.data import load_dataset
from core.data.transforms import fit_transforms
from core.training.run_store import RunStore
from core.training.stage_baseline import train_baseline
from core.training.stage_dual_head import train_dual_head
from core.training.workspace import Workspace
from tests.synthetic import write_dataset
from tests.tiny import CIRCUIT, OVERRIDES


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return load_dataset(write_dataset(tmp_path_factory.mktemp("data")), CIRCUIT)


def trained_baseline(dataset, folder, *overrides):
    config = with_overrides(preset("default"), [*OVERRIDES, "baseline.epochs=2", *overrides])
    work = Workspace(
        dataset=dataset,
        config=config,
        run=RunStore.create(folder, {"circuit": CIRCUIT.id}),
        transforms=fit_transforms(dataset.source, CIRCUIT, config.transform),
        device=torch.device("cpu"),
    )
    train_baseline(work)
    return work


def tasks_of(work, monkeypatch, instead_of_training=lambda task: None):
    """The fits that the stage asks for, with something else in the place of training."""
    tasks = []

    def fit(self, task, settings, save, part=""):
        tasks.append(task)
        instead_of_training(task)

    monkeypatch.setattr(Workspace, "fit", fit)
    train_dual_head(work)
    return tasks


def test_each_network_that_stops_early_stops_on_rows_that_it_does_not_learn_from(
    dataset, tmp_path, monkeypatch
):
    work = trained_baseline(dataset, tmp_path / "run", "dual_head.patience=2")
    tasks = tasks_of(work, monkeypatch)
    assert len(tasks) == 3
    for task in tasks:
        assert torch.isfinite(task.watch()["stop"]).all()
        assert all(len(torch.unique(rows)) < len(work.target) for rows in task.rows)


def test_networks_on_all_rows_have_none_to_be_watched_on_where_none_stop_early(
    dataset, tmp_path, monkeypatch
):
    work = trained_baseline(dataset, tmp_path / "run")
    for task in tasks_of(work, monkeypatch):
        watched = torch.isfinite(task.watch()["stop"])
        assert watched.tolist() == [False] * 2 + [True] * (len(watched) - 2)
        assert len(torch.unique(task.rows[0])) == len(work.target)


def test_the_last_phase_pulls_towards_the_weights_of_a_and_not_of_the_phase_before(
    dataset, tmp_path, monkeypatch
):
    pull = 100.0
    work = trained_baseline(dataset, tmp_path / "run", f"dual_head.l2sp={pull}")

    @torch.no_grad()
    def move_by_one(task):
        if task.model.head_b.weight.requires_grad:
            task.model.head_b.weight += 1.0

    last = tasks_of(work, monkeypatch, move_by_one)[-1]
    last.objective(last.rows[:, :32])["loss"].sum().backward()
    # Two phases moved the head by one each; the data's own slope is some units at most.
    moved = last.model.head_b.weight.grad
    assert moved.median().item() == pytest.approx(2.0 * pull * 2.0, rel=0.1)
