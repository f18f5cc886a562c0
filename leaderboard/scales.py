"""Axes and their scales: which values are shown, where they lie, and the round numbers that are written beside them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from leaderboard import svg_parts
from leaderboard.display import MINUS
from leaderboard.svg_parts import Point

HUGE = 1e99
"""A number beyond it, or on a log axis under its inverse, is left out like an infinite one."""


def plain(value: float) -> str:
    """A number for an axis: `0.25`, `1,200`, `30 k`, `7.5 M`."""
    for least, unit, sign in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if abs(value) >= least:
            return f"{value / unit:,.6g} {sign}".replace("-", MINUS)
    return f"{value + 0:,.6g}".replace("-", MINUS)


@dataclass(frozen=True)
class Axis:
    """What an axis shows. Where `low`, `high` or `ticks` are None they are chosen; no point ever falls outside.

    A value beyond `low` or `high` widens the axis. With `log`, values that are not above 0 are left out.
    """

    title: str
    ticks: Sequence[float] | None = None
    low: float | None = None
    high: float | None = None
    log: bool = False
    write: Callable[[float], str] = plain

    def shows(self, *values: float) -> bool:
        """Whether all values have a place on the axis."""
        least = 1 / HUGE if self.log else -HUGE
        return all(least < one < HUGE for one in values)


def ticks(low: float, high: float, *, log: bool = False) -> tuple[float, ...]:
    """At most eight values from the row 1, 2, 5 times powers of ten, from at most `low` to at least `high`.

    With `log` none is 0 or less, and where `high` is less than four times `low` the first may lie above `low`.
    """
    if log and high > 4 * low:
        return _decades(low, high)
    step = _step((high - low) / 5)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return tuple(round(count * step, digits) for count in range(first, last + 1) if count > 0 or not log)


def _step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next(one * power for one in (1, 2, 5, 10) if one * power >= least * (1 - 1e-9))


def _decades(low: float, high: float) -> tuple[float, ...]:
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    stride = math.ceil((last - first) / 7)
    powers = tuple(10.0**power for power in range(first, last + stride, stride))
    values = [one * power for power in powers for one in (1, 2, 5)]
    start = max((number for number, value in enumerate(values) if value <= low * (1 + 1e-9)), default=0)
    stop = next(number for number, value in enumerate(values) if value >= high * (1 - 1e-9))
    return tuple(values[start : stop + 1]) if stop - start < 8 and stride == 1 else powers


@dataclass(frozen=True)
class Scale:
    low: float
    high: float
    log: bool
    ticks: Sequence[float] = ()
    labels: Sequence[str] = ()

    def share(self, value: float) -> float:
        """Where a value lies between low (0) and high (1)."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def scale_of(axis: Axis, values: Sequence[float]) -> Scale:
    """The scale that covers the values, the given ends and the given ticks; without values, one without ticks."""
    if not values:
        return Scale(1, 10, axis.log)
    given = [one for one in (axis.low, axis.high, *(axis.ticks or ())) if one is not None and axis.shows(one)]
    low, high = _apart(axis, min(*values, values[0], *given), max(*values, values[0], *given))
    chosen = ticks(low, high, log=axis.log) if axis.ticks is None else axis.ticks
    if axis.ticks is None:
        low = low if low == axis.low else min(low, chosen[0])
        high = high if high == axis.high else max(high, chosen[-1])
    chosen = [one for one in chosen if axis.shows(one) and low <= one <= high]
    return Scale(low, high, axis.log, chosen, [svg_parts.shortened(axis.write(one), 80) for one in chosen])


def _apart(axis: Axis, low: float, high: float) -> Point:
    """The ends, apart from each other even where all values are equal; a given end stays where it is."""
    if high - low > max(1e-9 * max(abs(low), abs(high)), 1 / HUGE):
        return low, high
    by = abs(low) / (2 if axis.log else 10) if axis.log or abs(low) > 10 / HUGE else 1.0
    return (low if low == axis.low else low - by), (high if high == axis.high != axis.low else high + by)
