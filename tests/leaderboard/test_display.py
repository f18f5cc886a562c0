"""Display: how numbers and rules are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from leaderboard import display
from tests.leaderboard.made import board_of, result, track, track_ranked_by


def test_numbers_are_rounded_for_the_page() -> None:
    assert display.percent(0.442083) == "44.21"
    assert display.percent(-0.021) == "\N{MINUS SIGN}2.10"
    assert display.loss(2.1026) == "2.103"
    assert display.count(61148) == "61,148"


def test_a_small_share_of_a_limit_is_not_shown_as_none() -> None:
    assert [display.share(value) for value in (0.98066, 0.00017, 4.0)] == ["98.1 %", "under 0.1 %", "400.0 %"]


def test_a_bar_is_never_longer_than_its_place() -> None:
    assert [display.width(value) for value in (0.5, 4.0)] == ["50.0%", "100.0%"]


def test_lists_are_written_as_a_sentence_has_them() -> None:
    assert [display.words(items) for items in ((), (5,), (5, 10), (5, 10, 25))] == ["", "5", "5 and 10", "5, 10 and 25"]


def test_a_link_goes_from_the_folder_of_the_page_and_is_an_address() -> None:
    assert display.link(Path("/r/my results/a#1.json"), Path("/r/site")) == "../my%20results/a%231.json"
    assert display.relative(Path("/r/my results/a#1.json"), Path("/r/site")) == "../my results/a#1.json"


@pytest.mark.parametrize(
    ("rule", "words", "column"),
    [
        ("macro_accuracy", "by macro-average accuracy on split 100, mean over seeds: higher is better", "split"),
        ("log_loss", "by log loss on split 100, mean over seeds: lower is better", "log_loss"),
        ("weighted_rank", "0.25 for MACs (smaller is better). Lower is better.", "weighted_rank"),
    ],
)
def test_the_rule_is_said_in_words_and_names_its_column(rule: str, words: str, column: str) -> None:
    board = board_of(result(), on=track_ranked_by(rule))
    assert words in display.rule_in_words(board)
    assert display.ranked_by(board) == column


def test_a_mean_of_several_splits_has_a_column_of_its_own() -> None:
    board = board_of(result(), on=track_ranked_by("mean_of_splits", default_splits=("5", "100")))
    assert "accuracies on splits 5 and 100" in display.rule_in_words(board)
    assert display.ranked_by(board) == "mean"


def test_every_figure_of_the_rules_is_stated_with_its_status_and_source() -> None:
    lines = {line.about: line for line in display.statements(board_of(result()))}
    limit = lines["Limit: bytes of parameters"]
    assert (limit.text, limit.status) == ("at most 128,000", "primary")
    assert limit.source is not None
    assert limit.source.startswith("2024 baseline README")
    assert lines["Test clips"].text == "600; 10 classes; guessing gives 10.00 % macro accuracy"


def test_a_track_without_an_edition_has_no_limits() -> None:
    assert list(display.limits(track(edition=None))) == []
