"""Scores against scikit-learn and against plain sums; edges; what is refused."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics

from harness import scoring
from harness.scoring import Scores, score

NAMES = ("bus", "metro", "park", "tram")
DEVICES = ("a", "b", "s1", "s4")
GROUPS = {"real": ("a", "b"), "seen": ("s1",), "unseen": ("s4",), "nobody": ("s9",)}

Case = tuple[np.ndarray, np.ndarray, list[str]]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """(logits (n, 4), labels (n,), devices) of 1 to 20 clips; logits are multiples of 1/64, so some are alike."""
    clips = draw(st.integers(1, 20))
    logits = draw(arrays(np.int64, (clips, 4), elements=st.integers(-1000, 1000))) / 64
    labels = draw(arrays(np.int64, clips, elements=st.integers(0, 3)))
    devices = draw(arrays(np.int64, clips, elements=st.integers(0, 3)))
    return logits, labels, [DEVICES[number] for number in devices]


def scored(case: Case) -> Scores:
    return score(*case, NAMES, GROUPS)


def softmax(row: Sequence[float]) -> list[float]:
    top = max(row)
    powers = [math.exp(value - top) for value in row]
    return [power / sum(powers) for power in powers]


def calibration_error(logits: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    """Guo et al., 2017, equation 3, in plain Python: bins (low, high] of the winner's probability."""
    inside: list[list[tuple[float, bool]]] = [[] for _ in range(bins)]
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        probabilities = softmax(row)
        confidence = max(probabilities)
        number = next(k for k in range(bins) if k == bins - 1 or confidence <= (k + 1) / bins)
        inside[number].append((confidence, probabilities.index(confidence) == label))
    error = 0.0
    for members in inside:
        if members:
            confidence = sum(one for one, _ in members) / len(members)
            accuracy = sum(right for _, right in members) / len(members)
            error += len(members) / len(labels) * abs(accuracy - confidence)
    return error


def sklearn_log_loss(logits: np.ndarray, labels: np.ndarray) -> float:
    """The organisers' implementation of 2022; scikit-learn clips probabilities at 2e-16, so logits span 32."""
    probabilities = np.array([softmax(row) for row in logits.tolist()])
    return float(metrics.log_loss(labels, probabilities, labels=range(4)))


def sklearn_macro(labels: np.ndarray, predicted: np.ndarray) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where a class is predicted that no clip has
        return float(metrics.balanced_accuracy_score(labels, predicted))


@settings(deadline=None, max_examples=30)
@given(cases())
def test_accuracies_are_those_of_scikit_learn(case: Case) -> None:
    logits, labels, _ = case
    found, predicted = scored(case), logits.argmax(axis=1)
    assert found.clips == len(labels)
    assert found.accuracy == pytest.approx(metrics.accuracy_score(labels, predicted), abs=1e-12)
    assert found.macro_accuracy == pytest.approx(sklearn_macro(labels, predicted), abs=1e-12)


@settings(deadline=None, max_examples=30)
@given(cases())
def test_log_loss_is_that_of_scikit_learn(case: Case) -> None:
    assert scored(case).log_loss == pytest.approx(sklearn_log_loss(case[0], case[1]), rel=1e-9, abs=1e-12)


@settings(deadline=None, max_examples=30)
@given(cases())
def test_the_confusion_matrix_is_that_of_scikit_learn(case: Case) -> None:
    expected = metrics.confusion_matrix(case[1], case[0].argmax(axis=1), labels=range(4))
    assert scored(case).confusion == expected.tolist()


@settings(deadline=None, max_examples=30)
@given(cases())
def test_the_calibration_error_is_that_of_the_paper(case: Case) -> None:
    confidences = [max(softmax(row)) * 15 for row in case[0].tolist()]
    assume(all(abs(one - round(one)) > 1e-9 or round(one) == 15 for one in confidences))  # a bin's edge is a coin toss
    assert scored(case).calibration_error == pytest.approx(calibration_error(case[0], case[1]), abs=1e-9)


