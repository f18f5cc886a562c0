"""Rows: means over seeds and splits, against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest

from leaderboard.rows import gather
from tests.leaderboard.made import cells, result


def test_a_mean_over_seeds_carries_the_sample_standard_deviation_and_the_number_of_seeds() -> None:
    row = gather(
        cells(*(result(macro_accuracy=value, seed=seed) for seed, value in enumerate((0.4, 0.5, 0.6)))), ["100"]
    )
    mean = row.by_split["100"]
    assert (mean.value, mean.spread, mean.seeds) == (pytest.approx(0.5), pytest.approx(0.1), 3)


def test_one_seed_has_no_spread() -> None:
    assert gather(cells(result()), ["100"]).by_split["100"].spread is None


def test_the_mean_of_splits_weighs_splits_equally_however_many_seeds_they_have() -> None:
    made = [result(macro_accuracy=0.2, split="5"), *(result(macro_accuracy=0.6, split="10", seed=n) for n in range(3))]
    mean = gather(cells(*made), ["5", "10"]).main
    assert mean is not None
    assert mean.value == pytest.approx(0.4)
    assert mean.spread is None, "seeds that some split lacks have no mean over the splits"


def test_the_spread_of_the_mean_of_splits_is_that_of_the_seeds_own_means() -> None:
    made = [
        result(macro_accuracy=0.2, split="5", seed=0),
        result(macro_accuracy=0.4, split="5", seed=1),
        result(macro_accuracy=0.6, split="10", seed=0),
        result(macro_accuracy=0.8, split="10", seed=1),
    ]
    mean = gather(cells(*made), ["5", "10"]).main
    assert mean is not None
    assert mean.spread == pytest.approx(math.sqrt(0.02)), "of the means 0.4 and 0.6"


def test_splits_that_the_ranking_is_not_over_count_only_for_themselves() -> None:
    row = gather(cells(result(macro_accuracy=0.1, split="5"), result(macro_accuracy=0.5, split="100")), ["100"])
    assert row.main is not None
    assert row.main.value == row.by_split["100"].value == 0.5
    assert row.groups["seen"] == 0.5


def test_a_row_that_lacks_a_split_has_no_mean_of_splits() -> None:
    assert gather(cells(result(split="5")), ["5", "10"]).main is None


def test_the_worst_device_is_that_of_the_means_over_seeds() -> None:
    worst = gather(cells(result(macro_accuracy=0.5, seed=0), result(macro_accuracy=0.7, seed=1)), ["100"]).worst_device
    assert worst is not None
    assert (worst.name, worst.accuracy) == ("s6", pytest.approx(0.5))


def test_the_gap_is_the_mean_of_the_gaps() -> None:
    assert gather(cells(result(seed=0), result(seed=1)), ["100"]).gap == pytest.approx(0.05)


def test_the_cost_is_that_of_the_largest_network_of_a_system() -> None:
    cost = gather(cells(result(macs=10, seed=0), result(macs=30, seed=1)), ["100"]).cost
    assert cost is not None
    assert (cost.macs, cost.decisive_macs) == (30, 1030)
