"""Fields of tables from figures: value, spread over seeds, interval, share of a limit."""

from __future__ import annotations

from collections.abc import Callable

from harness.statistics.estimates import Difference, Estimate
from harness.throughput.speed import Ratio
from leaderboard import display, speeds
from leaderboard.rows import Mean, Row
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


def speed(row: Row, hardware: str, href: str) -> list[Field]:
    """How many times as fast as the baseline, and clips a second, on `hardware`; where else it was timed, in words."""
    found = speeds.on(row, hardware)
    figures = speeds.shown(found)
    if found is not None and found.reason is not None:
        return [
            Field("refused", more={"rule": found.reason.rule}, notes=(f"rule {found.reason.rule}",), warn=True),
            NOTHING,
        ]
    if figures is None:
        elsewhere = tuple(f"on {one.hardware}" for one in row.speeds)
        return [Field("timed elsewhere", notes=elsewhere, href=href) if elsewhere else NOTHING, NOTHING]
    times = ratio(figures.ratio, href)
    alone = (f"one alone: {display.seconds(found.one.p50)}",) if found is not None and found.one else ()
    notes = (f"batch {figures.batch}", *alone, f"on {hardware}")
    more = {"batch": figures.batch, "p50": figures.p50, "hardware": hardware}
    return [times, Field(display.rate(figures.clips_per_second), figures.clips_per_second, more, notes)]


def ratio(found: Ratio | None, href: str | None = None) -> Field:
    """Times the baseline, with the interval."""
    if found is None:
        return NOTHING
    sure = found.low is not None and found.high is not None
    notes = (display.between(found.low or 0.0, found.high or 0.0, display.times),) if sure else ("one sitting",)
    return Field(display.times(found.value), found.value, {"low": found.low, "high": found.high}, notes, href)
