"""Ranking: every rule against an order worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.boards import Board
from leaderboard.ranking import competition_ranks
from tests.leaderboard.made import board_of, result, track_ranked_by


def order(board: Board) -> list[tuple[int | None, str]]:
    return [(row.rank, row.newest.identity.system) for row in board.ranked]


def test_macro_accuracy_ranks_the_higher_one_first() -> None:
    board = board_of(
        result("low", 0.4), result("high", 0.6), result("middle", 0.5), on=track_ranked_by("macro_accuracy")
    )
    assert order(board) == [(1, "high"), (2, "middle"), (3, "low")]


def test_mean_of_splits_ranks_by_the_mean_and_not_by_any_one_split() -> None:
    made = [
        *(result("steady", value, split=split) for split, value in (("5", 0.50), ("100", 0.52))),
        *(result("steep", value, split=split) for split, value in (("5", 0.30), ("100", 0.60))),
    ]
    board = board_of(*made, on=track_ranked_by("mean_of_splits", default_splits=("5", "100")))
    assert order(board) == [(1, "steady"), (2, "steep")]
    assert [row.score for row in board.ranked] == pytest.approx([0.51, 0.45])


def test_log_loss_ranks_the_lower_one_first_whatever_the_accuracy() -> None:
    made = [result("sure", 0.6, log_loss=1.4), result("careful", 0.5, log_loss=1.2)]
    assert order(board_of(*made, on=track_ranked_by("log_loss"))) == [(1, "careful"), (2, "sure")]


def test_weighted_rank_weighs_accuracy_by_a_half_and_bytes_and_macs_by_a_quarter_each() -> None:
    # ranks (accuracy, bytes, MACs): big 1 3 3, fair 2 2 1, small 3 1 2; 0.5 a + 0.25 b + 0.25 m
    made = [
        result("big", 0.6, parameter_bytes=120_000, macs=29_000_000),
        result("fair", 0.5, parameter_bytes=80_000, macs=10_000_000),
        result("small", 0.4, parameter_bytes=40_000, macs=20_000_000),
    ]
    board = board_of(*made, on=track_ranked_by("weighted_rank"))
    assert order(board) == [(1, "fair"), (2, "big"), (3, "small")]
    assert [row.score for row in board.ranked] == [1.75, 2.0, 2.25]


def test_weighted_rank_needs_systems_that_were_counted() -> None:
    board = board_of(result("counted"), result("not", complexity=None), on=track_ranked_by("weighted_rank"))
    assert order(board) == [(1, "counted")]
    assert board.unranked[0].marks == ("its bytes and MACs were not counted",)


def test_equal_scores_share_a_rank_and_the_next_one_is_skipped() -> None:
    board = board_of(result("a", 0.5), result("b", 0.5), result("c", 0.4), result("d", 0.6))
    assert order(board) == [(1, "d"), (2, "a"), (2, "b"), (4, "c")]


@given(st.lists(st.integers(0, 5), max_size=12))
def test_a_rank_is_one_more_than_the_number_of_better_values(values: list[int]) -> None:
    assert competition_ranks(values, higher_is_better=True) == [
        1 + sum(other > value for other in values) for value in values
    ]
    assert competition_ranks(values, higher_is_better=False) == [
        1 + sum(other < value for other in values) for value in values
    ]
