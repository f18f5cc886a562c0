"""Charts: curves, points and intervals as SVG that stands in the page. The same numbers give the same bytes.

Lengths are units of the view box, `WIDTH` across; at 320 pixels of page the text of `SIZE` is 8 pixels high. Colours
come from `static/charts.css` alone. What tells series apart does not need them: shape, dashes and a label at the end.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from itertools import groupby, pairwise
from typing import Literal, TypeVar
from unicodedata import category, east_asian_width
from urllib.parse import urlsplit

import svg
from markupsafe import Markup

from harness.files import digest_of_value
from leaderboard.display import MINUS

WIDTH = 480
HEIGHT = 300
SIZE = 12
"""Height of all text; charts.css sets the same."""
FLOOR = 42
"""Room under a plot for the ticks and the title of its axis."""
ROW = 22
"""From one interval to the next."""
LEAD = 15
"""From one line of text to the next."""

CIRCLE = "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z"
SERIES: Sequence[tuple[str, tuple[int, ...]]] = (
    (CIRCLE, ()),
    ("m-3.5-3.5h7v7h-7z", (7, 3)),
    ("m0-4.5l4.5 8h-9z", (2, 2)),
    ("m0-5l5 5-5 5-5-5z", (9, 3, 2, 3)),
    ("m0 4.5l4.5-8h-9z", (4, 4)),
    ("m-4-4l8 8m0-8l-8 8", (12, 3, 2, 3, 2, 3)),
)
"""Shape of the markers, as a path from their middle, and dashes of the line; the number is the class `s1` … `s6`."""

HUGE = 1e99
"""A number beyond it, or on a log axis under its inverse, is left out like an infinite one."""
MOST_POINTS = 240
"""Of all lines of a chart together: more cannot be told apart, and would make the page heavy."""
MOST_MARKERS = 12

NAME = 150
"""Room for the name of a series or a point."""
MOST_ROWS = 4
"""Of names of limits over a plot."""
WIDTHS = {0.33: " !',.:;I|ijl", 0.43: "()*-/[]`frt{}", 1.05: "%@MWmwЖФШЩЫЮжмфшщыю…—"}
"""Width of characters as a share of their height, after DejaVu Sans, the widest of the usual fonts."""

FORBIDDEN = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]+")

Point = tuple[float, float]
Values = TypeVar("Values", bound=tuple[float, ...])
Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


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


@dataclass(frozen=True)
class Line:
    """A series: (x, y) in the order they are joined, and (x, low, high) of its band. NaN interrupts it."""

    name: str
    points: Sequence[Point]
    band: Sequence[tuple[float, float, float]] = ()


@dataclass(frozen=True)
class Mark:
    """A point of a scatter chart, and the ranges (low, high) its values are known to. `front`: nothing is better."""

    name: str
    x: float
    y: float
    href: str | None = None
    front: bool = False
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None


@dataclass(frozen=True)
class Bar:
    """A row of an interval chart: the value, and from where to where it is known."""

    name: str
    value: float
    low: float
    high: float
    href: str | None = None


def lines(series: Sequence[Line], x: Axis, y: Axis, *, title: str, description: str, diagonal: bool = False) -> Markup:
    """A chart of at most six series, each with markers, dashes and a label of its own; with `diagonal` also y = x.

    Of a line with more points than can be told apart, each stretch keeps its lowest and its highest. `ValueError` for
    more series, or for a diagonal between a log and a linear axis.
    """
    if len(series) > len(SERIES):
        raise ValueError(
            f"{len(series)} series in one chart: at most {len(SERIES)} can be told apart. Split the chart."
        )
    if diagonal and x.log != y.log:
        raise ValueError("A diagonal needs two axes of one kind. Make both log, or neither.")
    runs = [_runs(line.points, x, y) for line in series]
    bands = [_runs(line.band, x, y) for line in series]
    known: list[tuple[float, ...]] = [values for parts in runs for run in parts for values in run]
    known += [values for parts in bands for run in parts for values in run]
    labels = [
        _shortened(line.name, NAME) if parts else f"{_shortened(line.name, NAME - 56)}: no data"
        for line, parts in zip(series, runs, strict=True)
    ]
    scales = _scale(x, [values[0] for values in known]), _scale(y, [one for values in known for one in values[1:]])
    plot = _plot(*scales, room=30 + max(map(_width, labels), default=0))
    if not known:
        return _chart(HEIGHT, [*_frame(plot, x, y), _no_data(plot)], title, description)
    most = MOST_POINTS // (len(series) * (2 if any(bands) else 1))
    body = [*_frame(plot, x, y), *(_band(plot, band, number, most / 2) for number, band in enumerate(bands) if band)]
    body += _diagonal(plot) if diagonal else []
    ends = [_place(plot, parts[-1][-1]) if parts else None for parts in runs]
    heights = _spread([end[1] if end else plot.bottom for end in ends], plot.top, plot.bottom)
    for number, line in enumerate(series):
        drawn = [_title(line.name), *_line(plot, runs[number], number, most)]
        drawn += _end(plot, ends[number], heights[number], labels[number], number)
        body.append(svg.G(class_=["series", f"s{number + 1}"], elements=drawn))
    return _chart(HEIGHT, body, title, description)


def scatter(
    marks: Sequence[Mark], x: Axis, y: Axis, *, title: str, description: str, limits: Sequence[tuple[str, float]] = ()
) -> Markup:
    """A chart of points: those of the front filled, joined by steps and named, the others hollow.

    The steps suit an x of which less is better: a y holds until the next point of the front. `limits` are names and
    places of vertical lines. A name that finds no free place is left out; every point tells it as its title.
    """
    shown = sorted((mark for mark in marks if x.shows(mark.x) and y.shows(mark.y)), key=lambda mark: mark.front)
    across = [(mark.x, *_known(mark.x_range, x)) for mark in shown]
    up = [(mark.y, *_known(mark.y_range, y)) for mark in shown]
    drawn = sorted(((name, at) for name, at in limits if shown and x.shows(at)), key=lambda limit: limit[1])
    scales = _scale(x, [*_flat(across), *(at for _, at in drawn)]), _scale(y, _flat(up))
    rows = _rows(_plot(*scales), drawn)
    plot = _plot(*scales, above=5 + LEAD * (1 + min(max(rows), MOST_ROWS - 1)) if rows else 0)
    body = _frame(plot, x, y)
    if not shown:
        return _chart(HEIGHT, [*body, _no_data(plot)], title, description)
    for (name, at), row in zip(drawn, rows, strict=True):
        body += _limit(plot, f"{name}: {x.write(at)}", name, plot.across(at), row)
    points = [_place(plot, (mark.x, mark.y)) for mark in shown]
    whiskers = "".join(_whiskers(plot, *ranges) for ranges in zip(across, up, strict=True))
    body += [_path("whisker", whiskers)] if whiskers else []
    steps = _steps(sorted(point for point, mark in zip(points, shown, strict=True) if mark.front))
    body += [_path("steps", _joined(steps))] if steps else []
    body += [_dot(mark, point, x, y) for mark, point in zip(shown, points, strict=True)]
    strokes = [(*start, *end) for start, end in pairwise(steps)]
    strokes += [(plot.across(at), plot.top, plot.across(at), plot.bottom) for _, at in drawn]
    body.append(svg.G(class_=["name"], elements=_names(plot, shown, points, strokes)))
    return _chart(HEIGHT, body, title, description)


def intervals(bars: Sequence[Bar], x: Axis, *, title: str, description: str) -> Markup:
    """A chart with a row for each bar, in their order: a dot at the value, a whisker from low to high."""
    shown = [bar for bar in bars if x.shows(bar.value)]
    scale = _scale(x, _flat([(bar.value, *_known((bar.low, bar.high), x)) for bar in shown]))
    names = [_shortened(bar.name, 170) for bar in bars]
    left = max(30, 14 + max(map(_width, names), default=0))
    plot = _Plot(scale, scale, left, 8, _right(scale), 8 + ROW * max(len(bars), 3))
    grid = "".join(f"M{_n(plot.across(at))} {plot.top}V{_n(plot.bottom)}" for at in scale.ticks)
    body = [_path("grid", grid), *_bottom(plot, x)]
    if not shown:
        return _chart(plot.bottom + FLOOR, [*body, _no_data(plot)], title, description)
    height = (plot.bottom - plot.top) / len(bars)
    body += [
        _row(plot, bar, name, 8 + height * (at + 0.5), x)
        for at, (bar, name) in enumerate(zip(bars, names, strict=True))
    ]
    return _chart(plot.bottom + FLOOR, body, title, description)


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
class _Scale:
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


def _scale(axis: Axis, values: Sequence[float]) -> _Scale:
    """The scale that covers the values, the given ends and the given ticks; without values, one without ticks."""
    if not values:
        return _Scale(1, 10, axis.log)
    given = [one for one in (axis.low, axis.high, *(axis.ticks or ())) if one is not None and axis.shows(one)]
    low, high = _apart(axis, min(*values, values[0], *given), max(*values, values[0], *given))
    chosen = ticks(low, high, log=axis.log) if axis.ticks is None else axis.ticks
    if axis.ticks is None:
        low = low if low == axis.low else min(low, chosen[0])
        high = high if high == axis.high else max(high, chosen[-1])
    chosen = [one for one in chosen if axis.shows(one) and low <= one <= high]
    return _Scale(low, high, axis.log, chosen, [_shortened(axis.write(one), 80) for one in chosen])


def _apart(axis: Axis, low: float, high: float) -> Point:
    """The ends, apart from each other even where all values are equal; a given end stays where it is."""
    if high - low > max(1e-9 * max(abs(low), abs(high)), 1 / HUGE):
        return low, high
    by = abs(low) / (2 if axis.log else 10) if axis.log or abs(low) > 10 / HUGE else 1.0
    return (low if low == axis.low else low - by), (high if high == axis.high != axis.low else high + by)


@dataclass(frozen=True)
class _Plot:
    """Where values lie in the view box, whose y grows downwards."""

    x: _Scale
    y: _Scale
    left: float
    top: float
    right: float
    bottom: float

    def across(self, value: float) -> float:
        return self.left + self.x.share(value) * (self.right - self.left)

    def up(self, value: float) -> float:
        return self.bottom - self.y.share(value) * (self.bottom - self.top)


def _plot(x: _Scale, y: _Scale, *, room: float = 0, above: float = 0) -> _Plot:
    """A plot with room for the labels of y on its left, `room` on its right and `above` over it."""
    left = 14 + max(map(_width, y.labels), default=0)
    return _Plot(x, y, left, 28 + above, min(_right(x), WIDTH - room), HEIGHT - FLOOR)


def _right(x: _Scale) -> float:
    return WIDTH - 4 - max(8, _width(x.labels[-1]) / 2 if x.labels else 0)


def _place(plot: _Plot, point: Point) -> Point:
    return plot.across(point[0]), plot.up(point[1])


def _frame(plot: _Plot, x: Axis, y: Axis) -> list[svg.Element]:
    """The grid, both axes, their ticks and titles."""
    heights = [plot.up(at) for at in plot.y.ticks]
    grid = "".join(f"M{_n(plot.left)} {_n(height)}H{_n(plot.right)}" for height in heights)
    kept = _kept([(height, 14, label) for height, label in zip(heights, plot.y.labels, strict=True)])
    marked = [_written(label, plot.left - 7, height + 4) for height, label in kept]
    return [
        *([_path("grid", grid)] if grid else []),
        *_bottom(plot, x),
        svg.G(class_=["ticks"], extra={"text-anchor": "end"}, elements=marked),
        _written(_shortened(y.title, WIDTH - 8), 4, 14),
    ]


def _bottom(plot: _Plot, x: Axis) -> list[svg.Element]:
    """The axis under a plot, with its ticks and its title."""
    places = [plot.across(at) for at in plot.x.ticks]
    kept = _kept([(at, _width(label) + 6, label) for at, label in zip(places, plot.x.labels, strict=True)])
    marked = [_written(label, at, plot.bottom + 18) for at, label in kept]
    marked.append(_written(_shortened(x.title, WIDTH - 60), (plot.left + plot.right) / 2, plot.bottom + FLOOR - 7))
    small = "".join(f"M{_n(at)} {_n(plot.bottom)}v5" for at in places)
    return [
        _path("axis", f"M{_n(plot.left)} {_n(plot.bottom)}H{_n(plot.right)}{small}"),
        svg.G(class_=["ticks"], extra={"text-anchor": "middle"}, elements=marked),
    ]


def _kept(labels: Sequence[tuple[float, float, str]]) -> Iterator[tuple[float, str]]:
    """Of labels by their middle and extent, in order: those that keep clear of the last one kept."""
    end = -math.inf
    for middle, extent, label in sorted(labels):
        if middle - extent / 2 >= end:
            yield middle, label
            end = middle + extent / 2


def _no_data(plot: _Plot) -> svg.Element:
    at = (plot.left + plot.right) / 2
    return _written("no data", at, (plot.top + plot.bottom) / 2, "middle")


def _runs(values: Sequence[Values], x: Axis, y: Axis) -> list[list[Values]]:
    """The values without those that cannot be shown, parted where one was."""
    parts = groupby(values, lambda one: x.shows(one[0]) and y.shows(*one[1:]))
    return [list(part) for whole, part in parts if whole]


def _stretches(run: Sequence[Values], share: float) -> list[Sequence[Values]]:
    """A run cut into parts of equal length, so many that two of each make `share` of it."""
    size = max(1, math.ceil(2 / share))
    return [run[at : at + size] for at in range(0, len(run), size)]


def _line(plot: _Plot, runs: Sequence[Sequence[Point]], number: int, most: int) -> Iterator[svg.Element]:
    shape, dashes = SERIES[number]
    share = most / sum(map(len, runs)) if runs else 1
    places = [[_place(plot, point) for point in _thinned(run, share)] for run in runs]
    joined = "".join(_joined(run) for run in places if len(run) > 1)
    if joined:
        yield _path("line", joined, dashes)
    whole = [point for run in places for point in run]
    every = 1 if len(whole) <= MOST_MARKERS else math.ceil(len(whole) / 5)
    marked = {*whole[::every], *whole[-1:], *(run[0] for run in places if len(run) == 1)}
    if marked:
        yield _path("marker", "".join(_marker(point, shape) for point in sorted(marked)))


def _thinned(run: Sequence[Point], share: float) -> list[Point]:
    """A run of which each stretch keeps its lowest and highest point, and the first and last of all."""
    if share >= 1:
        return list(run)
    kept = {0, len(run) - 1}
    start = 0
    for part in _stretches(run, share):
        order = sorted(range(len(part)), key=lambda at: part[at][1])
        kept |= {start + order[0], start + order[-1]}
        start += len(part)
    return [run[at] for at in sorted(kept)]


def _band(plot: _Plot, runs: Sequence[Sequence[tuple[float, float, float]]], number: int, most: float) -> svg.Element:
    """The area between low and high; of many values each stretch keeps its lowest low and its highest high."""
    share = most / sum(map(len, runs))
    area = ""
    for run in runs:
        parts = [[one] for one in run] if share >= 1 else _stretches(run, share)
        ends = [(at, part) for part in parts for at in dict.fromkeys((part[0][0], part[-1][0]))]
        upper = [_place(plot, (at, max(high for *_, high in part))) for at, part in ends]
        lower = [_place(plot, (at, min(low for _, low, _ in part))) for at, part in reversed(ends)]
        area += f"{_joined([*upper, *lower])}z"
    return svg.G(class_=["series", f"s{number + 1}"], elements=[_path("band", area, SERIES[number][1])])


def _diagonal(plot: _Plot) -> list[svg.Element]:
    low, high = max(plot.x.low, plot.y.low), min(plot.x.high, plot.y.high)
    if low >= high:
        return []
    return [_path("diagonal", _joined([_place(plot, (low, low)), _place(plot, (high, high))]), title="y = x")]


def _end(plot: _Plot, end: Point | None, height: float, label: str, number: int) -> Iterator[svg.Element]:
    """The label of a series right of the plot, with its marker, and a thin line from the last point."""
    at = plot.right + 15
    if end:
        yield _path("lead", _joined([end, (at - 6, height)]))
    yield _path("marker", _marker((at, height), SERIES[number][0]))
    yield _written(label, at + 8, height + 4)


def _spread(wanted: Sequence[float], low: float, high: float) -> list[float]:
    """Heights near the wanted ones, in their order, a line of text apart and between low and high."""
    order = sorted(range(len(wanted)), key=lambda at: wanted[at])
    placed = list(wanted)
    least = low
    for at in order:
        placed[at] = max(placed[at], least)
        least = placed[at] + LEAD
    most = high
    for at in reversed(order):
        placed[at] = min(placed[at], most)
        most = placed[at] - LEAD
    return placed


def _flat(values: Sequence[Sequence[float]]) -> list[float]:
    return [one for part in values for one in part]


def _known(ends: Sequence[float] | None, axis: Axis) -> Sequence[float]:
    """Both ends of a range, or none where one cannot be shown."""
    return ends if ends and axis.shows(*ends) else ()


def _whiskers(plot: _Plot, across: Sequence[float], up: Sequence[float]) -> str:
    """A stroke along each known range, through the point; the first of the values is the point's own."""
    (x, y), drawn = _place(plot, (across[0], up[0])), ""
    if len(across) > 1:
        drawn += f"M{_n(plot.across(across[1]))} {_n(y)}H{_n(plot.across(across[2]))}"
    if len(up) > 1:
        drawn += f"M{_n(x)} {_n(plot.up(up[1]))}V{_n(plot.up(up[2]))}"
    return drawn


