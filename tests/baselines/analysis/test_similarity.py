"""Correlation and SVCCA against numpy's, scikit-learn's and textbook forms."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from baselines.analysis.similarity import prediction_correlation, svcca


def activations(seed: int, clips: int = 200, width: int = 12) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.normal(size=(clips, 4)) @ random.normal(size=(4, width)) + 0.3 * random.normal(size=(clips, width))


def textbook(x: np.ndarray, y: np.ndarray, share: float) -> float:
    """Canonical correlations as roots of eigenvalues of covariances, after scikit-learn's principal components."""
    reduced = []
    for one in (x, y):
        count = int(np.argmax(np.cumsum(PCA().fit(one).explained_variance_ratio_) >= share)) + 1
        reduced.append(PCA(count).fit_transform(one))
    one, other = reduced
    within, without, across = one.T @ one, other.T @ other, one.T @ other
    values = np.linalg.eigvals(np.linalg.solve(within, across) @ np.linalg.solve(without, across.T))
    return float(np.sqrt(np.sort(values.real)[::-1][: min(one.shape[1], other.shape[1])]).mean())


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("seed", range(4))
def test_svcca_is_the_textbook_s(seed: int, share: float) -> None:
    x, y = activations(seed), activations(seed + 100, width=9)
    y[:, :3] += x[:, :3]
    assert svcca(x, y, share) == pytest.approx(textbook(x, y, share), abs=1e-6)


def test_a_representation_is_like_itself_turned_moved_and_scaled() -> None:
    x = activations(0)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(12, 12)))[0]
    assert svcca(x, x) == pytest.approx(1)
    assert svcca(x, 3 * x @ turn + 5, 0.9) == pytest.approx(1)
    assert svcca(x, np.random.default_rng(2).normal(size=(200, 12))) < 0.5


def test_correlation_is_the_mean_over_clips() -> None:
    random = np.random.default_rng(0)
    one, other = random.random((30, 7)), random.random((30, 7))
    expected = np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(one, other, strict=True)])
    assert prediction_correlation(one, other) == pytest.approx(expected)
    assert prediction_correlation(one, 2 * one + 1) == pytest.approx(1)


def test_a_clip_that_is_all_alike_has_no_correlation() -> None:
    one, other = np.array([[0.1, 0.9, 0.3], [0.5, 0.5, 0.5]]), np.array([[0.2, 0.8, 0.1], [0.1, 0.2, 0.3]])
    assert prediction_correlation(one, other) == pytest.approx(np.corrcoef(one[0], other[0])[0, 1])
    with pytest.raises(ValueError, match="nothing to correlate"):
        prediction_correlation(one[1:], other[1:])


def test_what_does_not_fit_is_an_error() -> None:
    with pytest.raises(ValueError, match="of 3 and 4 clips"):
        svcca(np.ones((3, 2)), np.ones((4, 2)))
    with pytest.raises(ValueError, match="the same for all clips"):
        svcca(np.ones((3, 2)), activations(0, 3))
    with pytest.raises(ValueError, match="shapes"):
        prediction_correlation(np.ones((3, 2)), np.ones((3, 4)))
