"""Statistics: how sure a score is, and whether two systems differ. Pure functions of block sums; nothing is rounded.

Clips of one location are not independent: 29,680 test clips of TAU 2022 are 146 places. So whole locations are drawn
anew, not clips, within each class: of n locations n - 1, each counting n / (n - 1) times (Rao and Wu, 1988), which
leaves variances without the small-sample bias of drawing n. Seeds are drawn in the same way, as a second level. All
systems of a board are scored on the same draws, so differences are paired.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, stdtr, stdtrit

from harness.blocks import Blocks, Sums

RESAMPLES = 10_000
CONFIDENCE = 0.95

REMEMBERED = 1024
"""Draws of seeds that are kept: the same ones serve every measure of a system."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Drawn = NDArray[np.floating[Any]]
"""Scores on every draw, at 32 or 64 bit."""


Measure = Literal["macro_accuracy", "accuracy", "log_loss"]


@dataclass(frozen=True)
class Estimate:
    """A score, and the interval that holds the true one with a probability of 95 %."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Few:
    """How much of a score's variance comes from seeds, and the degrees of freedom that so few seeds leave it."""

    variance: float = 0.0
    freedom: float = math.inf

    @classmethod
    def of(cls, splits: Sequence[Floats]) -> Few:
        """Of the mean over splits of the means over their seeds; each split has an array of its seeds' scores."""
        known = [scores for scores in splits if len(scores) > 1]
        parts = [Few(float(one.var(ddof=1)) / len(one) / len(splits) ** 2, len(one) - 1) for one in known]
        return cls.together(parts)

    @classmethod
    def together(cls, parts: Sequence[Few]) -> Few:
        """Of a sum or difference of independent parts (Satterthwaite, 1946)."""
        variance = sum(one.variance for one in parts)
        below = sum(one.variance**2 / one.freedom for one in parts)
        return cls(variance, variance**2 / below) if below > 0 else cls(variance)

    def freedom_beside(self, total: ArrayLike, places: int) -> Floats:
        """Degrees of freedom of a `total` variance that holds this one, the rest of it having those of `places`."""
        return _freedom(total, self.variance, self.variance**2 / self.freedom, places)


def _freedom(total: ArrayLike, of_seeds: Floats | float, below: Floats | float, places: int) -> Floats:
    """Satterthwaite's formula, `below` being the seeds' part of its denominator."""
    whole = np.maximum(np.asarray(total, dtype=np.float64), of_seeds)
    parts = (whole - of_seeds) ** 2 / places + below
    found: Floats = np.where(parts > 0, whole**2 / np.where(parts > 0, parts, 1.0), float(places))
    return found


@dataclass(frozen=True)
class Sample:
    """A score on the clips as they are, and on every resample (resamples,).

    `seeds` is what its seeds add to the variance; `places` the degrees of freedom of its locations.
    """

    value: float
    replicates: Drawn
    seeds: Few = Few()
    places: int = 1

    def estimate(self) -> Estimate:
        """The score with its percentile interval, which few seeds make wider as Student's t is wider."""
        low, high = interval(self.replicates)
        if self.seeds.variance > 0:
            total = np.var(self.replicates, ddof=1, dtype=np.float64)
            wider = _t(self.seeds.freedom_beside(total, self.places)) / _t(self.places)
            low, high = self.value - wider * (self.value - low), self.value + wider * (high - self.value)
        return Estimate(self.value, float(low), float(high))


@dataclass(frozen=True)
class Difference:
    """A score less another one on the same clips; `p_value` of a two-sided test that the two do not differ."""

    value: float
    low: float
    high: float
    p_value: float


def interval(replicates: ArrayLike, confidence: float = CONFIDENCE) -> Floats:
    """(2, …): lower and upper end of the percentile interval of replicates (resamples, …)."""
    tail = 50 * (1 - confidence)
    ends: Floats = np.percentile(np.asarray(replicates), [tail, 100 - tail], axis=0)
    return ends


