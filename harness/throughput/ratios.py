"""What many measured seconds come to: percentiles, the ratio to the baseline, and whether it has changed.

A sitting is the unit: processes that have been started anew differ by more than rounds of one do (where memory lies,
on which core a thread runs). So the interval of a ratio is Student's t over the logarithms of the sittings' own
ratios, and each of those is between turns that follow one another: what slows both down cancels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, median, stdev
from typing import Literal

import numpy as np
from scipy.special import stdtr, stdtrit

from harness.throughput.speed import Ratio

CONFIDENCE = 0.95

Turns = Sequence[Sequence[float]]
"""Seconds of the rounds of each turn."""


def percentile(seconds: Sequence[float], share: float) -> float:
    """The least of the measured seconds that `share` per cent of them do not exceed: one that was measured."""
    return float(np.percentile(np.asarray(seconds), share, method="inverted_cdf"))


def log_ratio(baseline: Turns, system: Turns) -> float:
    """How many times as fast the system is as the baseline, in one sitting, as a logarithm; turn beside turn."""
    return fmean(math.log(median(one) / median(other)) for one, other in zip(baseline, system, strict=True))


def ratio(logs: Sequence[float]) -> Ratio:
    """The ratio with its 95 % interval from the logarithms of its sittings; without an interval for one sitting."""
    middle = fmean(logs)
    if len(logs) < 2:
        return Ratio(value=math.exp(middle), low=None, high=None)
    half = float(stdtrit(len(logs) - 1, (1 + CONFIDENCE) / 2)) * stdev(logs) / math.sqrt(len(logs))
    return Ratio(value=math.exp(middle), low=math.exp(middle - half), high=math.exp(middle + half))


Verdict = Literal["faster", "slower", "no difference"]


def changed(before: Sequence[float], now: Sequence[float]) -> tuple[Ratio, Verdict]:
    """How many times as fast as before, by the ratios to the baseline of both, and whether that is more than chance.

    Welch's t-test on the logarithms of the sittings' ratios; two sittings or more on both sides.
    """
    parts = [stdev(one) ** 2 / len(one) for one in (before, now)]
    difference, error = fmean(now) - fmean(before), math.sqrt(sum(parts))
    if error == 0.0:
        verdict: Verdict = "no difference" if difference == 0 else ("faster" if difference > 0 else "slower")
        return Ratio(value=math.exp(difference), low=math.exp(difference), high=math.exp(difference)), verdict
    freedom = sum(parts) ** 2 / sum(part**2 / (len(one) - 1) for part, one in zip(parts, (before, now), strict=True))
    half = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error
    certain = 2 * float(stdtr(freedom, -abs(difference) / error)) < 1 - CONFIDENCE
    words: Verdict = "no difference" if not certain else ("faster" if difference > 0 else "slower")
    ends = [math.exp(difference + sign * half) for sign in (-1, 1)]
    return Ratio(value=math.exp(difference), low=ends[0], high=ends[1]), words
