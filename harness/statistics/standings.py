"""Ranks that a system may truly have, and groups of systems that cannot be told apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.statistics.estimates import CONFIDENCE, Few, Floats, freedom_of, p_value

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


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
    apart = holm(p_value(score[one] - score[other], np.where(spread < 1e-9, 0.0, spread), freedom), level)
    surely = np.zeros((len(score), len(score)), dtype=bool)
    surely[one, other] = apart & (score[one] > score[other])
    surely[other, one] = apart & (score[one] < score[other])
    return surely


def _freedom_of_pairs(total: Floats, places: int, seeds: Sequence[Few], one: Ints, other: Ints) -> Floats:
    """(pairs,): `Few.freedom_beside` of every difference, whose variances are `total`."""
    variance = np.array([each.variance for each in seeds])
    below = np.array([each.variance**2 / each.freedom for each in seeds])
    return freedom_of(total, variance[one] + variance[other], below[one] + below[other], places)
