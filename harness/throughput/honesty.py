"""Whether what was timed is what was scored, and whether its speed can be true."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax

from harness.outcomes import Mistake
from harness.throughput.sitting import Round

WITHIN = {True: 2e-3, False: 5e-2}
"""How far log-probabilities may lie apart in batches of another size: 32-bit arithmetic on a processor, all other."""

LEAST = -20.0
"""Log-probabilities below this are as good as never."""

FOREKNOWN = 0.5
"""Test clips that take less than this share of the time of fresh ones were known."""

FEWEST = 5
"""Rounds of either kind below which nothing is said of that."""

MOST_CLEVER = 4.0
"""How far algorithms may beat the count of products: Winograd's convolutions need a quarter of them."""


def require_same(timed: ArrayLike, scored: ArrayLike, what: str, *, exact: bool) -> None:
    """Raises `Mistake` where logits (clips, classes) that were timed are not those of the scored path.

    `exact`: where all that differs is the rounding of 32-bit arithmetic on a processor.
    """
    one, other = np.asarray(timed, dtype=np.float64), np.asarray(scored, dtype=np.float64)
    with np.errstate(all="ignore"):  # what is no number differs from every number
        apart = max(float(np.abs(form(one) - form(other)).max(initial=0.0)) for form in (_exclusive, _independent))
    if not apart <= WITHIN[exact]:
        problem = f"While it was timed it gave other logits for {what}: log-probabilities differ by up to {apart:.3g}."
        raise Mistake("speed.answers", problem, "Predict in one way, whoever asks.")


def _exclusive(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.maximum(log_softmax(logits, axis=1), LEAST)
    return found


def _independent(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.maximum(-np.logaddexp(0.0, -logits), LEAST)
    return found


def require_unforeseen(rounds: Sequence[Round]) -> None:
    """Raises `Mistake` where test clips are answered so much faster than fresh ones that their answers were kept."""
    known, fresh = ([one.seconds for one in rounds if one.known is kind] for kind in (True, False))
    if min(len(known), len(fresh)) >= FEWEST and median(known) < FOREKNOWN * median(fresh):
        problem = f"It answers clips of the test list {median(fresh) / median(known):.1f} times as fast as others."
        raise Mistake("speed.known", problem, "Keep no answers.")


def require_possible(macs: int, clips_per_second: float, peak: float | None) -> None:
    """Raises `Mistake` where a system does more multiply-accumulates a second than this machine can.

    `peak` is what the fastest product of matrices reaches.
    """
    if peak is not None and macs * clips_per_second > MOST_CLEVER * peak:
        problem = (
            f"{clips_per_second:,.0f} clips a second of {macs:,} multiply-accumulates are "
            f"{macs * clips_per_second / peak:.1f} times what this machine's fastest product of matrices does."
        )
        raise Mistake("speed.impossible", problem, "Compute what was counted.")
