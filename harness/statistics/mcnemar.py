"""McNemar's test, for reference: it takes clips for independent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import bdtr


@dataclass(frozen=True)
class McNemar:
    """Clips that only one of two systems has right, and the exact two-sided p-value; clips taken as independent."""

    only_one: int
    only_other: int
    p_value: float


def mcnemar(right_one: ArrayLike, right_other: ArrayLike) -> McNemar:
    """McNemar's test of two systems on the same clips (clips,): for reference, clips of a place are not independent."""
    one, other = np.asarray(right_one, dtype=bool), np.asarray(right_other, dtype=bool)
    only_one, only_other = int((one & ~other).sum()), int((other & ~one).sum())
    differ = only_one + only_other
    p = 2 * float(bdtr(min(only_one, only_other), differ, 0.5)) if differ else 1.0
    return McNemar(only_one, only_other, min(1.0, p))