class Resamples:
    """Draws of a track's test locations, the same for every system; `weights` (resamples, locations) float32.

    A location belongs to the class of most of its clips. `freedom` is what is left of the locations once each class
    has taken one. A class with a single location is never varied: intervals are too narrow then, and `lonely` counts
    such classes.
    """

    def __init__(self, blocks: Blocks, count: int = RESAMPLES, seed: int = 0) -> None:
        self.blocks = blocks
        self.seed = seed
        self.weights = np.ones((count, len(blocks.locations)), dtype=np.float32)
        generator = np.random.default_rng(seed)
        strata = _strata(blocks)
        sizes = [int((strata == stratum).sum()) for stratum in np.unique(strata)]
        for stratum, size in zip(np.unique(strata), sizes, strict=True):
            if size > 1:
                self.weights[:, strata == stratum] = _rao_wu(size, count, generator)
        self.freedom = max(1, len(strata) - len(sizes))
        self.lonely = sizes.count(1)
        self._seeds: dict[tuple[str, int], NDArray[Any]] = {}

    def __len__(self) -> int:
        return len(self.weights)

    def accuracy(self, sums: Sequence[Sums], chosen: Bools | None = None) -> tuple[Floats, Drawn]:
        """Correct clips by clips, (cells,) and (resamples, cells), over the `chosen` blocks; all where None."""
        return scored(self.blocks, sums, "accuracy", chosen), self.drawn(sums, "accuracy", chosen)

    def log_loss(self, sums: Sequence[Sums], chosen: Bools | None = None) -> tuple[Floats, Drawn]:
        """Mean loss of a clip in nats, as `accuracy`."""
        return scored(self.blocks, sums, "log_loss", chosen), self.drawn(sums, "log_loss", chosen)

    def macro_accuracy(self, sums: Sequence[Sums], chosen: Bools | None = None) -> tuple[Floats, Drawn]:
        """Unweighted mean of the accuracies of the classes that have clips, as `accuracy`."""
        return scored(self.blocks, sums, "macro_accuracy", chosen), self.drawn(sums, "macro_accuracy", chosen)

    def drawn(self, sums: Sequence[Sums], measure: Measure, chosen: Bools | None = None) -> Drawn:
        """The measure of every cell on every draw, (resamples, cells) float32.

        A class, or a choice of blocks, of which a draw has no clip, counts there as it is without a draw.
        """
        total = None
        parts = _parts(self.blocks, measure, chosen)
        for part in parts:
            above, below, places = _by_location(self.blocks, _numerators(sums, measure), part)
            weights = self.weights if len(places) == self.weights.shape[1] else self.weights[:, places]
            clips = weights @ below.astype(np.float32)
            found = weights @ above.astype(np.float32)
            found /= np.where(clips > 0, clips, 1)[:, None]
            if not (clips > 0).all():
                found[clips == 0] = (above.sum(0) / below.sum()).astype(np.float32)
            total = found if total is None else total + found
        assert total is not None  # noqa: S101 - blocks have at least one class
        return total / np.float32(len(parts))

    def over_seeds(self, value: float, replicates: Drawn, splits: Mapping[str, Floats]) -> Sample:
        """The mean over splits of means over seeds, and `replicates` (resamples,) of it, with seeds drawn anew.

        `splits` has the scores (seeds,) of each split, by a name that says whose draws these are: those of other
        systems and splits are independent of them. What places and seeds do together is counted on both levels, which
        errs on the wide side.
        """
        for name, scores in splits.items():
            if len(scores) > 1:
                replicates = replicates + self._seed_noise(scores, name) / np.float32(len(splits))
        return Sample(value, replicates, Few.of(list(splits.values())), self.freedom)

    def _seed_noise(self, values: Floats, name: str) -> Drawn:
        """(resamples,): the mean of seeds drawn anew less the mean of `values` (seeds,), two or more."""
        count = len(values)
        known = self._seeds.get((name, count))
        if known is None:
            generator = np.random.default_rng([self.seed, zlib.crc32(name.encode(errors="surrogatepass"))])
            known = generator.integers(0, count, (count - 1, len(self)), dtype=np.int8 if count < 128 else np.int64)
            self._seeds = {} if len(self._seeds) >= REMEMBERED else self._seeds
            self._seeds[name, count] = known
        centred = (values - values.mean()).astype(np.float32)
        noise: Drawn = centred[known].sum(axis=0) / np.float32(count - 1)
        return noise

    def difference(self, one: Sample, other: Sample) -> Difference:
        """`one` less `other`, paired on the same draws.

        Test and interval are Student's t with the draws' deviation: the interval leaves out nothing where p is below
        0.05, here as in `standings`. Degrees of freedom are those of the locations, fewer where few seeds matter.
        """
        value = one.value - other.value
        deviation = float(np.std(one.replicates - other.replicates, ddof=1, dtype=np.float64))
        freedom = Few.together([one.seeds, other.seeds]).freedom_beside(deviation**2, self.freedom)
        return student(value, deviation, freedom)


