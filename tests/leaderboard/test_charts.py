"""Charts: where things are drawn, what may stand in the SVG, and that nobody needs colours to read it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from leaderboard import charts
from leaderboard.charts import Bar, Line, Mark, intervals, scatter
from leaderboard.scales import Axis, plain, ticks
from leaderboard.svg_parts import SIZE

STATIC = Path(charts.__file__).parent / "static"
PERCENT = Axis("per cent", low=0, high=100)
SPLITS = Axis("training data, %", ticks=(5, 10, 25, 50, 100), log=True)
LONG = "Очень длинное имя 🎧👩‍🔬 " * 9
Box = tuple[float, float, float, float]


def lines(*series: Line, x: Axis = PERCENT, y: Axis = PERCENT, diagonal: bool = False) -> Markup:
    return charts.lines(series, x, y, title="A title", description="What it says", diagonal=diagonal)


def points(*marks: Mark, x: Axis = PERCENT, y: Axis = PERCENT, limits: Sequence[tuple[str, float]] = ()) -> Markup:
    return scatter(marks, x, y, title="A title", description="What it says", limits=limits)


def rows(*bars: Bar, x: Axis = PERCENT) -> Markup:
    return intervals(bars, x, title="A title", description="What it says")


def tree(chart: str) -> ET.Element:
    return ET.fromstring(chart)  # noqa: S314 - made here


def numbers(text: str) -> list[float]:
    return [float(one) for one in re.findall(r"-?[\d.]+", text)]


def drawn(chart: str, kind: str) -> list[str]:
    """The commands of all paths of a class."""
    return [path.attrib["d"] for path in tree(chart).iter("path") if path.get("class") == kind]


def edges(chart: str) -> Box:
    """Left, top, right and bottom of the plot, from its axis and the highest line of its grid."""
    left, bottom, right = numbers(drawn(chart, "axis")[0])[:3]
    return left, min(numbers(drawn(chart, "grid")[0])[1::3]), right, bottom


def markers(chart: str, number: int = 0) -> list[tuple[float, float]]:
    """Where the markers of a series stand; the last path is the one at its label."""
    group = [one for one in tree(chart).iter("g") if one.get("class") == f"series s{number + 1}"][-1]
    paths = [one.attrib["d"] for one in group.iter("path") if one.get("class") == "marker"]
    return [(float(x), float(y)) for x, y in re.findall(r"M([\d.]+) ([\d.]+)", "".join(paths[:-1]))]


def circles(chart: str, kind: str) -> list[tuple[float, float]]:
    found = [one for one in tree(chart).iter("circle") if one.get("class") == kind]
    return [(float(one.attrib["cx"]), float(one.attrib["cy"])) for one in found]


def texts(chart: str) -> list[str]:
    return [one.text or "" for one in tree(chart).iter("text")]


def written(chart: str) -> dict[str, tuple[float, float]]:
    return {one.text or "": (float(one.attrib["x"]), float(one.attrib["y"])) for one in tree(chart).iter("text")}


def titles(chart: str) -> list[str]:
    return [one.text or "" for one in tree(chart).iter("title")]


def overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


# Where things stand


def test_points_at_the_ends_of_the_axes_stand_on_the_edges_of_the_plot() -> None:
    chart = lines(Line("a", [(0, 0), (100, 100), (50, 25)]))
    left, top, right, bottom = edges(chart)
    quarter = ((left + right) / 2, bottom - (bottom - top) / 4)
    assert sorted(markers(chart)) == [
        pytest.approx(place, abs=0.011) for place in ((left, bottom), quarter, (right, top))
    ]
    assert circles(points(Mark("a", 0, 100)), "mark") == [pytest.approx(edges(points(Mark("a", 0, 100)))[:2])]


def test_ten_lies_halfway_between_one_and_a_hundred_on_a_log_axis() -> None:
    chart = lines(Line("a", [(1, 1), (10, 10), (100, 100)]), x=Axis("x", log=True), y=Axis("y", log=True))
    (x0, y0), (x1, y1), (x2, y2) = markers(chart)
    assert x1 == pytest.approx((x0 + x2) / 2, abs=0.011)
    assert y1 == pytest.approx((y0 + y2) / 2, abs=0.011)
    assert x0 < x2
    assert y0 > y2


def test_a_value_beyond_the_given_ends_widens_the_axis() -> None:
    chart = lines(Line("a", [(0, 0), (150, 100)]))
    left, _, right, _ = edges(chart)
    assert all(left <= x <= right for x, _ in markers(chart))
    assert "150" in texts(chart)


def test_given_ticks_are_the_ones_written() -> None:
    chart = lines(Line("a", [(5, 40), (100, 60)]), x=SPLITS)
    assert [text for text in texts(chart) if text in {"5", "10", "25", "50", "100"}][:5] == [
        "5",
        "10",
        "25",
        "50",
        "100",
    ]


def test_labels_of_ticks_that_would_overlap_are_left_out() -> None:
    crowded = Axis("x", ticks=(0, 1, 2, 50, 100), write=lambda value: f"{value:.4f}")
    chart = lines(Line("a", [(0, 0), (100, 100)]), x=crowded)
    assert [text for text in texts(chart) if "." in text] == ["0.0000", "50.0000", "100.0000"]
    assert drawn(chart, "axis")[0].count("v5") == 5


def test_a_whisker_goes_from_low_to_high_and_the_dot_stands_at_the_value() -> None:
    chart = rows(Bar("a", 50, 25, 100), Bar("b", 0, 0, 0))
    left, _, right, _ = edges(chart)
    wide, none = (numbers(path) for path in drawn(chart, "whisker"))
    assert (wide[0], wide[5]) == (pytest.approx(left + (right - left) / 4, abs=0.011), right)
    assert none[0] == none[5] == left
    first, second = circles(chart, "front")
    assert first[0] == pytest.approx((left + right) / 2, abs=0.011)
    assert second[1] - first[1] >= SIZE


def test_steps_go_across_before_they_go_up_and_pass_the_front_alone() -> None:
    chart = points(Mark("b", 50, 60, front=True), Mark("c", 60, 10), Mark("a", 10, 40, front=True))
    (x0, y0), (x1, y1) = sorted(circles(chart, "front"))
    assert numbers(drawn(chart, "steps")[0]) == [x0, y0, x1, y0, x1, y1]
    assert len(circles(chart, "mark")) == 1


def test_ranges_of_a_mark_are_strokes_through_it() -> None:
    chart = points(Mark("a", 50, 50, x_range=(0, 100), y_range=(40, math.inf)), Mark("b", 0, 0, y_range=(0, 100)))
    left, top, right, bottom = edges(chart)
    assert numbers(drawn(chart, "whisker")[0]) == [left, (top + bottom) / 2, right, left, bottom, top]


def test_a_limit_is_a_line_at_its_place_and_its_name_stands_left_of_it() -> None:
    chart = points(Mark("a", 10, 10), limits=[("at most 50", 50), ("nowhere", math.nan)])
    left, _, right, bottom = edges(chart)
    assert numbers(drawn(chart, "limit")[0])[:2] == [pytest.approx((left + right) / 2, abs=0.011), bottom]
    assert written(chart)["at most 50"][0] < (left + right) / 2
    assert "nowhere" not in chart


def test_the_diagonal_joins_equal_values() -> None:
    chart = lines(Line("a", [(30, 40)]), y=Axis("y", low=0, high=50), diagonal=True)
    left, top, right, bottom = edges(chart)
    assert numbers(drawn(chart, "diagonal")[0]) == [left, bottom, pytest.approx((left + right) / 2, abs=0.011), top]
    with pytest.raises(ValueError, match="two axes of one kind"):
        lines(x=Axis("x", log=True), diagonal=True)


def test_a_band_reaches_from_low_to_high() -> None:
    chart = lines(Line("a", [(0, 50), (100, 50)], [(0, 0, 100), (100, 0, 100)]))
    left, top, right, bottom = edges(chart)
    assert numbers(drawn(chart, "band")[0]) == [left, top, right, top, right, bottom, left, bottom]


# Ticks


@pytest.mark.parametrize(
    ("low", "high", "log", "expected"),
    [
        (0, 1, False, (0, 0.2, 0.4, 0.6, 0.8, 1)),
        (43.2, 61.7, False, (40, 45, 50, 55, 60, 65)),
        (-0.03, 0.04, False, (-0.04, -0.02, 0, 0.02, 0.04)),
        (1, 100, True, (1, 2, 5, 10, 20, 50, 100)),
        (3, 2e6, True, (1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7)),
        (40, 60, True, (40, 45, 50, 55, 60)),
    ],
)
def test_ticks_are_round(low: float, high: float, log: bool, expected: tuple[float, ...]) -> None:
    assert ticks(low, high, log=log) == expected


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.booleans())
def test_ticks_are_few_and_cover_the_range(low: float, span: float, log: bool) -> None:
    low = abs(low) + 1e-3 if log else low
    made = ticks(low, low + span, log=log)
    assert 2 <= len(made) <= 8
    assert all(one < other for one, other in pairwise(made))
    slack = 1e-8 * (abs(low) + span)
    assert made[-1] >= low + span - slack
    assert made[0] <= low + slack or (log and span <= 3 * low)
    assert not log or made[0] > 0


def test_numbers_on_an_axis_are_short() -> None:
    values = (0.30000000000000004, 1200, 30_000, 7.5e6, 2e9, -0.5, -0.0)
    minus = "\N{MINUS SIGN}"
    assert [plain(value) for value in values] == ["0.3", "1,200", "30 k", "7.5 M", "2 G", f"{minus}0.5", "0"]


# Text


def test_names_are_escaped_wherever_they_stand() -> None:
    name = "<script>'\"&"
    for chart in (
        lines(Line(name, [(1, 1)])),
        points(Mark(name, 1, 1, front=True), limits=[(name, 5)]),
        rows(Bar(name, 1, 1, 1)),
        lines(Line("a", [(1, 1)]), x=Axis(name, write=lambda _: name)),
        charts.lines([], Axis(name), Axis(name), title=name, description=name),
        lines(Line(Markup(name), [(1, 1)])),  # noqa: S704 - a name that claims to be safe
    ):
        assert name in {text.strip() for text in tree(chart).itertext()} | {told[: len(name)] for told in titles(chart)}
        assert "<script" not in chart


@pytest.mark.parametrize("name", ["a\x00b\x1f\ud800c\ufffe", "a\u202eb\nc", LONG, "🎧" * 200, "", "́" * 300])
def test_no_name_breaks_the_picture_or_its_room(name: str) -> None:
    for chart in (
        lines(Line(name, [(1, 1)])),
        points(Mark(name, 1, 1, front=True), limits=[(name, 50)]),
        rows(Bar(name, 1, 1, 1)),
        lines(x=Axis(name), y=Axis(name)),
    ):
        assert tree(chart).tag == "svg"
        assert not set(chart) & set("\x00\x1f\ud800\ufffe\u202e\n")
        assert len(chart.encode()) < 4000


def test_a_long_name_is_cut_with_an_ellipsis_and_keeps_the_plot_wide() -> None:
    chart = lines(Line(LONG, [(1, 1)]))
    (cut,) = (text for text in texts(chart) if text.startswith("Очень"))
    assert cut.endswith("…")
    assert len(cut) < 30
    left, _, right, _ = edges(chart)
    assert right - left > charts.WIDTH / 2
    assert "DCASE 2024 baseline" in texts(lines(Line("DCASE 2024 baseline", [(1, 1)])))


def test_a_text_ends_within_the_picture() -> None:
    chart = lines(*(Line("a" * length, [(1, 1)]) for length in (5, 15, 40)))
    assert all(x + len(text) * 0.6 * SIZE <= charts.WIDTH for text, (x, _) in written(chart).items() if "aa" in text)


# The picture as a part of a page


def everything() -> list[Markup]:
    return [
        lines(Line("a", [(1, 1), (2, 2)], [(1, 0, 2), (2, 1, 3)]), Line("b", []), diagonal=True),
        points(
            Mark("a", 1, 1, "a.html", True, (0, 2), (0, 2)),
            Mark("b", 2, 2, front=True),
            Mark("c", 3, 1),
            limits=[("c", 1)],
        ),
        rows(Bar("a", 1, 0, 2, "a.html"), Bar("b", math.nan, 0, 1)),
        lines(),
    ]


def test_a_picture_is_named_and_described_for_who_cannot_see_it() -> None:
    for chart in everything():
        root = tree(chart)
        linked = root.find(".//a") is not None  # a picture's children are for nobody to reach
        assert root.attrib["role"] == ("group" if linked else "img")
        told = {one.get("id"): (one.tag, one.text) for one in root}
        assert [told[key] for key in root.attrib["aria-labelledby"].split()] == [
            ("title", "A title"),
            ("desc", "What it says"),
        ]


def test_ids_differ_between_pictures_and_the_same_picture_has_the_same_bytes() -> None:
    assert everything() == everything()
    ids = [one.attrib["id"] for chart in everything() for one in tree(chart).iter() if "id" in one.attrib]
    assert len(ids) == len(set(ids)) == 8


def test_a_picture_holds_no_style_no_script_and_nothing_from_elsewhere() -> None:
    for chart in everything():
        assert not re.search(r"style|script|url\(|http|#[0-9a-f]{3}|\bon\w+=", chart.replace("description", ""))
        assert {one.tag for one in tree(chart).iter()} <= {"svg", "title", "desc", "g", "path", "circle", "text", "a"}


def test_every_class_that_is_drawn_has_a_style() -> None:
    css = (STATIC / "charts.css").read_text(encoding="utf-8")
    used = {name for chart in everything() for one in tree(chart).iter() for name in one.get("class", "").split()}
    assert {"line", "band", "front", "mark", "limit", "steps", "whisker", "diagonal", "lead"} <= used
    assert used - set(re.findall(r"\.([a-z]\w*)", css)) == {"series"}


def test_a_link_leads_from_a_point_and_from_a_row() -> None:
    marks = points(Mark("a", 1, 1, "a.html?b=1&c=2"), Mark("b", 2, 2))
    (link,) = tree(marks).iter("a")
    assert link.attrib["href"] == "a.html?b=1&c=2"
    assert link.find("circle") is not None
    (link,) = tree(rows(Bar("a", 1, 1, 1, 'x".html'))).iter("a")
    assert (link.attrib["href"], link.findtext("text")) == ('x".html', "a")


@pytest.mark.parametrize("href", ["javascript:alert(1)", " java\nscript:alert(1)", "data:text/html,x"])
def test_a_link_that_runs_something_is_refused(href: str) -> None:
    with pytest.raises(ValueError, match="no address that a page may link to"):
        points(Mark("a", 1, 1, href))


def test_numbers_have_at_most_two_decimals() -> None:
    chart = lines(Line("a", [(value / 7, value / 3) for value in range(12)], [(1 / 3, 1 / 7, 2 / 3), (5 / 3, 1, 3)]))
    assert re.search(r'[" ]\d+\.\d\d[" ]', chart)
    assert not re.search(r"\d\.\d{3}", chart)


def test_pictures_are_light() -> None:
    splits = [(share, 40 + share / 9) for share in (5, 10, 25, 50, 100)]
    epochs = [(epoch, 2 + math.sin(epoch * 1.7)) for epoch in range(300)]
    marks = [Mark(f"system {at}", at * 4, at * 37 % 100, f"systems/system-{at}.html", at % 4 == 0) for at in range(20)]
    made = {
        "curves": lines(*(Line(f"system {at}", splits, [(x, y - 1, y + 1) for x, y in splits]) for at in range(6))),
        "training": lines(Line("training", epochs), Line("validation", epochs), x=Axis("epoch")),
        "scatter": points(*marks),
        "intervals": rows(*(Bar(f"system {at}", at * 4, at, at * 5, f"systems/system-{at}.html") for at in range(20))),
    }
    assert {name: len(chart.encode()) for name, chart in made.items() if len(chart.encode()) > 6000} == {}


# What cannot be drawn


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.floats(), st.floats(), st.floats()), max_size=5), st.booleans(), st.booleans())
def test_no_number_leaves_the_picture_or_breaks_it(values: list[charts.Values], log: bool, free: bool) -> None:
    x, y = Axis("x", log=log), Axis("y") if free else PERCENT
    for chart in (
        lines(Line("a", [(one, two) for one, two, _ in values], values), x=x, y=y),
        points(*(Mark("a", a, b, None, True, (b, c), (a, c)) for a, b, c in values), x=x, y=y, limits=[("l", 5)]),
        rows(*(Bar("a", *one) for one in values), x=x),
    ):
        coordinates = " ".join(one.get(key, "") for one in tree(chart).iter() for key in ("d", "cx", "cy", "x", "y"))
        assert not re.search("nan|inf", coordinates)
        assert all(-12 <= number <= charts.WIDTH for number in numbers(coordinates))


def test_a_value_that_is_no_number_interrupts_the_line() -> None:
    chart = lines(Line("a", [(0, 10), (10, 20), (20, math.nan), (30, 30), (40, 40), (50, math.inf), (60, 50)]))
    assert drawn(chart, "line")[0].count("M") == 2
    assert len(markers(chart)) == 5


def test_values_that_are_not_above_zero_are_left_out_of_a_log_axis() -> None:
    assert len(markers(lines(Line("a", [(0, 1), (-5, 1), (5, 1)]), x=Axis("x", log=True)))) == 1


@pytest.mark.parametrize(
    "chart",
    [
        lines(),
        lines(Line("a", []), x=SPLITS),
        lines(Line("a", [(math.nan, 1)], [(1, math.nan, 2)])),
        points(),
        points(Mark("a", 1, math.inf), limits=[("l", 5)]),
        rows(),
        rows(Bar("a", math.nan, 1, 2)),
    ],
)
def test_a_chart_of_nothing_says_so(chart: str) -> None:
    assert "no data" in texts(chart)
    assert "per cent" in texts(chart)


def test_a_series_or_a_row_without_values_is_named_beside_the_others() -> None:
    assert "b: no data" in texts(lines(Line("a", [(1, 1)]), Line("b", [(1, math.nan)])))
    chart = rows(Bar("a", 1, 0, 2), Bar("b", math.nan, 0, 1))
    assert {"a", "b", "no data"} <= set(texts(chart))
    assert len(circles(chart, "front")) == 1


def test_a_value_of_unknown_range_is_a_dot_without_whisker() -> None:
    chart = rows(Bar("a", 1, math.nan, 2))
    assert len(circles(chart, "front")) == 1
    assert drawn(chart, "whisker") == []


@pytest.mark.parametrize("value", [0.0, 44.2, -3.0, 1e-30, 1e30])
def test_a_single_point_stands_within_axes_that_have_ticks(value: float) -> None:
    chart = lines(Line("a", [(abs(value) + 1, value)]), x=Axis("x", log=True), y=Axis("y"))
    ((x, y),) = markers(chart)
    left, top, right, bottom = edges(chart)
    assert left <= x <= right
    assert top <= y <= bottom
    assert drawn(chart, "line") == []
    assert drawn(chart, "grid")[0].count("M") >= 2


def test_an_axis_keeps_a_given_end_where_all_values_lie_on_it() -> None:
    chart = lines(Line("a", [(0, 0), (1, 0)]), y=Axis("y", low=0))
    assert all(y == edges(chart)[3] for _, y in markers(chart))
    assert not [text for text in texts(chart) if "\N{MINUS SIGN}" in text]


# Told apart without colours


def six(height: float = 0) -> Markup:
    return lines(*(Line(f"series {at}", [(0, height + at), (100, height + at)]) for at in range(6)))


def test_every_series_has_dashes_and_a_shape_of_its_own() -> None:
    groups = [one for one in tree(six()).iter("g") if (one.get("class") or "").startswith("series")]
    paths = [{path.get("class"): path for path in group.iter("path")} for group in groups]
    dashes = {path["line"].get("stroke-dasharray") for path in paths}
    shapes = {path["marker"].attrib["d"].split("m", 1)[1] for path in paths}
    assert len(groups) == len(dashes) == len(shapes) == 6


def test_a_seventh_series_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 6 can be told apart"):
        lines(*(Line("a", [(1, 1)]) for _ in range(7)))


@pytest.mark.parametrize("height", [0, 50, 95])
def test_every_series_is_named_at_its_end_and_no_name_covers_another(height: float) -> None:
    chart = six(height)
    places = [written(chart)[f"series {at}"] for at in range(6)]
    assert all(x > edges(chart)[2] for x, _ in places)
    assert all(before[1] - after[1] >= SIZE for before, after in pairwise(places))
    assert all(SIZE < y < charts.HEIGHT for _, y in places)


def test_a_line_of_many_points_keeps_its_ends_its_lowest_and_its_highest() -> None:
    values = [(at, 50 + math.sin(at)) for at in range(3000)]
    values[1234], values[2345] = (1234, 100), (2345, 0)
    chart = lines(Line("a", values, [(x, y / 2, y) for x, y in values]), x=Axis("x"))
    left, top, _, bottom = edges(chart)
    (path,) = drawn(chart, "line")
    line = numbers(path)
    assert (line[0], min(line[1::2]), max(line[1::2])) == (left, top, bottom)
    assert len(line) < 2 * 300
    assert markers(chart)[-1] == (line[-2], line[-1])
    band = numbers(drawn(chart, "band")[0])
    assert min(band[1::2]) == top
    assert max(band[::2]) == line[-2]


# Names of points


def box(chart: str, name: str) -> Box:
    """The place of a name by its anchor and length; an `a` is 0.6 of the height wide in the widest usual font."""
    (text,) = (one for one in tree(chart).iter("text") if one.text == name)
    x, base, width = float(text.attrib["x"]), float(text.attrib["y"]), 0.6 * SIZE * len(name)
    left = x - width if text.get("text-anchor") == "end" else x
    return left, base - 9, left + width, base + 3


def named(chart: str) -> list[str]:
    return [text for text in texts(chart) if text.startswith("aa")]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100), st.booleans()), min_size=1, max_size=25))
def test_names_of_the_front_cover_neither_each_other_nor_a_point(values: list[tuple[int, int, bool]]) -> None:
    marks = [Mark(f"aa{at:02}{'a' * (at % 9)}", x, y, front=front) for at, (x, y, front) in enumerate(values)]
    chart = points(*marks, limits=[("aaa limit", 40), ("aaa other limit", 45)])
    boxes = [box(chart, name) for name in named(chart)]
    dots = [(x - 4, y - 4, x + 4, y + 4) for kind in ("front", "mark") for x, y in circles(chart, kind)]
    assert not [pair for pair in combinations(boxes, 2) if overlap(*pair)]
    assert not [(name, dot) for name in boxes for dot in dots if overlap(name, dot)]
    assert all(left >= 0 and right <= charts.WIDTH for left, _, right, _ in boxes if right - left < 150)
    front = {mark.name for mark in marks if mark.front} | {"aaa limit", "aaa other limit"}
    assert set(named(chart)) <= front


def test_a_name_is_left_out_only_where_there_is_no_room_and_every_point_is_titled() -> None:
    apart = points(*(Mark(f"aa{at}", at, at, front=True) for at in (10, 50, 90)))
    assert named(apart) == ["aa10", "aa50", "aa90"]
    crowd = points(*(Mark(f"aa{x}-{y}", x, y, front=True) for x in range(40, 60, 2) for y in range(40, 60, 5)))
    assert 0 < len(named(crowd)) < 40
    assert len([told for told in titles(crowd) if told.startswith("aa")]) == 40
    assert "aa40-45: 40, 45" in titles(crowd)


def test_names_of_limits_stand_clear_of_each_other_and_of_the_lines() -> None:
    limits = [("aa limit", 40), ("aa another limit", 45), ("aa third", 46), ("aa fourth", 99)]
    chart = points(Mark("a", 1, 1), limits=limits)
    boxes = [box(chart, name) for name, _ in limits]
    strokes = [(x, top, x, bottom) for x, bottom, top in map(numbers, drawn(chart, "limit"))]
    assert len(boxes) == len(strokes) == 4
    assert not [pair for pair in combinations(boxes, 2) if overlap(*pair)]
    assert not [(name, stroke) for name in boxes for stroke in strokes if overlap(name, stroke)]
    assert min(top for _, top, *_ in boxes) > SIZE


def test_names_of_too_many_limits_are_left_out_and_the_plot_keeps_its_height() -> None:
    chart = points(Mark("a", 1, 1), limits=[(f"aa{at}", 50 + at / 9) for at in range(9)])
    assert len(named(chart)) == 4
    assert len(drawn(chart, "limit")) == 9
    _, top, _, bottom = edges(chart)
    assert bottom - top > charts.HEIGHT / 2


# Colours


def properties(scheme: str) -> dict[str, str]:
    """The colours of both style sheets for a scheme; printing comes after dark, which a browser may keep on paper."""
    found: dict[str, str] = {}
    for sheet in ("style.css", "charts.css"):
        css = (STATIC / sheet).read_text(encoding="utf-8")
        parts = re.split(r"^@media ([^{]+) \{$(.*?)^\}", css, flags=re.MULTILINE | re.DOTALL)
        blocks = ["".join(parts[::3])]
        kept = {"light": (), "dark": ("dark",), "print": ("dark", "print")}[scheme]
        blocks += [
            block for query, block in zip(parts[1::3], parts[2::3], strict=True) if any(k in query for k in kept)
        ]
        for block in blocks:
            for root in re.findall(r":root \{(.*?)\}", block, flags=re.DOTALL):
                found |= dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6});", root))
    return found


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_the_formula() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize(("scheme", "ground"), [("light", "#ffffff"), ("dark", "#14171a"), ("print", "#ffffff")])
def test_colours_stand_out_from_the_ground(scheme: str, ground: str) -> None:
    colours = properties(scheme)
    assert colours["--ground"] == ground
    drawn_with = [f"--series-{number}" for number in range(1, 7)] + ["--axis"]
    assert {name for name in drawn_with if contrast(colours[name], ground) < 3} == set()
    written_with = ["--text", "--quiet", *(["--accent"] if scheme != "print" else [])]
    assert {name for name in written_with if contrast(colours[name], ground) < 4.5} == set()
    assert len({colours[name] for name in drawn_with}) == 7


def test_no_colour_is_written_outside_the_custom_properties() -> None:
    css = (STATIC / "charts.css").read_text(encoding="utf-8")
    assert not re.findall(r"(?:fill|stroke|color): ?(?!none|var)[a-z#]", re.sub(r"--[\w-]+: #[0-9a-f]{6};", "", css))
    assert "#" not in re.sub(r"--[\w-]+: #[0-9a-f]{6};", "", css)


def test_the_style_sheet_writes_in_the_size_that_the_layout_counts_with() -> None:
    css = (STATIC / "charts.css").read_text(encoding="utf-8")
    assert set(re.findall(r"font-size: (\d+)px", css)) == {str(SIZE)}
    assert SIZE >= 11
