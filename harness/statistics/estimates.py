"""Estimates and differences, with Student's t and the freedom that few seeds leave; pure functions of draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

CONFIDENCE = 0.95

Floats = NDArray[np.float64]
Drawn = NDArray[np.floating[Any]]
"""Scores on every draw, at 32 or 64 bit."""


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
        return freedom_of(total, self.variance, self.variance**2 / self.freedom, places)


def freedom_of(total: ArrayLike, of_seeds: Floats | float, below: Floats | float, places: int) -> Floats:
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


def student(value: float, deviation: float, freedom: Floats | float) -> Difference:
    """A difference whose error has this standard `deviation`, by Student's t of `freedom` degrees of freedom."""
    half = float(_t(freedom)) * deviation
    return Difference(value, value - half, value + half, float(p_value(value, deviation, freedom)))


def _t(freedom: Floats | float) -> Floats:
    """How many deviations Student's t interval reaches to either side."""
    return np.asarray(stdtrit(freedom, (1 + CONFIDENCE) / 2), dtype=np.float64)


def p_value(value: ArrayLike, deviation: ArrayLike, freedom: Floats | float) -> Floats:
    """Two-sided p-values of Student's t; 1 where nothing differs, 0 where every draw says the same difference."""
    size, spread = np.abs(np.asarray(value, dtype=np.float64)), np.asarray(deviation, dtype=np.float64)
    certain = spread < 1e-12
    t = size / np.where(certain, 1.0, spread)
    found: Floats = np.where(certain, np.where(size < 1e-12, 1.0, 0.0), 2 * stdtr(freedom, -t))
    return found
