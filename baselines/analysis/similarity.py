"""How alike two systems are: in what they predict, and in how they represent a clip (paper 003, table 6)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def prediction_correlation(one: ArrayLike, other: ArrayLike) -> float:
    """Mean over clips of the Pearson correlation of two systems' probabilities (clips, classes).

    Clips of which a system says the same of all classes have no correlation and are left out; ValueError where no clip
    has one, or where the shapes differ.
    """
    x, y = _pair(one, other)
    if x.shape != y.shape:
        raise ValueError(f"predictions have shapes {x.shape} and {y.shape}")
    x, y = (values - values.mean(1, keepdims=True) for values in (x, y))
    lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    some = lengths > 0
    if not some.any():
        raise ValueError("every clip has one probability for all classes: there is nothing to correlate")
    return float(((x * y).sum(1)[some] / lengths[some]).mean())


def svcca(one: ArrayLike, other: ArrayLike, share: float = 0.3) -> float:
    """Singular vector canonical correlation of two representations (clips, width) and (clips, other width).

    Raghu et al., 2017: each is centred and reduced to the fewest directions that hold `share` of its variance; the mean
    of the canonical correlations of what remains. Paper 003 takes 30 %. Affine maps of a representation that keep its
    directions of variance do not matter. Raises ValueError for other numbers of clips, or without any variance.
    """
    x, y = _pair(one, other)
    if len(x) != len(y):
        raise ValueError(f"representations are of {len(x)} and {len(y)} clips")
    mine, theirs = _directions(x, share), _directions(y, share)
    correlations = np.linalg.svd(mine.T @ theirs, compute_uv=False)
    return float(np.clip(correlations, 0, 1).mean())


def _pair(one: ArrayLike, other: ArrayLike) -> tuple[Floats, Floats]:
    x, y = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    if x.ndim != 2 or y.ndim != 2 or not len(x):
        raise ValueError(f"arrays have shapes {x.shape} and {y.shape}; (clips, values) of one clip or more is needed")
    return x, y


def _directions(x: Floats, share: float) -> Floats:
    """(clips, k) orthonormal: where the clips lie along the k directions that hold the share of the variance."""
    left, singular, _ = np.linalg.svd(x - x.mean(0), full_matrices=False)
    held = np.cumsum(singular**2)
    if held[-1] <= 0:
        raise ValueError("a representation is the same for all clips")
    return np.asarray(left[:, : int(np.searchsorted(held, share * held[-1])) + 1], dtype=np.float64)