def _steps(front: Sequence[Point]) -> list[Point]:
    """The corners of steps through points, from left to right: first across, then up or down."""
    corners = [corner for (_, y), (x, after) in pairwise(front) for corner in ((x, y), (x, after))]
    return [*front[:1], *corners] if corners else []


def _dot(mark: Mark, point: Point, x: Axis, y: Axis) -> svg.Element:
    told = _title(mark.name, f": {x.write(mark.x)}, {y.write(mark.y)}")
    dot = _circle("front", point, 5, [told]) if mark.front else _circle("mark", point, 4, [told])
    return _linked(mark.href, [dot])


def _names(plot: _Plot, marks: Sequence[Mark], points: Sequence[Point], strokes: Sequence[Box]) -> list[svg.Element]:
    """The names of the front, each where it covers no point and no name, and if possible no stroke."""
    taken = [(x - 6, y - 6, x + 6, y + 6) for x, y in points]
    thin = [(min(a, c) - 1, min(b, d) - 1, max(a, c) + 1, max(b, d) + 1) for a, b, c, d in strokes]
    front = [(point, _shortened(mark.name, NAME)) for point, mark in zip(points, marks, strict=True) if mark.front]
    named: list[svg.Element] = []
    for (x, y), name in sorted(front):
        places = [place for place in _around(x, y, _width(name)) if _within(place, plot) and _free(place, taken)]
        if places:
            place = next((one for one in places if _free(one, thin)), places[0])
            taken.append(place)
            named.append(_written(name, place[0], place[3] - 4))
    return named


