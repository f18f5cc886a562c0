"""Scores where a clip may have several labels. Pure functions of scores and targets; nothing is rounded here.

mAP and mAUC are means over classes, d' is that of the mean AUC, as AudioSet's authors define them (Hershey et al., "CNN
architectures for large-scale audio classification", ICASSP 2017); label-ranking average precision as in scikit-learn.
What a class without positive clips would score is not defined: such classes are named and left out of the means.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm, rankdata

from harness.validated import Record

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Drawn = NDArray[np.float32]


class LabelScore(Record):
    """Scores of one class; `auc` is None where every clip has the label."""

    positives: int
    average_precision: float
    auc: float | None


class MultiLabelScores(Record):
    """All scores of one cell, in 0…1 but for `d_prime`, which is None where it is not finite: for a mean AUC of 0 or 1.

    `without_positives` are the classes that no clip has. A mean is None where no class has it.
    """

    clips: int
    mean_average_precision: float | None
    mean_auc: float | None
    d_prime: float | None
    label_ranking_precision: float
    per_class: dict[str, LabelScore]
    without_positives: tuple[str, ...]

    @property
    def main(self) -> float:
        """What multi-label tracks are about: mean average precision, 0 where no class has a positive clip."""
        return self.mean_average_precision or 0.0


def score(scores: ArrayLike, targets: ArrayLike, names: Sequence[str]) -> MultiLabelScores:
    """Scores of `scores` (clips, classes), logits or probabilities, against `targets` (clips, classes) of 0 and 1.

    Raises ValueError for no clips and for arrays that do not fit together: an empty score is an error, not a NaN.
    """
    z, y = np.asarray(scores, dtype=np.float64), np.asarray(targets)
    _require_fit(z, y, names)
    has = y.astype(bool)
    precisions, areas = average_precisions(z, has), aucs(z, has)
    per_class = {
        name: LabelScore(
            positives=int(count), average_precision=float(precision), auc=None if math.isnan(area) else float(area)
        )
        for name, count, precision, area in zip(names, has.sum(0), precisions, areas, strict=True)
        if count
    }
    mean_auc = _mean([one.auc for one in per_class.values() if one.auc is not None])
    return MultiLabelScores(
        clips=len(z),
        mean_average_precision=_mean([one.average_precision for one in per_class.values()]),
        mean_auc=mean_auc,
        d_prime=None if mean_auc is None or mean_auc in {0.0, 1.0} else d_prime(mean_auc),
        label_ranking_precision=label_ranking_precision(z, has),
        per_class=per_class,
        without_positives=tuple(name for name, count in zip(names, has.sum(0), strict=True) if not count),
    )


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _require_fit(z: Floats, y: NDArray[np.generic], names: Sequence[str]) -> None:
    if z.ndim != 2 or not len(z) or z.shape[1] != len(names):
        raise ValueError(f"scores have shape {z.shape}; (clips, {len(names)}) with at least one clip is needed")
    if y.shape != z.shape:
        raise ValueError(f"targets have shape {y.shape}, scores {z.shape}")
    if not np.isin(y, (0, 1)).all():
        raise ValueError("targets are to be 0 or 1")
    if not np.isfinite(z).all():
        raise ValueError("scores hold values that are not finite")


def average_precisions(z: Floats, has: Bools) -> Floats:
    """Of each class (classes,): the mean over its positives of the precision at their score; NaN without a positive.

    Clips of equal score are taken together, as in scikit-learn: their order says nothing.
    """
    return np.array([_average_precision(z[:, label], has[:, label]) for label in range(z.shape[1])])


def _average_precision(z: Floats, has: Bools) -> float:
    positives = int(has.sum())
    if not positives:
        return math.nan
    order = np.argsort(-z, kind="stable")
    last_of_equals = np.append(np.diff(z[order]) != 0, True)
    hits = np.cumsum(has[order])[last_of_equals]
    taken = np.flatnonzero(last_of_equals) + 1
    return float((np.diff(hits, prepend=0) * hits / taken).sum() / positives)


def drawn_precisions(z: Floats, has: Bools, weights: NDArray[np.floating]) -> Drawn:
    """(resamples,) float32: mean average precision where each clip counts `weights` (resamples, clips) times.

    A class of which a draw has no positive clip counts there as it is without a draw, as accuracies do.
    """
    own = average_precisions(z, has)
    known = np.flatnonzero(~np.isnan(own))
    total = np.zeros(len(weights), dtype=np.float64)
    for label in known:
        total += _drawn_precision(z[:, label], has[:, label], weights, own[label])
    return (total / max(1, len(known))).astype(np.float32)


def _drawn_precision(z: Floats, has: Bools, weights: NDArray[np.floating], own: float) -> Floats:
    """(resamples,) of one class; clips of equal score are taken together, runs without a positive with the next one."""
    order = np.argsort(-z, kind="stable")
    last_of_equals = np.append(np.diff(z[order]) != 0, True)
    run = np.append(0, np.cumsum(last_of_equals)[:-1])
    with_positive = np.zeros(run[-1] + 1, dtype=bool)
    with_positive[run[has[order]]] = True
    ends = np.flatnonzero(last_of_equals & with_positive[run])
    starts = np.append(0, ends[:-1] + 1)
    upto = ends[-1] + 1
    taken = np.add.reduceat(weights[:, order[:upto]], starts, axis=1, dtype=np.float64).cumsum(axis=1)
    positives = np.flatnonzero(has[order])
    firsts = np.unique(np.searchsorted(ends, positives), return_index=True)[1]
    hits = np.add.reduceat(weights[:, order[positives]], firsts, axis=1, dtype=np.float64)
    whole = hits.sum(axis=1)
    precision = np.divide(hits.cumsum(axis=1), taken, out=np.zeros_like(taken), where=taken > 0)
    found: Floats = np.where(whole > 0, (hits * precision).sum(axis=1) / np.where(whole > 0, whole, 1), own)
    return found


def aucs(z: Floats, has: Bools) -> Floats:
    """Of each class (classes,): how often a positive scores above a negative, ties half; NaN without either."""
    ranks: Floats = rankdata(z, axis=0)
    positives = has.sum(0)
    negatives = len(z) - positives
    above = (ranks * has).sum(0) - positives * (positives + 1) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(positives * negatives > 0, above / (positives * negatives), math.nan)


def d_prime(auc: float) -> float:
    """How many standard deviations apart two normal distributions would be that are told apart so well."""
    return float(math.sqrt(2) * norm.ppf(auc))


def label_ranking_precision(z: Floats, has: Bools) -> float:
    """Mean over clips of the share of true labels among those that score at least as high as each true one.

    A clip with no label, or with all of them, counts as 1.
    """
    ranks = rankdata(-z, method="max", axis=1)
    found = np.ones(len(z))
    for row in np.flatnonzero(has.any(1) & ~has.all(1)):
        mine = has[row]
        found[row] = (rankdata(-z[row, mine], method="max") / ranks[row, mine]).mean()
    return float(found.mean())