@settings(deadline=None, max_examples=30)
@given(cases())
def test_a_device_and_a_group_are_scored_by_the_clips_they_recorded(case: Case) -> None:
    """Pooled, as the organisers do: correct clips of all devices by clips of all devices."""
    logits, labels, devices = case
    found = scored(case)
    assert set(found.per_device) == set(devices)
    assert set(found.per_group) == {name for name, group in GROUPS.items() if set(group) & set(devices)}
    parts = {(device,): found.per_device[device] for device in set(devices)}
    parts |= {GROUPS[name]: part for name, part in found.per_group.items()}
    for members, part in parts.items():
        rows = [row for row, device in enumerate(devices) if device in members]
        predicted = logits[rows].argmax(axis=1)
        assert part.clips == len(rows)
        assert part.accuracy == pytest.approx(metrics.accuracy_score(labels[rows], predicted), abs=1e-12)
        assert part.macro_accuracy == pytest.approx(sklearn_macro(labels[rows], predicted), abs=1e-12)
        assert part.log_loss == pytest.approx(sklearn_log_loss(logits[rows], labels[rows]), rel=1e-9, abs=1e-12)


@settings(deadline=None, max_examples=30)
@given(cases())
def test_a_class_is_scored_by_its_clips_and_its_accuracy_is_recall(case: Case) -> None:
    logits, labels, _ = case
    found = scored(case)
    present = sorted(set(labels.tolist()))
    assert set(found.per_class) == {NAMES[label] for label in present}
    recalls = metrics.recall_score(labels, logits.argmax(axis=1), labels=present, average=None, zero_division=0)
    for label, recall in zip(present, recalls, strict=True):
        rows, part = np.flatnonzero(labels == label), found.per_class[NAMES[label]]
        assert part.clips == len(rows)
        assert part.accuracy == pytest.approx(recall, abs=1e-12)
        assert part.log_loss == pytest.approx(sklearn_log_loss(logits[rows], labels[rows]), rel=1e-9, abs=1e-12)


@settings(deadline=None, max_examples=30)
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_clips_does_not_matter(case: Case, shuffle: object) -> None:
    order = list(range(len(case[1])))
    shuffle.shuffle(order)  # type: ignore[attr-defined]
    one, other = scored(case), scored((case[0][order], case[1][order], [case[2][row] for row in order]))
    assert other.confusion == one.confusion
    assert other.log_loss == pytest.approx(one.log_loss)
    assert other.calibration_error == pytest.approx(one.calibration_error, abs=1e-12)
    assert other.per_device.keys() == one.per_device.keys()


def pointed(labels: Sequence[int], size: float = 5.0) -> np.ndarray:
    """Logits that name these classes."""
    return np.eye(4)[list(labels)] * size


def test_the_gap_is_seen_less_unseen_and_the_worst_device_is_named() -> None:
    labels = [0, 1, 2, 3, 0, 1, 2, 3]
    taken_for = [0, 1, 2, 0, 0, 1, 0, 0]  # a 2 of 2, s1 1 of 2, b 2 of 2, s4 0 of 2
    devices = ["a", "a", "s1", "s1", "b", "b", "s4", "s4"]
    found = score(pointed(taken_for), labels, devices, NAMES, GROUPS)
    assert {name: part.accuracy for name, part in found.per_device.items()} == {"a": 1, "b": 1, "s1": 0.5, "s4": 0}
    assert found.seen_unseen_gap == 0.5
    assert found.worst_device == "s4"
    assert found.per_group["real"].clips == 4


@pytest.mark.parametrize("devices", [["a", "s1"], ["a", "s4"], ["a", "b"]])
def test_without_both_groups_there_is_no_gap(devices: list[str]) -> None:
    assert score(pointed([0, 1]), [0, 1], devices, NAMES, GROUPS).seen_unseen_gap is None


def test_a_track_without_groups_has_no_gap_but_a_worst_device() -> None:
    found = score(pointed([0, 1]), [0, 2], ["x", "y"], NAMES, {})
    assert (found.seen_unseen_gap, found.per_group, found.worst_device) == (None, {}, "y")


