"""Evidence: intervals and standings of a board, and two systems compared, from predictions on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.results import Result
from leaderboard import evidence, site
from leaderboard.boards import Board, boards
from leaderboard.evidence import Evidence
from leaderboard.material import Material, material
from leaderboard.pages import trade_off
from tests.leaderboard.made import predicted, result, track, track_ranked_by, write


def weighed(folder: Path, *made: Result, rule: str | None = None) -> tuple[Board, Material | None, dict[str, Evidence]]:
    """The board of some results with its evidence."""
    write(folder, *made)
    cells, _ = site.read([folder])
    board = boards(cells, {"demo": track_ranked_by(rule) if rule else track()})[0]
    clips = material(board, [folder])
    return board, clips, evidence.weighed(board, clips)


def test_figures_lie_in_their_intervals_and_are_those_of_the_row(tmp_path: Path) -> None:
    made = [predicted(name, skill, seed=seed) for name, skill in (("a", 0.0), ("b", 3.0)) for seed in (0, 1, 2)]
    board, _, found = weighed(tmp_path, *made)
    for row in board.rows:
        known = found[row.slug]
        assert known.mean is not None
        assert row.main is not None
        assert known.mean.value == pytest.approx(row.main.value, abs=1e-6)
        assert known.others["log_loss"].value == pytest.approx(row.others["log_loss"].value, abs=1e-4)
        assert known.splits["100"].value == pytest.approx(row.by_split["100"].value, abs=1e-6)
        assert {name: one.value for name, one in known.groups.items()} == pytest.approx(dict(row.groups), abs=1e-6)
        assert {name: one.value for name, one in known.devices.items()} == pytest.approx(dict(row.devices), abs=1e-6)
        assert known.gap is not None
        assert known.gap.value == pytest.approx(row.gap, abs=1e-6)
        for one in (known.mean, known.others["log_loss"], known.gap, *known.groups.values(), *known.devices.values()):
            assert one.low < one.value < one.high


def test_a_better_system_is_surely_first_and_equal_ones_share_a_group(tmp_path: Path) -> None:
    made = [predicted(name, skill) for name, skill in (("best", 4.0), ("same", 1.0), ("alike", 1.0))]
    board, _, found = weighed(tmp_path, *made)
    standings = [found[row.slug].standing for row in board.ranked]
    assert [(one.first, one.last, one.group) for one in standings if one] == [(1, 1, 1), (2, 3, 2), (2, 3, 2)]


@pytest.mark.parametrize("rule", ["log_loss", "weighted_rank"])
def test_other_rules_rank_by_their_own_figure(tmp_path: Path, rule: str) -> None:
    """A lower log loss is better; a smaller network that is more accurate wins a weighted rank."""
    made = [predicted("good", 4.0), predicted("bad", 0.0)]
    if rule == "weighted_rank":
        made = [predicted("small", 3.0), predicted("large", 2.0, complexity=_twice(predicted("x", 2.0)))]
    board, _, found = weighed(tmp_path, *made, rule=rule)
    first, second = (found[row.slug] for row in board.ranked)
    assert [row.newest.identity.system for row in board.ranked] == [one.identity.system for one in made]
    assert first.score is not None
    assert second.score is not None
    assert first.score.value < second.score.value
    assert first.standing is not None
    assert first.standing.first == 1


def _twice(one: Result) -> object:
    costs = one.complexity
    assert costs is not None
    return costs.model_copy(update={"macs": 2 * costs.macs, "parameter_bytes": costs.parameter_bytes + 1})


def test_results_without_predictions_have_no_intervals_and_take_none_from_others(tmp_path: Path) -> None:
    board, clips, found = weighed(tmp_path, predicted("with", 1.0), result("without"))
    assert clips is not None
    assert set(found) == {"cpjku-with"}
    assert found["cpjku-with"].standing is None  # one of two ranked systems cannot be weighed: nobody is
    assert len(board.ranked) == 2


def test_without_the_list_of_clips_nothing_is_weighed(tmp_path: Path) -> None:
    write(tmp_path, predicted("a", 1.0))
    next(tmp_path.rglob("clips-*.npz")).unlink()
    _, clips, found = weighed(tmp_path)
    assert clips is None
    assert found == {}


def test_two_systems_are_compared_on_the_same_clips(tmp_path: Path) -> None:
    made = [predicted(name, skill, seed=seed) for name, skill in (("good", 2.0), ("poor", 0.5)) for seed in (0, 1)]
    board, clips, found = weighed(tmp_path, *made)
    assert clips is not None
    good, poor = board.ranked
    one = evidence.compared(good, poor, clips)
    other = evidence.compared(poor, good, clips)
    assert one is not None
    assert other is not None
    assert good.main is not None
    assert poor.main is not None
    assert one.mean.value == pytest.approx(good.main.value - poor.main.value, abs=1e-6)
    assert one.mean.low > 0
    assert one.mean.p_value < 0.001
    assert one.log_loss.high < 0
    assert (one.mean.value, one.mean.low) == pytest.approx((-other.mean.value, -other.mean.high))
    assert set(one.devices) == set(good.devices)
    assert len(one.classes) == 10
    means = [found[row.slug].mean for row in (good, poor)]
    alone = [mean.high - mean.low for mean in means if mean]
    assert one.mean.high - one.mean.low < np.hypot(*alone)  # paired: places are as hard for one as for the other


def test_the_front_is_of_those_that_nobody_beats_in_both(tmp_path: Path) -> None:
    def system(name: str, accuracy: float, macs: int) -> Result:
        return result(name, accuracy, macs=macs)

    made = [
        system("a", 0.5, 10),
        system("b", 0.6, 20),
        system("c", 0.55, 30),
        system("d", 0.6, 20),
        system("e", 0.4, 10),
    ]
    board, _, _ = weighed(tmp_path, *made)
    found = trade_off.front(board.ranked, lambda row: row.cost.macs if row.cost else 0)
    assert found == {"cpjku-a", "cpjku-b", "cpjku-d"}