def _around(x: float, y: float, width: float) -> Iterator[Box]:
    """Places for a name beside a point, the best first: those that steps up to the right leave free."""
    left, right, middle = x - 7 - width, x + 7, x - width / 2
    for start, base in ((left, y - 4), (right, y + 13), (middle, y - 10), (left, y + 4), (right, y + 4)):
        yield start, base - 10, start + width, base + 4
    yield right, y - 14, right + width, y
    yield middle, y + 9, middle + width, y + 23


def _within(box: Box, plot: _Plot) -> bool:
    return box[0] >= plot.left + 2 and box[1] >= plot.top and box[2] <= WIDTH - 2 and box[3] <= plot.bottom - 1


def _free(box: Box, others: Sequence[Box]) -> bool:
    left, top, right, bottom = box
    return not any(left < c and a < right and top < d and b < bottom for a, b, c, d in others)


def _rows(plot: _Plot, limits: Sequence[tuple[str, float]]) -> list[int]:
    """In which row over the plot each name of a limit stands, left of its line: over all lines that it crosses."""
    rows: list[int] = []
    places = [plot.across(at) for _, at in limits]
    for number, (name, _) in enumerate(limits):
        start = places[number] - 8 - _width(_limit_name(name, places[number]))
        rows.append(1 + max((row for row, at in zip(rows, places[:number], strict=True) if at >= start), default=-1))
    return rows


