"""Charts: curves, points and intervals as SVG that stands in the page. The same numbers give the same bytes.

Lengths are units of the view box, `WIDTH` across; at 320 pixels of page the text of `SIZE` is 8 pixels high. Colours
come from `static/charts.css` alone. What tells series apart does not need them: shape, dashes and a label at the end.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TypeVar

import svg
from markupsafe import Markup

from harness.files import digest_of_value
from leaderboard import svg_parts
from leaderboard.scales import Axis, Scale, scale_of
from leaderboard.svg_parts import Point, short

WIDTH = 480
HEIGHT = 300
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

MOST_POINTS = 240
"""Of all lines of a chart together: more cannot be told apart, and would make the page heavy."""
MOST_MARKERS = 12

NAME = 150
"""Room for the name of a series or a point."""
ROW_NAME = 170
"""Room for the name of a row, where nothing else is said."""
MOST_ROWS = 4
"""Of names of limits over a plot."""
Values = TypeVar("Values", bound=tuple[float, ...])
Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


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
        svg_parts.shortened(line.name, NAME) if parts else f"{svg_parts.shortened(line.name, NAME - 56)}: no data"
        for line, parts in zip(series, runs, strict=True)
    ]
    scales = scale_of(x, [values[0] for values in known]), scale_of(y, [one for values in known for one in values[1:]])
    plot = _plot(*scales, room=30 + max(map(svg_parts.width, labels), default=0))
    if not known:
        return _chart(HEIGHT, [*_frame(plot, x, y), _no_data(plot)], title, description)
    most = MOST_POINTS // (len(series) * (2 if any(bands) else 1))
    body = [*_frame(plot, x, y), *(_band(plot, band, number, most / 2) for number, band in enumerate(bands) if band)]
    body += _diagonal(plot) if diagonal else []
    ends = [_place(plot, parts[-1][-1]) if parts else None for parts in runs]
    heights = _spread([end[1] if end else plot.bottom for end in ends], plot.top, plot.bottom)
    for number, line in enumerate(series):
        drawn = [svg_parts.titled(line.name), *_line(plot, runs[number], number, most)]
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
    scales = scale_of(x, [*_flat(across), *(at for _, at in drawn)]), scale_of(y, _flat(up))
    rows = _rows(_plot(*scales), drawn)
    plot = _plot(*scales, above=5 + LEAD * (1 + min(max(rows), MOST_ROWS - 1)) if rows else 0)
    body = _frame(plot, x, y)
    if not shown:
        return _chart(HEIGHT, [*body, _no_data(plot)], title, description)
    for (name, at), row in zip(drawn, rows, strict=True):
        body += _limit(plot, f"{name}: {x.write(at)}", name, plot.across(at), row)
    points = [_place(plot, (mark.x, mark.y)) for mark in shown]
    whiskers = "".join(_whiskers(plot, *ranges) for ranges in zip(across, up, strict=True))
    body += [svg_parts.path("whisker", whiskers)] if whiskers else []
    steps = _steps(sorted(point for point, mark in zip(points, shown, strict=True) if mark.front))
    body += [svg_parts.path("steps", svg_parts.joined(steps))] if steps else []
    body += [_dot(mark, point, x, y) for mark, point in zip(shown, points, strict=True)]
    strokes = [(*start, *end) for start, end in pairwise(steps)]
    strokes += [(plot.across(at), plot.top, plot.across(at), plot.bottom) for _, at in drawn]
    body.append(svg.G(class_=["name"], elements=_names(plot, shown, points, strokes)))
    return _chart(HEIGHT, body, title, description)


def intervals(
    bars: Sequence[Bar], x: Axis, *, title: str, description: str, against: float | None = None, room: float = ROW_NAME
) -> Markup:
    """A chart with a row for each bar, in their order: a dot at the value, a whisker from low to high.

    `against` is a value that all are held against: a line from top to bottom. Names get up to `room` of the width.
    """
    shown = [bar for bar in bars if x.shows(bar.value)]
    ends = [() if against is None else (against,), *((bar.value, *_known((bar.low, bar.high), x)) for bar in shown)]
    scale = scale_of(x, _flat(ends))
    names = [svg_parts.shortened(bar.name, room) for bar in bars]
    left = max(30, 14 + max(map(svg_parts.width, names), default=0))
    plot = _Plot(scale, scale, left, 8, _right(scale), 8 + ROW * max(len(bars), 3))
    grid = "".join(f"M{short(plot.across(at))} {plot.top}V{short(plot.bottom)}" for at in scale.ticks)
    body = [svg_parts.path("grid", grid), *_bottom(plot, x)]
    if not shown:
        return _chart(plot.bottom + FLOOR, [*body, _no_data(plot)], title, description)
    if against is not None:
        body.append(svg_parts.path("axis", f"M{short(plot.across(against))} {plot.top}V{short(plot.bottom)}"))
    height = (plot.bottom - plot.top) / len(bars)
    body += [
        _row(plot, bar, name, 8 + height * (at + 0.5), x)
        for at, (bar, name) in enumerate(zip(bars, names, strict=True))
    ]
    return _chart(plot.bottom + FLOOR, body, title, description)


@dataclass(frozen=True)
class _Plot:
    """Where values lie in the view box, whose y grows downwards."""

    x: Scale
    y: Scale
    left: float
    top: float
    right: float
    bottom: float

    def across(self, value: float) -> float:
        return self.left + self.x.share(value) * (self.right - self.left)

    def up(self, value: float) -> float:
        return self.bottom - self.y.share(value) * (self.bottom - self.top)


def _plot(x: Scale, y: Scale, *, room: float = 0, above: float = 0) -> _Plot:
    """A plot with room for the labels of y on its left, `room` on its right and `above` over it."""
    left = 14 + max(map(svg_parts.width, y.labels), default=0)
    return _Plot(x, y, left, 28 + above, min(_right(x), WIDTH - room), HEIGHT - FLOOR)


def _right(x: Scale) -> float:
    return WIDTH - 4 - max(8, svg_parts.width(x.labels[-1]) / 2 if x.labels else 0)


def _place(plot: _Plot, point: Point) -> Point:
    return plot.across(point[0]), plot.up(point[1])


def _frame(plot: _Plot, x: Axis, y: Axis) -> list[svg.Element]:
    """The grid, both axes, their ticks and titles."""
    heights = [plot.up(at) for at in plot.y.ticks]
    grid = "".join(f"M{short(plot.left)} {short(height)}H{short(plot.right)}" for height in heights)
    kept = _kept([(height, 14, label) for height, label in zip(heights, plot.y.labels, strict=True)])
    marked = [svg_parts.written(label, plot.left - 7, height + 4) for height, label in kept]
    return [
        *([svg_parts.path("grid", grid)] if grid else []),
        *_bottom(plot, x),
        svg.G(class_=["ticks"], extra={"text-anchor": "end"}, elements=marked),
        svg_parts.written(svg_parts.shortened(y.title, WIDTH - 8), 4, 14),
    ]


def _bottom(plot: _Plot, x: Axis) -> list[svg.Element]:
    """The axis under a plot, with its ticks and its title."""
    places = [plot.across(at) for at in plot.x.ticks]
    kept = _kept([(at, svg_parts.width(label) + 6, label) for at, label in zip(places, plot.x.labels, strict=True)])
    marked = [svg_parts.written(label, at, plot.bottom + 18) for at, label in kept]
    title = svg_parts.shortened(x.title, WIDTH - 60)
    middle = min((plot.left + plot.right) / 2, WIDTH - 4 - svg_parts.width(title) / 2)
    marked.append(svg_parts.written(title, middle, plot.bottom + FLOOR - 7))
    small = "".join(f"M{short(at)} {short(plot.bottom)}v5" for at in places)
    return [
        svg_parts.path("axis", f"M{short(plot.left)} {short(plot.bottom)}H{short(plot.right)}{small}"),
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
    return svg_parts.written("no data", at, (plot.top + plot.bottom) / 2, "middle")


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
    joined = "".join(svg_parts.joined(run) for run in places if len(run) > 1)
    if joined:
        yield svg_parts.path("line", joined, dashes)
    whole = [point for run in places for point in run]
    every = 1 if len(whole) <= MOST_MARKERS else math.ceil(len(whole) / 5)
    marked = {*whole[::every], *whole[-1:], *(run[0] for run in places if len(run) == 1)}
    if marked:
        yield svg_parts.path("marker", "".join(svg_parts.marker(point, shape) for point in sorted(marked)))


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
        area += f"{svg_parts.joined([*upper, *lower])}z"
    return svg.G(class_=["series", f"s{number + 1}"], elements=[svg_parts.path("band", area, SERIES[number][1])])


def _diagonal(plot: _Plot) -> list[svg.Element]:
    low, high = max(plot.x.low, plot.y.low), min(plot.x.high, plot.y.high)
    if low >= high:
        return []
    return [
        svg_parts.path(
            "diagonal", svg_parts.joined([_place(plot, (low, low)), _place(plot, (high, high))]), title="y = x"
        )
    ]


def _end(plot: _Plot, end: Point | None, height: float, label: str, number: int) -> Iterator[svg.Element]:
    """The label of a series right of the plot, with its marker, and a thin line from the last point."""
    at = plot.right + 15
    if end:
        yield svg_parts.path("lead", svg_parts.joined([end, (at - 6, height)]))
    yield svg_parts.path("marker", svg_parts.marker((at, height), SERIES[number][0]))
    yield svg_parts.written(label, at + 8, height + 4)


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
        drawn += f"M{short(plot.across(across[1]))} {short(y)}H{short(plot.across(across[2]))}"
    if len(up) > 1:
        drawn += f"M{short(x)} {short(plot.up(up[1]))}V{short(plot.up(up[2]))}"
    return drawn


def _steps(front: Sequence[Point]) -> list[Point]:
    """The corners of steps through points, from left to right: first across, then up or down."""
    corners = [corner for (_, y), (x, after) in pairwise(front) for corner in ((x, y), (x, after))]
    return [*front[:1], *corners] if corners else []


def _dot(mark: Mark, point: Point, x: Axis, y: Axis) -> svg.Element:
    told = svg_parts.titled(mark.name, f": {x.write(mark.x)}, {y.write(mark.y)}")
    dot = svg_parts.circle("front", point, 5, [told]) if mark.front else svg_parts.circle("mark", point, 4, [told])
    return svg_parts.linked(mark.href, [dot])


def _names(plot: _Plot, marks: Sequence[Mark], points: Sequence[Point], strokes: Sequence[Box]) -> list[svg.Element]:
    """The names of the front, each where it covers no point and no name, and if possible no stroke."""
    taken = [(x - 6, y - 6, x + 6, y + 6) for x, y in points]
    thin = [(min(a, c) - 1, min(b, d) - 1, max(a, c) + 1, max(b, d) + 1) for a, b, c, d in strokes]
    front = [
        (point, svg_parts.shortened(mark.name, NAME)) for point, mark in zip(points, marks, strict=True) if mark.front
    ]
    named: list[svg.Element] = []
    for (x, y), name in sorted(front):
        places = [
            place for place in _around(x, y, svg_parts.width(name)) if _within(place, plot) and _free(place, taken)
        ]
        if places:
            place = next((one for one in places if _free(one, thin)), places[0])
            taken.append(place)
            named.append(svg_parts.written(name, place[0], place[3] - 4))
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
        start = places[number] - 8 - svg_parts.width(_limit_name(name, places[number]))
        rows.append(1 + max((row for row, at in zip(rows, places[:number], strict=True) if at >= start), default=-1))
    return rows


def _limit_name(name: str, at: float) -> str:
    return svg_parts.shortened(name, min(180, at - 8))


def _limit(plot: _Plot, told: str, name: str, at: float, row: int) -> Iterator[svg.Element]:
    """The line of a limit with its name on top; a name that would stand too high is left out."""
    base = plot.top - 8 - LEAD * row if row < MOST_ROWS else plot.top
    yield svg_parts.path(
        "limit",
        f"M{short(at)} {short(plot.bottom)}V{short(base - 9 if row < MOST_ROWS else base)}",
        title=told,
    )
    if row < MOST_ROWS:
        yield svg_parts.written(_limit_name(name, at), at - 4, base, "end")


def _row(plot: _Plot, bar: Bar, name: str, height: float, x: Axis) -> svg.Element:
    drawn = [svg_parts.written(name, plot.left - 8, height + 4, "end")]
    if not x.shows(bar.value):
        drawn.append(svg_parts.written("no data", plot.left + 6, height + 4))
        return svg_parts.linked(bar.href, [svg_parts.titled(bar.name), *drawn])
    told = x.write(bar.value)
    if ends := _known((bar.low, bar.high), x):
        told += f" ({x.write(bar.low)} to {x.write(bar.high)})"
        low, high = (short(plot.across(end)) for end in ends)
        y = short(height - 4)
        drawn.append(svg_parts.path("whisker", f"M{low} {y}v8m0-4H{high}m0-4v8"))
    drawn.append(svg_parts.circle("front", (plot.across(bar.value), height), 4))
    return svg_parts.linked(bar.href, [svg_parts.titled(bar.name, f": {told}"), *drawn])


def _chart(height: float, body: Sequence[svg.Element], title: str, description: str) -> Markup:
    """The whole picture; its ids come from what it shows, so that several stand on one page."""
    drawn = "".join(map(str, body))
    title, description = svg_parts.escaped(title), svg_parts.escaped(description)
    key = digest_of_value([title, description, drawn])[:12]
    told = f"{svg.Title(id=f't-{key}', text=title)}{svg.Desc(id=f'd-{key}', text=description)}"
    picture = svg.SVG(
        xmlns=None,
        class_=["chart"],
        viewBox=svg.ViewBoxSpec(0, 0, WIDTH, svg_parts.rounded(height)),
        text=told + drawn,
        extra={"role": "group" if "<a " in drawn else "img", "aria-labelledby": f"t-{key} d-{key}"},
    )
    return Markup(str(picture))  # noqa: S704 - every text and address in it went through svg_parts.escaped
