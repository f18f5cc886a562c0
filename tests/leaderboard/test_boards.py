"""Boards: every result has one place, and what is not ranked says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from harness.outcomes import Outcome
from harness.throughput.speed import Speed
from harness.tracks import Track
from leaderboard import boards as boards_module
from leaderboard.boards import UNKNOWN_TRACK, Board, board, boards
from leaderboard.rows import Cell
from tests.leaderboard.made import board_of, cells, failure, result, track, track_ranked_by

FIVE_AND_HUNDRED = track_ranked_by("mean_of_splits", default_splits=("5", "100"))


def test_an_incomplete_system_is_not_ranked_and_names_the_splits_it_lacks() -> None:
    made = board_of(result("whole", split="5"), result("whole"), result("half"), on=FIVE_AND_HUNDRED)
    assert [row.newest.identity.system for row in made.ranked] == ["whole"]
    assert made.unranked[0].marks == ("incomplete: no score for split 5",)


def test_a_split_that_failed_is_named_with_its_outcome() -> None:
    made = board_of(result("half"), failure("half", Outcome.TIMED_OUT, split="5"), on=FIVE_AND_HUNDRED)
    assert made.unranked[0].marks == ("incomplete: no score for split 5 (timed out)",)


def test_only_the_default_splits_of_a_track_are_needed() -> None:
    assert len(board_of(result(split="100")).ranked) == 1


def test_without_default_splits_every_split_of_the_track_is_needed() -> None:
    made = board_of(result(split="100"), on=track_ranked_by("mean_of_splits", default_splits=None))
    assert made.unranked[0].marks == ("incomplete: no score for split 5, split 10, split 25, split 50",)


def test_an_unofficial_result_is_listed_with_its_reason_and_not_ranked() -> None:
    made = board_of(result(), result(official=False, unofficial_because=("it is a quick run",), seed=1))
    assert [row.cells[0].seed for row in made.ranked] == [0]
    assert made.unranked[0].marks == ("unofficial: it is a quick run",)


def test_systems_with_other_settings_are_other_rows() -> None:
    made = board_of(result(), result(settings={"epochs": 3}), result(settings={"epochs": 4}))
    assert sorted(row.settings for row in made.ranked) == ["", "epochs=3", "epochs=4"]


def test_teachers_stand_apart_and_are_never_ranked() -> None:
    made = board_of(result("student", 0.5), result("teacher", 0.9, role="teacher"))
    assert [row.newest.identity.system for row in made.ranked] == ["student"]
    assert [row.newest.identity.system for row in made.teachers] == ["teacher"]
    assert made.teachers[0].rank is None


@pytest.mark.parametrize(("ran", "word"), [(1, "older"), (3, "newer")])
def test_results_of_another_version_of_the_track_are_not_ranked(ran: int, word: str) -> None:
    made = board_of(result(track_version=ran), on=track(version=2))
    assert made.unranked[0].marks == (f"{word} version of the track: {ran}, and this board is of 2",)


def test_results_under_the_limits_of_another_edition_are_not_ranked() -> None:
    assert board_of(result(edition=None)).unranked[0].marks == ("run under other limits: none, not dcase2024",)


def test_a_mean_over_versions_of_an_entry_is_not_ranked() -> None:
    made = board_of(result(seed=0, entry_digest="before"), result(seed=1, entry_digest="after"))
    assert made.unranked[0].marks == ("its cells were made by 2 versions of the entry; run it again",)


def test_results_on_another_list_of_test_clips_are_not_ranked() -> None:
    made = board_of(result("a"), result("b"), result("other", test_list="shorter"))
    assert [row.newest.identity.system for row in made.unranked] == ["other"]


def test_a_system_that_lacks_an_official_seed_is_ranked_and_says_so() -> None:
    made = board_of(result(seed=1), on=track(seeds=(0, 1, 2)))
    assert made.ranked[0].notes == ("no score for seeds 0, 2",)


def test_seeds_that_only_some_splits_lack_are_named_by_split() -> None:
    made = board_of(result(split="5"), result(seed=0), result(seed=1), on=track(seeds=(0, 1)))
    assert made.ranked[0].notes == ("split 5: no score for seed 1",)


def test_nothing_is_ranked_on_a_track_that_is_not_known() -> None:
    (made,) = boards(cells(result(track="birds")), {})
    assert made.ranked == ()
    assert made.unranked[0].marks == (UNKNOWN_TRACK,)


def test_failures_of_one_system_and_reason_stand_together() -> None:
    made = board_of(failure(split="5"), failure(split="10"), failure(outcome=Outcome.CRASHED, split="25"))
    assert [(one.outcome, [cell.split for cell in one.cells]) for one in made.failures] == [
        (Outcome.OVER_LIMIT, ["5", "10"]),
        (Outcome.CRASHED, ["25"]),
    ]


def test_a_failure_beside_a_scored_result_leaves_the_row_and_knows_of_it() -> None:
    made = board_of(result(), failure(), failure(seed=1))
    assert len(made.ranked) == 1
    assert [cell.seed for cell in made.failures[0].scored] == [0]


def test_a_result_that_ended_well_and_has_no_scores_is_listed_with_the_failures() -> None:
    assert board_of(result(scores=None)).failures[0].outcome is Outcome.OK


def test_the_newer_of_two_results_of_a_cell_counts_and_the_older_is_listed() -> None:
    older, newer = result(macro_accuracy=0.9, created="2026-01-01"), result(macro_accuracy=0.5, created="2026-02-01")
    made = board_of(newer, older)
    assert made.ranked[0].score == 0.5
    assert [cell.result for cell in made.superseded] == [older]


def test_every_result_has_exactly_one_place() -> None:
    made = cells(
        result("ranked"),
        result("half", split="5"),
        result("quick", official=False),
        result("teacher", role="teacher"),
        result("twice", created="2026-01-01"),
        result("twice", created="2026-02-01"),
        result("elsewhere", track="birds"),
        failure("huge"),
        failure("ranked"),
    )
    shown = [cell for one in boards(made, {"demo": track()}) for cell in one.cells]
    assert sorted(cell.path for cell in shown) == sorted(cell.path for cell in made)


@pytest.mark.parametrize("copies", [0, 2])
def test_a_result_that_the_board_loses_or_shows_twice_is_an_error(copies: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(name: str, found: Sequence[Cell], on: Track | None, timed: Sequence[Speed]) -> Board:
        right = board(name, found, on, timed)
        return replace(right, ranked=right.ranked * copies)

    monkeypatch.setattr(boards_module, "board", wrong)
    with pytest.raises(AssertionError, match=r"without a place: .*; with more than one"):
        boards(cells(result()), {"demo": track()})


def test_boards_stand_newest_edition_first_made_data_after_real_and_unknown_tracks_last() -> None:
    known = {name: track(name=name, edition=edition, dataset="tau2022") for name, edition in EDITIONS.items()}
    made = boards(cells(*(result(track=name) for name in ("birds", "demo", *EDITIONS))), {**known, "demo": track()})
    assert [one.name for one in made] == ["y2024", "y2022", "demo", "birds"]


EDITIONS = {"y2022": "dcase2022", "y2024": "dcase2024"}


def test_the_order_in_which_results_are_read_does_not_matter() -> None:
    made = cells(result("b"), result("a"), result("a", seed=1), failure("c"))
    assert boards(made, {"demo": track()}) == boards(made[::-1], {"demo": track()})