def test_where_nobody_knows_the_devices_none_is_scored_by_itself() -> None:
    known = score(pointed([0, 1]), [0, 2], ["x", "y"], NAMES, {})
    found = score(pointed([0, 1]), [0, 2], None, NAMES, {})
    assert (found.per_device, found.per_group, found.worst_device, found.seen_unseen_gap) == ({}, {}, None, None)
    assert (found.accuracy, found.log_loss, found.per_class) == (known.accuracy, known.log_loss, known.per_class)


def test_a_single_clip_is_scored() -> None:
    found = score(np.log([[0.7, 0.1, 0.1, 0.1]]), [0], ["a"], NAMES, GROUPS)
    assert (found.clips, found.accuracy, found.macro_accuracy) == (1, 1.0, 1.0)
    assert found.log_loss == pytest.approx(-math.log(0.7))
    assert found.calibration_error == pytest.approx(0.3)


def test_macro_accuracy_is_the_mean_over_classes_that_have_clips() -> None:
    found = score(pointed([0, 0, 0, 1]), [0, 0, 0, 2], ["a"] * 4, NAMES, GROUPS)
    assert found.accuracy == 0.75
    assert found.macro_accuracy == 0.5
    assert set(found.per_class) == {"bus", "park"}
    assert np.sum(found.confusion) == 4


@pytest.mark.parametrize("classes", [2, 4, 10])
def test_a_uniform_prediction_costs_the_logarithm_of_the_classes(classes: int) -> None:
    """ln 10 = 2.3026: facts/dcase.md, 1.4."""
    names = [str(label) for label in range(classes)]
    found = score(np.full((40, classes), 3.7), np.arange(40) % classes, ["a"] * 40, names, {})
    assert found.log_loss == pytest.approx(math.log(classes), rel=1e-12)
    assert found.accuracy == pytest.approx(1 / classes)  # the first class where all are equally likely
    assert found.calibration_error == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("size", [1e4, 3.4e38])
def test_extreme_logits_give_finite_scores(size: float) -> None:
    found = score(pointed([0, 1], size), [1, 1], ["a", "a"], NAMES, GROUPS)
    assert found.log_loss == pytest.approx(size / 2)
    assert found.calibration_error == pytest.approx(0.5)
    assert found.accuracy == 0.5


def test_float16_logits_are_scored_at_full_precision() -> None:
    logits = np.array([[1000.0, 999.0, 0, 0]], dtype=np.float16)
    assert score(logits, [1], ["a"], NAMES, {}).log_loss == pytest.approx(1 + math.log1p(math.exp(-1)), rel=1e-9)


@pytest.mark.parametrize(
    ("logits", "labels", "devices", "message"),
    [
        (np.zeros((0, 4)), [], [], "at least one clip"),
        (np.zeros((2, 3)), [0, 1], ["a", "a"], r"shape \(2, 3\)"),
        (np.zeros(4), [0], ["a"], "shape"),
        (np.zeros((1, 2, 4)), [0], ["a"], "shape"),
        (np.zeros((2, 4)), [0], ["a", "a"], "2 rows of logits, 1 labels and 2 devices"),
        (np.zeros((2, 4)), [0, 1], ["a"], "2 rows of logits, 2 labels and 1 devices"),
        (np.zeros((2, 4)), [0, 4], ["a", "a"], "from 0 to 4"),
        (np.zeros((2, 4)), [-1, 0], ["a", "a"], "from -1 to 0"),
        (np.array([[0, 0, 0, np.nan]]), [0], ["a"], "not finite"),
        (np.array([[0, 0, 0, np.inf]]), [0], ["a"], "not finite"),
        (np.array([[0, 0, 0, -np.inf]]), [0], ["a"], "not finite"),
    ],
)
def test_what_does_not_fit_together_is_an_error_and_not_a_nan(
    logits: np.ndarray, labels: list[int], devices: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        score(logits, labels, devices, NAMES, GROUPS)


def test_the_edge_of_a_bin_belongs_to_the_bin_below() -> None:
    """Bins are (low, high]: of four bins, 0.5 falls into the second, and so is not averaged with 0.51 in the third."""
    log_p = np.log([[0.5, 0.5], [0.51, 0.49]])
    found = scoring.expected_calibration_error(log_p, np.array([1, 0]), bins=4)
    assert found == pytest.approx((abs(0 - 0.5) + abs(1 - 0.51)) / 2)
