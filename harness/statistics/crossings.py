"""Where two curves over shares of the training data change places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.statistics.estimates import Difference


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