def _limit_name(name: str, at: float) -> str:
    return _shortened(name, min(180, at - 8))


def _limit(plot: _Plot, told: str, name: str, at: float, row: int) -> Iterator[svg.Element]:
    """The line of a limit with its name on top; a name that would stand too high is left out."""
    base = plot.top - 8 - LEAD * row if row < MOST_ROWS else plot.top
    yield _path("limit", f"M{_n(at)} {_n(plot.bottom)}V{_n(base - 9 if row < MOST_ROWS else base)}", title=told)
    if row < MOST_ROWS:
        yield _written(_limit_name(name, at), at - 4, base, "end")


def _row(plot: _Plot, bar: Bar, name: str, height: float, x: Axis) -> svg.Element:
    drawn = [_written(name, plot.left - 8, height + 4, "end")]
    if not x.shows(bar.value):
        drawn.append(_written("no data", plot.left + 6, height + 4))
        return _linked(bar.href, [_title(bar.name), *drawn])
    told = x.write(bar.value)
    if ends := _known((bar.low, bar.high), x):
        told += f" ({x.write(bar.low)} to {x.write(bar.high)})"
        low, high = (_n(plot.across(end)) for end in ends)
        y = _n(height - 4)
        drawn.append(_path("whisker", f"M{low} {y}v8m0-4H{high}m0-4v8"))
    drawn.append(_circle("front", (plot.across(bar.value), height), 4))
    return _linked(bar.href, [_title(bar.name, f": {told}"), *drawn])


