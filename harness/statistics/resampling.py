"""Draws of a track's test locations, and what cells score on every draw."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.blocks import Blocks, Sums
from harness.statistics.estimates import Difference, Drawn, Few, Floats, Sample, student

RESAMPLES = 10_000

REMEMBERED = 1024
"""Draws of seeds that are kept: the same ones serve every measure of a system."""

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

Measure = Literal["macro_accuracy", "accuracy", "log_loss"]


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
