"""Transistors of several polarities in rows of equal length."""

from __future__ import annotations

import torch

from core.devices.seats import Pairs, Seats

KINDS = torch.tensor([0, 0, 1, 1, 0, 0])


def test_the_shorter_row_is_filled_up_and_everyone_finds_back():
    seats = Seats.of(KINDS, 2)
    assert seats.order.tolist() == [[0, 1, 4, 5], [2, 3, 0, 0]]
    values = torch.arange(2 * 6 * 3).view(2, 6, 3)
    assert seats.rows(values).shape == (2, 8, 3)
    assert seats.rows(values)[1, 0].tolist() == values[0, 2].tolist()
    assert torch.equal(seats.back(seats.rows(values)), values)


def test_values_of_each_kind_reach_every_seat_of_its_row():
    seats = Seats.of(KINDS, 2)
    values = torch.arange(3 * 2 * 5).view(3, 2, 5)
    found = seats.repeated(values)
    assert found.shape == (2, 3 * 4, 5)
    for design in range(3):
        for seat in range(4):
            assert torch.equal(found[:, 4 * design + seat], values[design])


def test_a_kind_without_anyone_gets_a_row_too():
    seats = Seats.of(torch.tensor([1, 1]), 2)
    assert seats.order.shape == (2, 2)
    values = torch.arange(4.0).view(1, 2, 2)
    assert torch.equal(seats.back(seats.rows(values)), values)


def test_pairs_share_their_mean_and_stand_half_a_difference_apart():
    pairs = Pairs.of([(0, 1), (2, 3)], KINDS, 2)
    logs = torch.tensor([1.0, 3.0, 5.0, 9.0, 2.0, 4.0], dtype=torch.float64)
    differences = torch.tensor([0.2, 0.4], dtype=torch.float64)
    found = pairs.mean @ logs + pairs.apart @ differences
    torch.testing.assert_close(
        found, torch.tensor([2.1, 1.9, 7.2, 6.8, 2.0, 4.0], dtype=torch.float64)
    )