def _linked(href: str | None, elements: list[svg.Element]) -> svg.Element:
    if href is None:
        return elements[0] if len(elements) == 1 else svg.G(elements=elements)
    if urlsplit(href).scheme not in ("", "http", "https"):
        raise ValueError(f"{href!r} is no address that a page may link to. Give a path, or an address with https.")
    return svg.A(href=_escaped(href), elements=elements)


@dataclass
class _Text(svg.Element):
    """The few attributes that are used here: svg.py's own elements have up to 68, and take five times as long."""

    element_name = "text"
    x: float | None = None
    y: float | None = None
    text_anchor: Literal["middle", "end"] | None = None


@dataclass
class _Circle(svg.Element):
    element_name = "circle"
    class_: str | None = None
    cx: float | None = None
    cy: float | None = None
    r: float | None = None


@dataclass
class _Path(svg.Element):
    element_name = "path"
    class_: str | None = None
    stroke_dasharray: Sequence[int] | None = None
    d: str | None = None


def _path(kind: str, commands: str, dashes: Sequence[int] = (), title: str | None = None) -> svg.Element:
    told = [_title(title)] if title else None
    return _Path(class_=kind, stroke_dasharray=dashes or None, d=commands, elements=told)


def _circle(kind: str, point: Point, radius: float, elements: list[svg.Element] | None = None) -> svg.Element:
    return _Circle(class_=kind, cx=_number(point[0]), cy=_number(point[1]), r=radius, elements=elements)


