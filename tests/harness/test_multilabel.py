"""Multi-label scores against scikit-learn and scipy, on random scores and at the edges."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import average_precision_score, label_ranking_average_precision_score, roc_auc_score

from harness import multilabel

NAMES = tuple("abcdefg")


def made(clips: int, seed: int, *, ties: bool, share: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    scores = random.normal(size=(clips, len(NAMES)))
    return np.round(scores, 0 if ties else 12), (random.random((clips, len(NAMES))) < share).astype(int)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("clips", [2, 9, 300])
def test_scores_are_scikit_learn_s(seed: int, clips: int, *, ties: bool) -> None:
    scores, targets = made(clips, seed, ties=ties)
    found = multilabel.score(scores, targets, NAMES)
    having = [at for at in range(len(NAMES)) if targets[:, at].any()]
    precisions = [average_precision_score(targets[:, at], scores[:, at]) for at in having]
    assert [found.per_class[NAMES[at]].average_precision for at in having] == pytest.approx(precisions, abs=1e-6)
    assert found.mean_average_precision == pytest.approx(np.mean(precisions), abs=1e-6)
    both = [at for at in having if not targets[:, at].all()]
    areas = [roc_auc_score(targets[:, at], scores[:, at]) for at in both]
    assert found.mean_auc == pytest.approx(np.mean(areas), abs=1e-6)
    d_prime = math.sqrt(2) * norm.ppf(np.mean(areas))
    assert found.d_prime == (pytest.approx(d_prime, abs=1e-6) if np.isfinite(d_prime) else None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ranking = label_ranking_average_precision_score(targets, scores)
    assert found.label_ranking_precision == pytest.approx(ranking, abs=1e-6)


def test_a_class_without_positives_is_named_and_left_out() -> None:
    scores, targets = made(50, 0, ties=False)
    targets[:, 2] = 0
    found = multilabel.score(scores, targets, NAMES)
    assert found.without_positives == ("c",)
    assert "c" not in found.per_class
    rest = [at for at in range(len(NAMES)) if at != 2]
    expected = multilabel.score(scores[:, rest], targets[:, rest], [NAMES[at] for at in rest])
    assert found.mean_average_precision == expected.mean_average_precision
    assert found.mean_auc == expected.mean_auc


def test_a_class_that_every_clip_has_is_found_for_sure_and_has_no_auc() -> None:
    scores, targets = made(50, 0, ties=False)
    targets[:, 0] = 1
    found = multilabel.score(scores, targets, NAMES)
    assert found.per_class["a"].average_precision == 1
    assert found.per_class["a"].auc is None


def test_one_clip_and_no_label_at_all() -> None:
    found = multilabel.score([[0.1, 0.2]], [[1, 0]], ("a", "b"))
    assert (found.mean_average_precision, found.mean_auc, found.d_prime) == (1.0, None, None)
    assert found.label_ranking_precision == 0.5
    empty = multilabel.score([[0.1, 0.2]], [[0, 0]], ("a", "b"))
    assert (empty.mean_average_precision, empty.label_ranking_precision) == (None, 1.0)
    assert empty.without_positives == ("a", "b")


def test_equal_scores_are_worth_the_share_of_positives() -> None:
    found = multilabel.score(np.zeros((10, 1)), [[1]] * 3 + [[0]] * 7, ("a",))
    assert found.mean_average_precision == pytest.approx(0.3)
    assert found.mean_auc == 0.5
    assert found.d_prime == 0


@pytest.mark.parametrize(
    ("scores", "targets", "names", "sentence"),
    [
        (np.zeros((0, 2)), np.zeros((0, 2)), "ab", "at least one clip"),
        (np.zeros((3, 2)), np.zeros((3, 2)), "abc", r"\(clips, 3\)"),
        (np.zeros((3, 2)), np.zeros((2, 2)), "ab", "targets have shape"),
        (np.zeros((3, 2)), np.full((3, 2), 0.5), "ab", "0 or 1"),
        (np.full((3, 2), np.nan), np.zeros((3, 2)), "ab", "not finite"),
    ],
)
def test_what_does_not_fit_is_an_error(scores: np.ndarray, targets: np.ndarray, names: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        multilabel.score(scores, targets, tuple(names))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ties", [False, True])
def test_draws_are_scikit_learn_s_with_weights(seed: int, *, ties: bool) -> None:
    scores, targets = made(200, seed, ties=ties)
    weights = np.random.default_rng(seed).multinomial(199, [1 / 200] * 200, size=6) * (200 / 199)
    drawn = multilabel.drawn_precisions(scores, targets.astype(bool), weights)
    for found, weight in zip(drawn, weights, strict=True):
        each = [
            average_precision_score(targets[:, at], scores[:, at], sample_weight=weight) for at in range(len(NAMES))
        ]
        assert found == pytest.approx(np.mean(each), abs=1e-6)


def test_where_a_draw_has_no_positive_clip_of_a_class_it_counts_as_it_is() -> None:
    scores, targets = np.array([[3.0], [2.0], [1.0]]), np.array([[False], [True], [False]])
    weights = np.array([[1.0, 0.0, 2.0], [1.0, 1.0, 1.0], [0.0, 1.0, 2.0]])
    assert multilabel.drawn_precisions(scores, targets, weights).tolist() == [0.5, 0.5, 1.0]
