"""A picture file: charts below each other, with the styles they need, so that it can be opened alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import svg
from markupsafe import Markup

from leaderboard import svg_parts
from leaderboard.charts import WIDTH

STATIC = Path(__file__).parent / "static"
NAMESPACE = "http://www.w3.org/2000/svg"
HEAD = 42
"""Room for two lines over the charts."""

GAP = 14
MARGIN = 8
SCALE = 1.5
"""How much larger than a chart on a page it opens, where the window has room."""


_HEIGHT = re.compile(r'^<svg[^>]* viewBox="0 0 [0-9.]+ ([0-9.]+)"')


def sheet(charts: Sequence[Markup], title: str, about: str) -> str:
    """An SVG document of the charts, with a title and what it is about over them; light or dark as the viewer is.

    The same charts give the same bytes.
    """
    head = "".join(
        str(svg_parts.written(svg_parts.shortened(line, WIDTH - 8), 4, at)) for line, at in ((title, 16), (about, 31))
    )
    body, top = "", float(HEAD)
    for chart in charts:
        height = _height(chart)
        place = f'<svg y="{svg_parts.short(top)}" width="{WIDTH}" height="{svg_parts.short(height)}" '
        style = f'style="width:{WIDTH}px;max-width:none;height:{svg_parts.short(height)}px" '
        body += chart.replace(Markup("<svg "), Markup(place + style), 1)  # noqa: S704 - numbers
        top += height + GAP
    box = svg.ViewBoxSpec(-MARGIN, -MARGIN, WIDTH + 2 * MARGIN, svg_parts.rounded(top - GAP + 2 * MARGIN))
    size = [svg_parts.rounded(SCALE * float(side)) for side in (box.width, box.height)]
    told = f"{svg.Title(text=svg_parts.escaped(title))}<style>{_styles()}</style>"
    text = f'{told}<g class="chart">{head}</g>{body}'
    picture = svg.SVG(xmlns=NAMESPACE, viewBox=box, width=size[0], height=size[1], text=text)
    return f"{picture}\n"


def _height(chart: Markup) -> float:
    found = _HEIGHT.match(chart)
    assert found is not None  # noqa: S101 - charts draws every picture with one
    return float(found[1])


def _styles() -> str:
    """The colours and the letters of the pages, and what charts are drawn with."""
    page, _, _ = (STATIC / "style.css").read_text(encoding="utf-8").partition("\nbody {")
    return page + (STATIC / "charts.css").read_text(encoding="utf-8")
