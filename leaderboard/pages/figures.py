"""Fields of tables from figures: value, spread over seeds, interval, share of a limit."""

from __future__ import annotations

from collections.abc import Callable

from harness.statistics import Difference, Estimate
from leaderboard import display
from leaderboard.rows import Mean
from leaderboard.tables import NOTHING, Field

Write = Callable[[float], str]


def figure(
    mean: Mean | float | None,
    estimate: Estimate | None = None,
    *,
    write: Write = display.percent,
    href: str | None = None,
) -> Field:
    """A mean with its interval and its spread over seeds."""
    if mean is None:
        return NOTHING
    value, notes = mean.value if isinstance(mean, Mean) else mean, []
    more: dict[str, object] = {}
    if estimate is not None:
        notes.append(display.between(estimate.low, estimate.high, write))
        more |= {"low": estimate.low, "high": estimate.high}
    if isinstance(mean, Mean):
        spread = "" if mean.spread is None else f"± {write(mean.spread)}, "
        notes.append(f"{spread}n = {mean.seeds}")
        more |= {"spread": mean.spread, "seeds": mean.seeds}
    return Field(write(value), value, more, tuple(notes), href)


def difference(found: Difference, write: Write = display.percent) -> tuple[Field, Field]:
    """A difference with its interval, and its p-value; marked where the interval leaves out nothing."""
    sign = "+" if found.value > 0 else ""
    sure = found.low > 0 or found.high < 0
    notes = (display.between(found.low, found.high, write),)
    more = {"low": found.low, "high": found.high}
    one = Field(f"{sign}{write(found.value)}", found.value, more, notes, warn=sure)
    return one, Field(display.p_value(found.p_value), found.p_value)


def cost(value: int, limit: int | None, note: str = "", decisive: int | None = None) -> Field:
    """A count with its share of the limit; `decisive` is what the limit is held against, where it is another count."""
    notes, bar = [], None
    if limit:
        bar = (decisive or value) / limit
        notes.append(display.share(bar))
    if note:
        notes.append(note)
    return Field(display.count(value), value, {"of_limit": bar} if bar is not None else {}, tuple(notes), bar=bar)


def heat(value: float | None, low: float = 0.0, high: float = 1.0, write: Write = display.percent) -> Field:
    """A share with a shade by where it lies from `low` to `high`."""
    if value is None:
        return NOTHING
    step = int(max(0.0, min(9.0, 10 * (value - low) / (high - low)))) if high > low else 0
    return Field(write(value), value, shade=step)
