"""Cross-validation on a board: every fold has test clips of its own, and the score is the mean over folds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness import scoring, tracks
from harness.blocks import Blocks
from harness.results import Digests, Result
from leaderboard import evidence
from leaderboard.boards import Board, boards
from leaderboard.material import material
from leaderboard.site import read
from tests.leaderboard import made
from tests.leaderboard.conftest import Build

TRACK, _ = tracks.load("esc10-folds-1-4")
CLIPS, PLACES = 80, 60


def fold(system: str, number: int, skill: float, *, seed: int = 0, split: str | None = None) -> Result:
    """A result on a fold: 80 clips of 60 recordings, none of them in another fold; no devices."""
    generator = np.random.default_rng([number, 1])
    place = generator.permutation(np.arange(CLIPS) % PLACES)
    label = place % len(TRACK.labels)
    own = np.random.default_rng([number, seed, *system.encode()])
    logits = own.normal(0, 1, (CLIPS, len(TRACK.labels)))
    logits[np.arange(CLIPS), label] += skill + generator.normal(0, 1, PLACES)[place]
    clips = Blocks.of([f"freesound-{number}{one:02}" for one in place], label, ["unknown"] * CLIPS)
    scores = scoring.score(logits, label, None, TRACK.labels, {})
    key = f"{system} {number} {seed}"
    found = made.result(
        system, track=TRACK.name, split=split or str(number), seed=seed, scores=scores, key=key,
        digests=Digests(entry="entry", test_list=f"{number} is the fold of this list"),
    )  # fmt: skip
    made.PREDICTED[key] = (logits, clips)
    return found


def four(system: str, skill: float, **fields: int) -> list[Result]:
    return [fold(system, number, skill, **fields) for number in (1, 2, 3, 4)]


def on_disk(folder: Path, *results: Result) -> Board:
    made.write(folder, *results)
    cells, _ = read([folder])
    [board] = boards(cells, {TRACK.name: TRACK})
    return board


def test_systems_with_all_folds_are_ranked_by_their_mean(tmp_path: Path) -> None:
    board = on_disk(tmp_path, *four("good", 2.0), *four("poor", 0.5), *four("part", 1.0)[:3])
    assert [row.name for row in board.ranked] == ["cpjku/good", "cpjku/poor"]
    assert board.unranked[0].marks == ("incomplete: no score for split 4",)
    accuracies = [cell.scores.macro_accuracy for cell in board.ranked[0].cells]
    assert board.ranked[0].score == pytest.approx(np.mean(accuracies))


def test_a_fold_that_was_tested_on_other_clips_is_not_ranked(tmp_path: Path) -> None:
    swapped = [*four("odd", 1.0)[:3], fold("odd", 1, 1.0, split="4")]
    board = on_disk(tmp_path, *four("good", 2.0), *four("poor", 0.5), *swapped)
    [row] = board.unranked
    assert row.marks == ("tested on another list of clips than most results here",)


def test_intervals_are_around_the_mean_over_folds_and_around_each_fold(tmp_path: Path) -> None:
    board = on_disk(tmp_path, *four("good", 2.0), *four("poor", 0.5))
    clips = material(board, [tmp_path])
    assert clips is not None
    found = evidence.weighed(board, clips)
    for row in board.ranked:
        own = found[row.slug]
        assert own.mean is not None
        assert row.main is not None
        assert own.mean.value == pytest.approx(row.main.value)
        for split, mean in row.by_split.items():
            assert own.splits[split].value == pytest.approx(mean.value)
            assert own.splits[split].low <= mean.value <= own.splits[split].high
        widths = [one.high - one.low for one in own.splits.values()]
        assert 0.4 * np.mean(widths) < own.mean.high - own.mean.low < 0.7 * np.mean(widths)  # half, for four folds
        assert own.devices == {}


def test_the_interval_of_a_mean_over_folds_is_that_of_an_independent_bootstrap(tmp_path: Path) -> None:
    """The same figure by drawing recordings of each class with replacement, without this project's statistics."""
    results = four("good", 1.0)
    board = on_disk(tmp_path, *results)
    clips = material(board, [tmp_path])
    assert clips is not None
    estimate = evidence.weighed(board, clips)["cpjku-good"].mean
    assert estimate is not None
    of_clips: dict[tuple[int, str], list[tuple[int, bool]]] = {}
    for number, one in enumerate(results):
        logits, blocks = made.PREDICTED[one.key]
        for at, right in enumerate(logits.argmax(1) == blocks.labels_of_clip):
            place = blocks.locations[blocks.location[blocks.of_clip[at]]]
            of_clips.setdefault((int(blocks.labels_of_clip[at]), place), []).append((number, bool(right)))
    generator = np.random.default_rng(0)
    drawn = []
    for _ in range(3000):
        right, clips_of = np.zeros((4, 10)), np.zeros((4, 10))
        for label in range(10):
            places = [key for key in of_clips if key[0] == label]
            size = len(places) - 1
            for at in generator.integers(0, len(places), size):
                for number, hit in of_clips[places[at]]:
                    right[number, label] += hit
                    clips_of[number, label] += 1
        with np.errstate(invalid="ignore"):
            drawn.append(np.nanmean(right / clips_of))
    low, high = np.percentile(drawn, [2.5, 97.5])
    assert estimate.low == pytest.approx(low, abs=0.01)
    assert estimate.high == pytest.approx(high, abs=0.01)


def test_two_systems_are_compared_on_all_folds(tmp_path: Path) -> None:
    board = on_disk(tmp_path, *four("good", 2.0), *four("poor", 0.5))
    clips = material(board, [tmp_path])
    assert clips is not None
    found = evidence.compared(*board.ranked, clips)
    assert found is not None
    expected = board.ranked[0].score - board.ranked[1].score  # type: ignore[operator]
    assert found.mean.value == pytest.approx(expected)
    assert found.mean.low > 0
    assert found.devices == {}
    assert found.crossings == ()


def test_pages_speak_of_folds_and_not_of_devices(build: Build) -> None:
    site = build(*four("good", 2.0), *four("poor", 0.5))
    html = site.html(f"{TRACK.name}/index.html")
    assert "fold 4" in html
    assert "Mean of folds, %" in html
    assert "80 test clips in every fold" in html
    assert "Accuracy by device" not in html
    system = site.html(f"{TRACK.name}/systems/cpjku-good.html")
    assert "all folds" in system
    assert "unknown</th>" not in system


def test_the_hardest_recordings_are_those_of_the_hardest_fold(build: Build) -> None:
    hard = [*four("good", 5.0)[:3], fold("good", 4, -5.0)]
    html = build(*hard).html(f"{TRACK.name}/systems/cpjku-good.html")
    hardest = html[html.index('id="locations"') :]
    assert hardest.count("freesound-4") >= 9


def test_blocks_of_several_lists_lie_one_behind_the_other() -> None:
    parts = [made.PREDICTED[fold("one", number, 1.0).key][1] for number in (1, 2)]
    joined = Blocks.joined(parts)
    assert len(joined) == sum(map(len, parts))
    assert joined.clips.sum() == 2 * CLIPS
    assert joined.locations == parts[0].locations + parts[1].locations
    np.testing.assert_array_equal(joined.location[len(parts[0]) :], parts[1].location + len(parts[0].locations))
    np.testing.assert_array_equal(Blocks.joined(parts[:1]).of_clip, parts[0].of_clip)
