"""Which network sees which row."""

from __future__ import annotations

import torch

from core.training.rows import cross_fitted_rows, fitted_rows, fold_of_rows, held_out_rows, pad


def test_every_row_lies_in_one_fold_and_the_folds_are_even():
    fold = fold_of_rows(103, 5, seed=0)
    counts = torch.bincount(fold)
    assert counts.sum() == 103
    assert counts.max() - counts.min() <= 1


def test_folds_depend_on_the_seed_alone():
    assert torch.equal(fold_of_rows(50, 5, 1), fold_of_rows(50, 5, 1))
    assert not torch.equal(fold_of_rows(50, 5, 1), fold_of_rows(50, 5, 2))


def test_no_network_trains_on_the_fold_that_it_leaves_out():
    fold = fold_of_rows(53, 5, seed=0)
    rows = cross_fitted_rows(fold, members=2)
    assert rows.members == 2 * (1 + 5)
    for member in range(rows.members):
        number = int(rows.fold[member])
        seen = set(rows.train[member].tolist())
        expected = set(range(53)) if number < 0 else set(torch.where(fold != number)[0].tolist())
        assert seen == expected
        if number >= 0:
            assert set(rows.held[member].tolist()) == set(torch.where(fold == number)[0].tolist())


def test_networks_of_a_fold_start_from_each_of_the_given_ones():
    rows = cross_fitted_rows(fold_of_rows(20, 4, seed=0), members=3)
    assert rows.origin.tolist() == [0, 1, 2] * 5


def test_rows_to_stop_on_are_taken_from_the_training_rows():
    rows = cross_fitted_rows(fold_of_rows(40, 4, seed=0), members=1)
    stopping = fitted_rows(rows, patience=5, seed=0)
    for member in range(rows.members):
        train, held = set(stopping.train[member].tolist()), set(stopping.held[member].tolist())
        assert not train & held
        assert train | held == set(rows.train[member].tolist())


def test_held_out_rows_are_the_same_for_all_and_never_trained_on():
    rows = held_out_rows(100, members=3, share=0.05, seed=0)
    assert rows.held.shape == (3, 5)
    assert not set(rows.train[0].tolist()) & set(rows.held[0].tolist())


def test_padding_repeats_rows_of_the_same_list():
    padded = pad([torch.tensor([1, 2, 3]), torch.tensor([7, 8])])
    assert padded.tolist() == [[1, 2, 3], [7, 8, 7]]