def student(value: float, deviation: float, freedom: Floats | float) -> Difference:
    """A difference whose error has this standard `deviation`, by Student's t of `freedom` degrees of freedom."""
    half = float(_t(freedom)) * deviation
    return Difference(value, value - half, value + half, float(_p_value(value, deviation, freedom)))


def scored(blocks: Blocks, sums: Sequence[Sums], measure: Measure, chosen: Bools | None = None) -> Floats:
    """The measure of every cell (cells,) over the `chosen` blocks; all where None."""
    return scored_of(blocks, _numerators(sums, measure), measure, chosen)


def scored_of(blocks: Blocks, numerators: NDArray[Any], measure: Measure, chosen: Bools | None = None) -> Floats:
    """The same of correct clips, or summed losses, (cells, blocks)."""
    found = []
    for part in _parts(blocks, measure, chosen):
        at = np.flatnonzero(part)
        found.append(numerators[:, at].sum(axis=1, dtype=np.float64) / blocks.clips[at].sum())
    values: Floats = np.mean(found, axis=0)
    return values


def _numerators(sums: Sequence[Sums], measure: Measure) -> Floats:
    """(cells, blocks): what a measure adds up over clips."""
    stacked = np.stack([one.loss if measure == "log_loss" else one.correct for one in sums])
    return stacked.astype(np.float64)


def _parts(blocks: Blocks, measure: Measure, chosen: Bools | None) -> list[Bools]:
    """The blocks of which a measure is one ratio, or the mean of several: classes for the macro average."""
    every = np.ones(len(blocks), dtype=bool) if chosen is None else chosen
    if measure != "macro_accuracy":
        return [every]
    return [every & (blocks.label == label) for label in np.unique(blocks.label[every])]


def _by_location(blocks: Blocks, numerators: Floats, part: Bools) -> tuple[Floats, Floats, Ints]:
    """Numerators (places, cells) and clips (places,) of the locations that a part has, and which those are."""
    at = np.flatnonzero(part)
    places, starts = np.unique(blocks.location[at], return_index=True)  # blocks are in the order of their locations
    above = np.add.reduceat(numerators[:, at], starts, axis=1).T
    below = np.add.reduceat(blocks.clips[at].astype(np.float64), starts)
    return above, below, places.astype(np.int64)


def _strata(blocks: Blocks) -> Ints:
    """(locations,): the class of most of a location's clips; the first of two that have as many."""
    table = np.zeros((len(blocks.locations), int(blocks.label.max()) + 1), dtype=np.int64)
    np.add.at(table, (blocks.location, blocks.label), blocks.clips)
    found: Ints = table.argmax(axis=1)
    return found


def _rao_wu(size: int, count: int, generator: np.random.Generator) -> Floats:
    """(count, size): how often each of `size` things counts where size - 1 are drawn; rows sum to `size`."""
    drawn = generator.multinomial(size - 1, np.full(size, 1 / size), size=count)
    counted: Floats = (drawn * (size / (size - 1))).astype(np.float64)
    return counted


def _t(freedom: Floats | float) -> Floats:
    """How many deviations Student's t interval reaches to either side."""
    return np.asarray(stdtrit(freedom, (1 + CONFIDENCE) / 2), dtype=np.float64)


def _p_value(value: ArrayLike, deviation: ArrayLike, freedom: Floats | float) -> Floats:
    """Two-sided p-values of Student's t; 1 where nothing differs, 0 where every draw says the same difference."""
    size, spread = np.abs(np.asarray(value, dtype=np.float64)), np.asarray(deviation, dtype=np.float64)
    certain = spread < 1e-12
    t = size / np.where(certain, 1.0, spread)
    found: Floats = np.where(certain, np.where(size < 1e-12, 1.0, 0.0), 2 * stdtr(freedom, -t))
    return found


@dataclass(frozen=True)
class McNemar:
    """Clips that only one of two systems has right, and the exact two-sided p-value; clips taken as independent."""

    only_one: int
    only_other: int
    p_value: float


def mcnemar(right_one: ArrayLike, right_other: ArrayLike) -> McNemar:
    """McNemar's test of two systems on the same clips (clips,): for reference, clips of a place are not independent."""
    one, other = np.asarray(right_one, dtype=bool), np.asarray(right_other, dtype=bool)
    only_one, only_other = int((one & ~other).sum()), int((other & ~one).sum())
    differ = only_one + only_other
    p = 2 * float(bdtr(min(only_one, only_other), differ, 0.5)) if differ else 1.0
    return McNemar(only_one, only_other, min(1.0, p))


