"""Scores: whether a system that was trained again does worse than chance would have it.

Two things move a score though nothing got worse. Test clips of one location are not independent, so locations are
drawn anew, paired between both sides (`statistics.Resamples`). And a training of another seed ends elsewhere: by 0.4 to
1.1 points from run to run for the official 2024 baseline. One new seed beside three old ones says nothing of that
spread, so it is taken from all systems of the track that were run with several seeds, weighed with the system's own.

Nothing is judged where weights and scores are what they were. All tests of one comparison are held together by Holm's
method: a change that makes nothing worse is stopped in 5 % of cases at most, however many systems it touches.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness import replicates
from harness.blocks import Blocks, Sums
from harness.regression.findings import Finding, Verdict
from harness.regression.sides import Cell, Side, System
from harness.scoring import Scores
from harness.statistics.estimates import Difference, Few, Floats, student
from harness.statistics.resampling import Resamples
from harness.statistics.standings import holm

RULE = "regression.drop"

Cells = Mapping[str, Sequence[Cell]]
"""By split."""


@dataclass(frozen=True)
class Spread:
    """The variance of a score over seeds, and how many degrees of freedom are behind it."""

    variance: float
    freedom: int

    def with_own(self, more: Spread) -> Spread:
        """Both together, each by its degrees of freedom."""
        freedom = self.freedom + more.freedom
        return Spread((self.variance * self.freedom + more.variance * more.freedom) / freedom, freedom)


NOTHING = Spread(0.0, 0)

PRINTED = Spread(sum(one**2 for one in (0.0042, 0.0101, 0.0087, 0.0068, 0.0111)) / 5, 20)
"""The official 2024 baseline, five runs on each of five splits: the deviations that its README prints."""

ENOUGH = 4
"""Degrees of freedom from which a track's own spread takes the place of the printed one."""

MOST = 20
"""Degrees of freedom that other systems of a track count for at most: a system may be less steady than they are."""


@dataclass(frozen=True)
class Tested:
    """A system's main score, over all splits that were trained again or over one: what it differs by."""

    system: System
    what: str
    before: float
    now: float
    difference: Difference


class NoTest(Exception):
    """Why two sides cannot be compared."""


def drops(before: Side, now: Side) -> Iterator[Finding]:
    """A finding for each system that surely lost or gained, and for each that cannot be compared."""
    tests: list[Tested] = []
    evidence = {track: _Evidence(before, now, track) for track in {track for track, _ in before.systems}}
    for key, system in before.systems.items():
        here = now.systems.get(key)
        again = _trained_again(system, here) if here else {}
        if here is None or not again:
            continue
        try:
            tests += _tests(before, evidence[system.track], system, again)
        except NoTest as reason:
            yield Finding(
                verdict=Verdict.NOT_COMPARED, rule="regression.evidence", track=system.track, system=system.name,
                what=f"score on split {', '.join(again)}", why=str(reason),
            )  # fmt: skip
    fallen = holm([one.difference.p_value for one in tests]).tolist() if tests else []
    yield from (_finding(one, surely=sure) for one, sure in zip(tests, fallen, strict=True))


def _trained_again(system: System, here: System) -> dict[str, list[Cell]]:
    """The cells of each split of `system` that are other trainings now."""
    found: dict[str, list[Cell]] = {}
    for split, cells in here.by_split().items():
        known = [cell for (old, _), cell in system.cells.items() if old == split]
        again = [cell for cell in cells if not any(cell.same_as(one) for one in known)]
        if known and again:
            found[split] = again
    return found


def _finding(one: Tested, *, surely: bool) -> Finding:
    change = one.difference
    worse = change.value < 0
    if surely:
        verdict = Verdict.REGRESSION if worse else Verdict.BETTER
        why = f"{'worse' if worse else 'better'} beyond what locations and seeds explain"
    else:
        verdict, why = Verdict.CHANGED, "within what locations and seeds explain"
    return Finding(
        verdict=verdict, rule=RULE, track=one.system.track, system=one.system.name, what=one.what,
        before=f"{100 * one.before:.2f} %", now=f"{100 * one.now:.2f} %", why=why,
        change=f"{100 * change.value:+.2f} points ({100 * change.low:+.2f} to {100 * change.high:+.2f})",
    )  # fmt: skip


def _tests(before: Side, evidence: _Evidence, system: System, again: Cells) -> list[Tested]:
    """The system's mean over the splits that were trained again, and each of these where there are several."""
    known = {split: cells for split, cells in system.by_split().items() if split in again}
    lists = {split: _one_list([*known[split], *again[split]], split) for split in again}
    others = _pooled(one for key, one in before.systems.items() if one.track == system.track and one is not system)
    prior = others if others.freedom >= ENOUGH else PRINTED
    prior = Spread(prior.variance, min(prior.freedom, MOST))
    spread = prior.with_own(_pooled([system, System(system.track, system.name, _by_place(again))]))
    chosen = [list(again)] if len(again) == 1 else [list(again), *([split] for split in again)]
    return [_tested(system, splits, known, again, lists, spread, evidence) for splits in chosen]


