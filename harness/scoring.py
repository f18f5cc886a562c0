"""Scores of a system's predictions. Pure functions of logits, labels and devices; nothing is rounded here.

Sources: macro-average accuracy and device groups as in the DCASE 2024 baseline; log loss as in the 2022 baseline;
expected calibration error of Guo et al., 2017, with 15 bins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax

from harness.validated import Record

CALIBRATION_BINS = 15

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class PartScore(Record):
    """Scores over some of the clips: one device, or one group of devices."""

    clips: int
    accuracy: float
    macro_accuracy: float
    log_loss: float


class ClassScore(Record):
    """Scores over the clips of one class; its accuracy is also called recall."""

    clips: int
    accuracy: float
    log_loss: float


class Scores(Record):
    """All scores of one cell. Accuracies are in 0…1, losses in nats.

    `confusion[i][j]` counts clips of class i taken for class j. `seen_unseen_gap` is the accuracy of the group `seen`
    minus that of `unseen`, None where the track has no such groups. Where nobody knows the devices of the clips,
    `per_device` and `per_group` are empty and `worst_device` is None.
    """

    clips: int
    macro_accuracy: float
    accuracy: float
    log_loss: float
    calibration_error: float
    per_class: dict[str, ClassScore]
    per_device: dict[str, PartScore]
    per_group: dict[str, PartScore]
    worst_device: str | None
    seen_unseen_gap: float | None
    confusion: list[list[int]]

    @property
    def main(self) -> float:
        """What tracks with one label a clip are about: macro accuracy."""
        return self.macro_accuracy


def score(
    logits: ArrayLike,
    labels: ArrayLike,
    devices: Sequence[str] | None,
    names: Sequence[str],
    groups: Mapping[str, Sequence[str]],
) -> Scores:
    """Scores of `logits` (clips, classes) against `labels` (clips,); `names` are classes, `groups` of devices.

    `devices` (clips,) is None where nobody knows them.
    Raises ValueError for no clips and for arrays that do not fit together: an empty score is an error, not a NaN.
    """
    z = np.asarray(logits, dtype=np.float64)
    y = np.asarray(labels, dtype=np.int64)
    _require_fit(z, y, devices, names)
    log_p = log_softmax(z, axis=1)
    device = np.asarray(devices or ())
    per_device = {name: _part(log_p, y, device == name) for name in sorted(set(devices or ()))}
    members = {name: np.isin(device, list(group)) for name, group in groups.items()} if devices else {}
    per_group = {name: _part(log_p, y, mask) for name, mask in members.items() if mask.any()}
    return Scores(
        **_part(log_p, y, np.ones(len(y), dtype=bool)).model_dump(),
        calibration_error=expected_calibration_error(log_p, y),
        per_class=_per_class(log_p, y, names),
        per_device=per_device,
        per_group=per_group,
        worst_device=min(per_device, key=lambda name: per_device[name].accuracy, default=None),
        seen_unseen_gap=_gap(per_group),
        confusion=confusion_matrix(predicted(log_p), y, len(names)).tolist(),
    )


def _require_fit(z: Floats, y: Ints, devices: Sequence[str] | None, names: Sequence[str]) -> None:
    if z.ndim != 2 or not len(z) or z.shape[1] != len(names):
        raise ValueError(f"logits have shape {z.shape}; (clips, {len(names)}) with at least one clip is needed")
    known = len(z) if devices is None else len(devices)
    if len(y) != len(z) or known != len(z):
        raise ValueError(f"{len(z)} rows of logits, {len(y)} labels and {known} devices do not fit together")
    if y.min() < 0 or y.max() >= len(names):
        raise ValueError(f"labels lie in 0…{len(names) - 1}; these reach from {y.min()} to {y.max()}")
    if not np.isfinite(z).all():
        raise ValueError("logits hold values that are not finite")


def predicted(log_p: Floats) -> Ints:
    """The most likely class of each row; the first one where two are equally likely."""
    best: Ints = log_p.argmax(axis=1).astype(np.int64)
    return best


def accuracy(log_p: Floats, y: Ints) -> float:
    """Correct clips by clips."""
    return float((predicted(log_p) == y).mean())


def macro_accuracy(log_p: Floats, y: Ints) -> float:
    """Unweighted mean over the classes present in `y` of correct clips by clips of the class."""
    right = predicted(log_p) == y
    return float(np.mean([right[y == label].mean() for label in np.unique(y)]))


def log_loss(log_p: Floats, y: Ints) -> float:
    """Mean over clips of the negative natural logarithm of the true class's probability; ln(classes) when undecided."""
    return float(-log_p[np.arange(len(y)), y].mean())


def expected_calibration_error(log_p: Floats, y: Ints, bins: int = CALIBRATION_BINS) -> float:
    """Mean distance of confidence and accuracy over equal bins (low, high] of confidence, weighted by clips."""
    confidence = np.exp(log_p.max(axis=1))
    right = predicted(log_p) == y
    index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    clips = np.bincount(index, minlength=bins)
    sums = np.bincount(index, weights=confidence, minlength=bins) - np.bincount(index, weights=right, minlength=bins)
    return float(np.abs(sums).sum() / clips.sum())


def confusion_matrix(prediction: Ints, y: Ints, classes: int) -> Ints:
    """(classes, classes) counts: rows are true classes, columns predicted ones."""
    counts = np.bincount(y * classes + prediction, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.int64)


def _part(log_p: Floats, y: Ints, chosen: NDArray[np.bool_]) -> PartScore:
    p, t = log_p[chosen], y[chosen]
    return PartScore(
        clips=len(t), accuracy=accuracy(p, t), macro_accuracy=macro_accuracy(p, t), log_loss=log_loss(p, t)
    )


def _per_class(log_p: Floats, y: Ints, names: Sequence[str]) -> dict[str, ClassScore]:
    scores = {}
    for label, name in enumerate(names):
        chosen = y == label
        if chosen.any():
            p, t = log_p[chosen], y[chosen]
            scores[name] = ClassScore(clips=len(t), accuracy=accuracy(p, t), log_loss=log_loss(p, t))
    return scores


def _gap(per_group: Mapping[str, PartScore]) -> float | None:
    if "seen" not in per_group or "unseen" not in per_group:
        return None
    return per_group["seen"].accuracy - per_group["unseen"].accuracy