def holm(p_values: ArrayLike, level: float = 1 - CONFIDENCE) -> Bools:
    """Which hypotheses fall by Holm's method (1979), same shape: the chance of any false one is at most `level`."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, axis=None, kind="stable")
    steps = level / np.arange(p.size, 0, -1)
    above = p.reshape(-1)[order] > steps
    fallen = np.zeros(p.size, dtype=bool)
    fallen[order[: int(above.argmax()) if above.any() else p.size]] = True
    return fallen.reshape(p.shape)


@dataclass(frozen=True)
class Standing:
    """Where a system stands: the ranks that it may truly have, and the group of systems that it belongs to.

    `first` is 1 + the number of systems that are surely better, `last` the number of those that are not surely worse.
    Groups count from 1; a group holds the systems that cannot be told apart from its best one.
    """

    first: int
    last: int
    group: int


def standings(
    values: ArrayLike,
    replicates: ArrayLike,
    freedom: int,
    *,
    higher_is_better: bool,
    seeds: Sequence[Few] = (),
    level: float = 1 - CONFIDENCE,
) -> list[Standing]:
    """Standings of systems with scores (systems,) and replicates (resamples, systems), `freedom` of their locations.

    `seeds` are what few seeds add to the variance of each system; nothing where they are not given. "Surely" is Holm's
    method over the paired tests of all pairs, so all statements of a board hold at once with a probability of 95 %
    (ranks as in Mogstad, Romano, Shaikh and Wilhelm, 2024).
    """
    score = np.asarray(values, dtype=np.float64) * (1 if higher_is_better else -1)
    surely = _surely_better(score, np.asarray(replicates), freedom, seeds or [Few()] * len(score), level)
    first, last = 1 + surely.sum(axis=0), len(score) - surely.sum(axis=1)
    group = np.zeros(len(score), dtype=np.int64)
    order = np.argsort(-score, kind="stable")
    number = 0
    for best in order:
        if not group[best]:
            number += 1
            group[(group == 0) & ~surely[best]] = number
    return [Standing(int(a), int(b), int(c)) for a, b, c in zip(first, last, group, strict=True)]


def _surely_better(
    score: Floats, replicates: NDArray[np.generic], places: int, seeds: Sequence[Few], level: float
) -> Bools:
    """(systems, systems): whether the one of the row is better than that of the column."""
    centred = (replicates - replicates.mean(axis=0)).astype(np.float64)
    covariance = centred.T @ centred / (len(replicates) - 1)
    variance = np.diag(covariance)
    one, other = np.triu_indices(len(score), k=1)
    total = np.maximum(variance[one] + variance[other] - 2 * covariance[one, other], 0.0)
    spread = np.sqrt(total)
    freedom = _freedom_of_pairs(total, places, seeds, one, other)
    apart = holm(_p_value(score[one] - score[other], np.where(spread < 1e-9, 0.0, spread), freedom), level)
    surely = np.zeros((len(score), len(score)), dtype=bool)
    surely[one, other] = apart & (score[one] > score[other])
    surely[other, one] = apart & (score[one] < score[other])
    return surely


def _freedom_of_pairs(total: Floats, places: int, seeds: Sequence[Few], one: Ints, other: Ints) -> Floats:
    """(pairs,): `Few.freedom_beside` of every difference, whose variances are `total`."""
    variance = np.array([each.variance for each in seeds])
    below = np.array([each.variance**2 / each.freedom for each in seeds])
    return _freedom(total, variance[one] + variance[other], below[one] + below[other], places)


@dataclass(frozen=True)
class Crossing:
    """Two curves over the share of the training data change places: between which shares, and about where.

    `certain` where the difference is surely of one sign at `before` and of the other at `after`.
    """

    before: float
    after: float
    about: float
    certain: bool


def crossings(shares: Sequence[float], differences: Sequence[Difference]) -> list[Crossing]:
    """Where the difference of two systems changes its sign, from `differences` at each of the rising `shares`.

    The place is interpolated on a logarithmic scale of shares. A difference of nothing is of no sign.
    """
    found = []
    signed = [(share, each) for share, each in zip(shares, differences, strict=True) if each.value]
    for (before, one), (after, other) in pairwise(signed):
        if one.value * other.value < 0:
            way = one.value / (one.value - other.value)
            about = float(before * (after / before) ** way)
            sure = all(each.low > 0 or each.high < 0 for each in (one, other))
            found.append(Crossing(before, after, about, sure))
    return found
