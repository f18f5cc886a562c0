"""Whether scores fell: what chance does raises no alarm, and what is worse is found."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from harness import results
from harness.regression import drops, sides
from harness.regression.drops import PRINTED, Spread
from harness.regression.findings import Verdict
from harness.regression.sides import System
from tests.harness.regression.made import A_POINT, World

PAIRS = 200


def verdicts(world: World, points: float, *, before: int = 3, now: int = 3) -> Counter[Verdict]:
    """What becomes of pairs of trainings, the later of which are so many points worse."""
    found: Counter[Verdict] = Counter()
    for _ in range(PAIRS):
        worse = world.system(now, 0.2 - points * A_POINT)
        (one,) = drops.drops(world.side(world.system(before)), world.side(worse))
        found[one.verdict] += 1
    return found


def test_trainings_with_other_seeds_raise_an_alarm_in_one_of_twenty_pairs_at_most() -> None:
    found = verdicts(World(1), 0)
    assert found[Verdict.REGRESSION] <= 0.05 * PAIRS
    assert found[Verdict.CHANGED] >= 0.9 * PAIRS


def test_a_drop_of_three_points_is_found_in_nine_of_ten_pairs_at_least() -> None:
    found = verdicts(World(2), 3)
    assert found[Verdict.REGRESSION] >= 0.9 * PAIRS
    assert not found[Verdict.BETTER]


def test_a_single_new_seed_raises_no_more_alarms() -> None:
    found = verdicts(World(3), 0, before=1, now=1)
    assert found[Verdict.REGRESSION] <= 0.05 * PAIRS


def test_the_made_seeds_differ_as_those_of_the_official_baseline_do() -> None:
    world = World(4)
    spread = drops._pooled([world.system(5) for _ in range(40)])
    assert spread.variance == pytest.approx(PRINTED.variance, rel=0.35)
    first, second = (
        np.mean([cell.result.scores.main for cell in world.system(100, skill).cells.values() if cell.result.scores])
        for skill in (0.2, 0.2 - A_POINT)
    )
    assert first - second == pytest.approx(0.01, abs=0.004)


def test_a_training_that_is_the_same_says_nothing() -> None:
    world = World(5)
    same = world.system(3)
    assert list(drops.drops(world.side(same), world.side(same))) == []


def test_equal_weights_are_the_same_training_under_another_key() -> None:
    world = World(6)
    digests = results.Digests(entry="entry", test_list="test-list", weights="w")
    old = world.system(1, digests=digests)
    (cell,) = old.cells.values()
    other = sides.Cell(cell.path, cell.result.model_copy(update={"key": "another"}))
    new = System(old.track, old.name, {("100", 0): other})
    assert list(drops.drops(world.side(old), world.side(new))) == []


def test_one_seed_that_was_run_again_is_held_against_all_old_ones() -> None:
    world = World(7)
    old, worse = world.system(3), world.system(1, 0.2 - 8 * A_POINT)
    new = System(old.track, old.name, {**old.cells, ("100", 0): worse.cells["100", 0]})
    (one,) = drops.drops(world.side(old), world.side(new))
    assert one.verdict is Verdict.REGRESSION
    assert "1 new training" in one.what
    assert one.now == f"{100 * made_score(worse):.2f} %"


def made_score(system: System) -> float:
    (cell,) = system.cells.values()
    assert cell.result.scores is not None
    return cell.result.scores.main


def test_a_split_that_fell_is_found_beside_splits_that_did_not() -> None:
    world = World(8)
    splits = ("5", "25", "100")
    old, new, worse = world.system(3, splits=splits), world.system(3, splits=splits), world.system(3, -0.3)
    new.cells.update(worse.cells)
    found = {one.what.split(" (")[0]: one.verdict for one in drops.drops(world.side(old), world.side(new))}
    assert found["score on split 100"] is Verdict.REGRESSION
    assert found["score on split 5"] is found["score on split 25"] is Verdict.CHANGED
    assert "mean score on splits 100, 25, 5" in found or "mean score on splits 5, 25, 100" in found


def test_other_test_clips_cannot_be_compared() -> None:
    world = World(9)
    other = results.Digests(entry="entry", test_list="another list")
    (one,) = drops.drops(world.side(world.system(1)), world.side(world.system(1, digests=other)))
    assert one.verdict is Verdict.NOT_COMPARED
    assert "other clips" in one.why


def test_the_difference_is_that_of_the_records() -> None:
    world = World(10)
    old, new = world.system(1), world.system(1)
    (one,) = drops.drops(world.side(old), world.side(new))
    assert one.change.startswith(f"{100 * (made_score(new) - made_score(old)):+.2f} points")


def test_spreads_weigh_by_their_degrees_of_freedom() -> None:
    assert Spread(1.0, 3).with_own(Spread(4.0, 1)) == Spread(7 / 4, 4)
    assert Spread(1.0, 3).with_own(drops.NOTHING) == Spread(1.0, 3)


def test_the_interval_holds_what_an_independent_computation_gives() -> None:
    """Places by hand: the jackknife over locations within classes; seeds by the pooled formula."""
    world = World(11)
    old, new = world.system(2), world.system(2, 0.1)
    (one,) = drops.drops(world.side(old), world.side(new))
    low, high = (float(end) for end in one.change.split("(")[1].rstrip(")").split(" to "))
    blocks = world.blocks
    by_side = [np.mean([world.sums[cell.path].correct for cell in side.cells.values()], axis=0) for side in (old, new)]
    lost = by_side[1] - by_side[0]
    variance = 0.0
    for label in range(10):
        places = np.unique(blocks.location[blocks.label == label])
        gains = np.array([lost[(blocks.location == place) & (blocks.label == label)].sum() for place in places])
        clips = np.array([blocks.clips[(blocks.location == p) & (blocks.label == label)].sum() for p in places])
        left_out = np.array([np.delete(gains, i).sum() / np.delete(clips, i).sum() for i in range(len(places))])
        variance += (len(places) - 1) / len(places) * ((left_out - left_out.mean()) ** 2).sum() / 100
    own = [[cell.result.scores.main for cell in side.cells.values() if cell.result.scores] for side in (old, new)]
    squares = sum(float(((np.array(each) - np.mean(each)) ** 2).sum()) for each in own)
    seeds = (PRINTED.variance * 20 + squares) / 22
    deviation = np.sqrt(variance + seeds * (1 / 2 + 1 / 2))
    assert (high - low) / 2 == pytest.approx(
        100 * 2.0 * deviation, rel=0.08
    )  # Student's t of 30 to 100 is 1.98 to 2.04


def test_a_system_whose_seeds_all_score_the_same_says_nothing_of_others() -> None:
    world = World(13)
    same = world.system(1).cells["100", 0]
    still = System("demo", "cpjku/S2", {("100", seed): same for seed in range(6)})
    assert drops._pooled([still]) == drops.NOTHING
    steady, lively = [drops._pooled([*some, world.system(3)]) for some in ((), (still,))]
    assert steady.freedom == lively.freedom == 2


def test_trainings_that_systems_share_count_once() -> None:
    one = World(14).system(3)
    assert drops._pooled([one, System("demo", "cpjku/S2", one.cells)]) == drops._pooled([one])


def test_missing_predictions_are_named() -> None:
    world = World(12)

    class Bare(type(world.side(world.system(1)))):  # type: ignore[misc]
        def sums(self, *_: object) -> None:
            return None

    old, new = Bare(world, world.system(1)), Bare(world, world.system(1))
    (one,) = drops.drops(old, new)
    assert one.verdict is Verdict.NOT_COMPARED
    assert ".sums.npy" in one.why
