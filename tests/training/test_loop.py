"""The loop: it learns, stops, keeps networks apart, survives NaN, and resumes bit for bit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from core.config import StageConfig
from core.errors import CheckpointError, TrainingError
from core.models import MLP, Architecture
from core.training.loop import Task, clip_gradients, fit
from core.training.watch import Cancelled, Silent

SETTINGS = StageConfig(epochs=6, batch_size=8, lr=1e-2, clip_norm=1.0)
N, MEMBERS = 40, 2


def make_task(
    dropout: float = 0.0, targets: torch.Tensor | None = None, watch: bool = False
) -> Task:
    torch.manual_seed(0)
    x = torch.randn(N, 3)
    y = (x @ torch.tensor([[1.0], [-2.0], [0.5]])).expand(MEMBERS, N, 1).clone()
    y = y if targets is None else targets
    model = MLP(Architecture(3, 1, (8,), "tanh", dropout, MEMBERS))
    member = torch.arange(MEMBERS).unsqueeze(1)

    def losses_of(rows: torch.Tensor) -> dict[str, torch.Tensor]:
        loss = (model(x[rows]) - y[member, rows]).square().mean((1, 2))
        return {"loss": loss, "mse": loss.detach()}

    def held_out() -> dict[str, torch.Tensor]:
        loss = losses_of(torch.arange(8).repeat(MEMBERS, 1))["mse"]
        return {"mse": loss, "stop": loss}

    rows = torch.arange(8, N).repeat(MEMBERS, 1)
    return Task("align", model, rows, losses_of, held_out if watch else None)


def weights(task: Task) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in task.model.state_dict().items()}


class Recorder(Silent):
    def __init__(self, cancel_at: int = -1) -> None:
        self.batches, self.epochs, self.cancel_at = 0, [], cancel_at

    def batch(self) -> None:
        self.batches += 1
        if self.batches == self.cancel_at:
            raise Cancelled("stop")

    def epoch(self, event: dict[str, Any]) -> None:
        self.epochs.append(event)


def test_the_loss_falls_and_every_epoch_is_reported():
    recorder = Recorder()
    fit(make_task(watch=True), replace(SETTINGS, epochs=40), seed=1, watcher=recorder)
    assert [event["epoch"] for event in recorder.epochs] == list(range(1, 41))
    assert (
        recorder.epochs[-1]["losses"]["train_mse"] < 0.1 * recorder.epochs[0]["losses"]["train_mse"]
    )
    assert set(recorder.epochs[0]["losses"]) == {"train_loss", "train_mse", "validation_mse"}
    assert recorder.batches == 40 * 4


def test_the_same_seed_gives_the_same_weights():
    first, second = make_task(dropout=0.2), make_task(dropout=0.2)
    fit(first, SETTINGS, seed=1)
    fit(second, SETTINGS, seed=1)
    assert all(torch.equal(v, weights(second)[k]) for k, v in weights(first).items())


def test_the_random_state_of_the_caller_is_left_alone():
    task = make_task()
    before = torch.get_rng_state()
    fit(task, SETTINGS, seed=1)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_network_does_not_notice_what_its_neighbour_learns():
    wild = torch.zeros(MEMBERS, N, 1)
    wild[1] = 1e4 * torch.randn(N, 1)
    calm, disturbed = make_task(targets=torch.zeros(MEMBERS, N, 1)), make_task(targets=wild)
    fit(calm, SETTINGS, seed=1)
    fit(disturbed, SETTINGS, seed=1)
    for name, value in weights(calm).items():
        assert torch.equal(value[0], weights(disturbed)[name][0])
        assert not torch.equal(value[1], weights(disturbed)[name][1])


def test_gradients_are_clipped_for_each_network_by_its_own_norm():
    parameter = torch.nn.Parameter(torch.zeros(2, 3))
    parameter.grad = torch.tensor([[3.0, 0.0, 4.0], [0.3, 0.0, 0.4]])
    clip_gradients([parameter], 1.0, single=False)
    torch.testing.assert_close(parameter.grad, torch.tensor([[0.6, 0.0, 0.8], [0.3, 0.0, 0.4]]))


@pytest.mark.parametrize("cancel_at", [3, 10, 24])
def test_a_cancelled_fit_resumes_bit_for_bit(tmp_path, cancel_at):
    whole = make_task(dropout=0.2, watch=True)
    fit(whole, SETTINGS, seed=1)
    point = tmp_path / "align.resume"
    with pytest.raises(Cancelled):
        fit(make_task(0.2, watch=True), SETTINGS, 1, Recorder(cancel_at), resume_point=point)
    resumed = make_task(dropout=0.2, watch=True)
    fit(resumed, SETTINGS, seed=1, resume_point=point)
    assert all(torch.equal(v, weights(resumed)[k]) for k, v in weights(whole).items())


def test_a_damaged_resume_point_is_named(tmp_path):
    point = tmp_path / "align.resume"
    point.write_bytes(b"not a checkpoint")
    with pytest.raises(CheckpointError, match=r"align\.resume.*damaged"):
        fit(make_task(), SETTINGS, seed=1, resume_point=point)


def test_a_loss_that_is_not_finite_stops_with_the_place_and_the_last_good_weights():
    task, calls = make_task(), 0
    good: dict[str, torch.Tensor] = {}

    def poisoned(rows: torch.Tensor) -> dict[str, torch.Tensor]:
        nonlocal calls
        calls += 1
        if calls == 9:  # The first batch of the third epoch of four batches.
            good.update(weights(task))
        losses = task.objective(rows)
        return {"loss": losses["loss"] * torch.nan} if calls == 11 else losses

    with pytest.raises(TrainingError, match="stage align, epoch 3, batch 3"):
        fit(replace(task, objective=poisoned), SETTINGS, seed=1)
    assert all(torch.equal(value, good[name]) for name, value in weights(task).items())


def test_early_stopping_keeps_each_networks_own_best_weights():
    task = make_task()
    scores = torch.tensor([[3.0, 3.0], [2.0, 4.0], [5.0, 1.0], [5.0, 5.0], [5.0, 5.0], [5.0, 5.0]])
    seen: list[dict[str, torch.Tensor]] = []

    def watch() -> dict[str, torch.Tensor]:
        seen.append(weights(task))
        return {"stop": scores[len(seen) - 1]}

    epochs = fit(replace(task, watch=watch), replace(SETTINGS, patience=2), seed=1)
    assert epochs == 6
    for name, value in weights(task).items():
        assert torch.equal(value[0], seen[1][name][0])
        assert torch.equal(value[1], seen[2][name][1])


def test_without_patience_the_last_weights_stay():
    task = make_task(watch=True)
    assert fit(task, SETTINGS, seed=1) == SETTINGS.epochs


def test_a_plateau_halves_the_learning_rate():
    task = make_task()
    recorder = Recorder()
    settings = replace(SETTINGS, schedule="plateau", epochs=8)
    fit(replace(task, watch=lambda: {"stop": torch.ones(MEMBERS)}), settings, 1, recorder)
    # The first epoch is the best one; six epochs later the rate is halved.
    assert [event["lr"] for event in recorder.epochs] == [1e-2] * 7 + [5e-3]