def _by_place(cells: Cells) -> dict[tuple[str, int], Cell]:
    return {(split, one.result.identity.seed): one for split, of_split in cells.items() for one in of_split}


def _one_list(cells: Iterable[Cell], split: str) -> str:
    lists = {cell.result.digests.test_list for cell in cells}
    if len(lists) != 1 or None in lists:
        raise NoTest(f"split {split} was tested on other clips than now: run both on the same ones")
    return str(lists.pop())


def _pooled(systems: Iterable[System]) -> Spread:
    """The variance over seeds within all splits of some systems that have several.

    Systems whose seeds all score the same draw nothing from them and say nothing of others; trainings that several
    systems share count once.
    """
    squares, freedom = 0.0, 0
    known: set[frozenset[str]] = set()
    for system in systems:
        for cells in system.by_split().values():
            values = np.array([cell.main for cell in cells])
            weights = frozenset(cell.result.digests.weights or str(cell.path) for cell in cells)
            if np.ptp(values) == 0 or weights in known:
                continue
            known.add(weights)
            squares += float(((values - values.mean()) ** 2).sum())
            freedom += len(values) - 1
    return Spread(squares / freedom, freedom) if freedom else NOTHING


def _tested(
    system: System, splits: Sequence[str], known: Cells, again: Cells, lists: Mapping[str, str], spread: Spread,
    evidence: _Evidence,
) -> Tested:  # fmt: skip
    old, new = (float(np.mean([_mean(side[split]) for split in splits])) for side in (known, again))
    drawn, freedom = np.zeros(1), 0
    for digest in dict.fromkeys(lists[split] for split in splits):
        own = [split for split in splits if lists[split] == digest]
        noise, more = evidence.noise(digest, [known[split] for split in own], [again[split] for split in own])
        drawn, freedom = drawn + noise * (len(own) / len(splits)), freedom + more
    places = float(np.var(drawn, ddof=1))
    of_seeds = spread.variance * sum(1 / len(side[split]) for side in (known, again) for split in splits)
    seeds = Few(of_seeds / len(splits) ** 2, spread.freedom)
    total = places + seeds.variance
    difference = student(new - old, math.sqrt(total), seeds.freedom_beside(total, freedom))
    what = f"score on split {splits[0]}" if len(splits) == 1 else f"mean score on splits {', '.join(splits)}"
    return Tested(system, f"{what} ({_seeds(again, splits)})", old, new, difference)


def _seeds(again: Cells, splits: Sequence[str]) -> str:
    count = sum(len(again[split]) for split in splits)
    return "1 new training" if count == 1 else f"{count} new trainings"


def _mean(cells: Sequence[Cell]) -> float:
    return float(np.mean([cell.main for cell in cells]))


class _Evidence:
    """Draws of the test locations of a track, by test list: what both sides lose and win on the same draws."""

    def __init__(self, before: Side, now: Side, track: str) -> None:
        self._sides = (before, now)
        self._track = track
        self._draws: dict[str, tuple[Blocks, Resamples]] = {}

    def noise(
        self, digest: str, known: Sequence[Sequence[Cell]], again: Sequence[Sequence[Cell]]
    ) -> tuple[Floats, int]:
        """(resamples,): the difference of the mean over splits on each draw; and the locations' degrees of freedom."""
        blocks, resamples = self._drawn(digest)
        if isinstance(known[0][0].result.scores, Scores):
            pair = [self._sums(cells, side, blocks) for cells, side in zip((known, again), self._sides, strict=True)]
            drawn = resamples.drawn(pair, "macro_accuracy")
            return np.asarray(drawn[:, 1] - drawn[:, 0], dtype=np.float64), resamples.freedom
        old, new = (np.mean([self._labels(cell) for one in cells for cell in one], axis=0) for cells in (known, again))
        return np.asarray(new - old, dtype=np.float64), replicates.resamples(blocks).freedom

    def _drawn(self, digest: str) -> tuple[Blocks, Resamples]:
        if digest not in self._draws:
            found = (side.clips(self._track, digest) for side in reversed(self._sides))
            blocks = next((one for one in found if one is not None), None)
            if blocks is None:
                raise NoTest("the list of its test clips is missing: put clips-….npz back beside the results")
            self._draws[digest] = (blocks, Resamples(blocks, seed=len(self._draws)))
        return self._draws[digest]

    def _sums(self, splits: Sequence[Sequence[Cell]], side: Side, blocks: Blocks) -> Sums:
        """The mean over splits of means over seeds."""
        return Sums.mean([Sums.mean([self._of(cell, side, blocks) for cell in cells]) for cells in splits])

    def _of(self, cell: Cell, side: Side, blocks: Blocks) -> Sums:
        found = side.sums(cell, blocks)
        if found is None:
            raise NoTest(f"{cell.path.stem} has no predictions beside it: put its .sums.npy back, or run it again")
        return found

    def _labels(self, cell: Cell) -> Floats:
        found = replicates.read(cell.path, cell.result.key)
        if found is None:
            raise NoTest(f"{cell.path.stem} has no draws beside it: put its .draws.npy back, or run it again")
        return np.asarray(found, dtype=np.float64)