def _joined(points: Sequence[Point]) -> str:
    return "M" + " ".join(f"{_n(x)} {_n(y)}" for x, y in points)


def _marker(point: Point, shape: str) -> str:
    return f"M{_n(point[0])} {_n(point[1])}{shape}"


def _number(value: float) -> float:
    """A length to two decimals, whole where it is whole."""
    rounded = round(value, 2)
    return int(rounded) if rounded == int(rounded) else rounded


def _n(value: float) -> str:
    return f"{round(value, 2) + 0:g}"


def _written(text: str, x: float, y: float, anchor: Literal["middle", "end"] | None = None) -> svg.Element:
    return _Text(text=_escaped(text), x=_number(x), y=_number(y), text_anchor=anchor)


def _title(name: str, more: str = "") -> svg.Element:
    """What is told of an element where it cannot be written out."""
    name = _clean(name)
    return svg.Title(text=_escaped((name if len(name) <= 80 else f"{name[:79]}…") + more))


def _escaped(text: str) -> str:
    return escape(_clean(text))


def _clean(text: str) -> str:
    """One line of characters that XML can hold, none of which turns the direction of writing."""
    return FORBIDDEN.sub(" ", text).strip()


def _shortened(text: str, room: float) -> str:
    """A text that is no wider than the room, with an ellipsis where it was cut."""
    text = _clean(text)
    if _width(text) <= room:
        return text
    kept, room = "", room - _width("…")
    for sign in text:
        room -= _width(sign)
        if room < 0:
            break
        kept += sign
    return f"{kept.rstrip()}…"


def _width(text: str) -> float:
    """How wide a text is at most in the usual fonts without serifs."""
    return SIZE * sum(map(_width_of, text))


@lru_cache(maxsize=4096)
def _width_of(sign: str) -> float:
    """The width of a character as a share of its height; for writing of which little is known, a wide one."""
    for width, signs in WIDTHS.items():
        if sign in signs:
            return width
    kind = category(sign)
    if kind in ("Mn", "Me", "Cf"):
        return 0
    if ord(sign) > 0x52F:
        return 1.3 if east_asian_width(sign) in "WF" else 1.05
    return 0.75 if kind == "Lu" else 0.63


def _chart(height: float, body: Sequence[svg.Element], title: str, description: str) -> Markup:
    """The whole picture; its ids come from what it shows, so that several stand on one page."""
    drawn = "".join(map(str, body))
    title, description = _escaped(title), _escaped(description)
    key = digest_of_value([title, description, drawn])[:12]
    told = f"{svg.Title(id=f't-{key}', text=title)}{svg.Desc(id=f'd-{key}', text=description)}"
    picture = svg.SVG(
        xmlns=None,
        class_=["chart"],
        viewBox=svg.ViewBoxSpec(0, 0, WIDTH, _number(height)),
        text=told + drawn,
        extra={"role": "group" if "<a " in drawn else "img", "aria-labelledby": f"t-{key} d-{key}"},
    )
    return Markup(str(picture))  # noqa: S704 - every text and address in it went through _escaped
