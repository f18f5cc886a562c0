"""What an analysis found, as a table for the terminal and for downloads, and as a figure in a file of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from markupsafe import Markup

from harness.analysing.finding import Finding, Number, Panel
from harness.files import digest_of_value, disk_mistake, write_bytes
from leaderboard import charts, display, svg_parts
from leaderboard.scales import Axis, plain
from leaderboard.sheet import sheet
from leaderboard.tables import NOTHING, Column, Field, Table

LONGEST = 120
"""Letters of a file name; beyond, a digest takes the place of the systems."""

SPREAD = "standard deviations over runs"

PAIR_NAME = 250
"""Room for the names of two systems before their row: more than half of the figure."""


def as_text(found: Finding) -> tuple[list[list[str]], list[str]]:
    """Rows and headings for the terminal: mean ± standard deviation over runs."""
    made = table(found)
    return [[one.text for one in row] for row in made.rows], [column.title for column in made.columns]


def write(found: Finding, out: Path) -> list[Path]:
    """Writes table (CSV), everything with all runs (JSON) and figure (SVG) under `out`; the files, in that order.

    Raises `Mistake` where they cannot be written.
    """
    stem = out / found.track / _stem(found)
    files = {
        ".csv": table(found).csv(),
        ".json": f"{found.model_dump_json(indent=1)}\n",
        ".svg": figure(found),
    }
    paths = {Path(f"{stem}{ending}"): text for ending, text in files.items()}
    try:
        for path, text in paths.items():
            write_bytes(path, text.encode())
    except OSError as error:
        raise disk_mistake(error, f"The analysis {stem}") from None
    return list(paths)


def _stem(found: Finding) -> str:
    name = "-".join([found.analysis, *(system.replace("/", ".") for system in found.systems)])
    return name if len(name) <= LONGEST else f"{found.analysis}-{digest_of_value(list(found.systems))[:12]}"


def table(found: Finding) -> Table:
    """A row for each panel and place of its axis, a column for each system.

    Of pairs, a row for each first system and a column for each second one.
    """
    names = _names(found)
    paired = any(len(number.systems) > 1 for number in found.numbers)
    across = found.systems[1:] if paired else found.systems
    heads = [Column("figure", "figure", number=False), Column("at", "and" if paired else "at", number=not paired)]
    columns = (*heads, *(Column(system, names[system]) for system in across))
    by_row: dict[tuple[str, str | float | None], dict[str, Field]] = {}
    for number in found.numbers:
        row = number.systems[0] if paired else number.at
        by_row.setdefault((number.panel, row), {})[number.systems[-1]] = _field(number)
    rows = [
        (Field(panel), _place(row, names), *(fields.get(system, NOTHING) for system in across))
        for (panel, row), fields in by_row.items()
    ]
    return Table("analysis", _caption(found), columns, tuple(rows))


def _place(row: str | float | None, names: Mapping[str, str]) -> Field:
    if isinstance(row, str):
        return Field(names[row], row)
    return NOTHING if row is None else Field(plain(row), row)


def _field(number: Number) -> Field:
    spread = number.spread
    text = display.short(number.mean) + ("" if spread is None else f" ± {display.short(spread)}")
    return Field(text, number.mean, {"standard_deviation": spread, "runs": len(number.runs)})


def figure(found: Finding) -> str:
    """The panels that are drawn, below each other, as an SVG document."""
    names = _names(found)
    of_panel = {name: list(some) for name, some in groupby(found.numbers, lambda number: number.panel)}
    drawn = [(panel, of_panel[panel.name]) for panel in found.panels if panel.drawn and panel.name in of_panel]
    pictures = [
        _bars(panel, numbers, names) if panel.x is None else _lines(panel, numbers, names) for panel, numbers in drawn
    ]
    return sheet(pictures, _caption(found), ", ".join(found.systems))


def _lines(panel: Panel, numbers: Sequence[Number], names: Mapping[str, str]) -> Markup:
    """A line for each system, with a band of one standard deviation to either side."""
    assert panel.x is not None  # noqa: S101 - others are bars
    series = []
    for system, some in _by_system(numbers):
        known = [(number.at or 0.0, number.mean, number.spread or 0.0) for number in some]
        band = [(at, mean - spread, mean + spread) for at, mean, spread in known]
        wide = any(number.spread is not None for number in some)
        series.append(charts.Line(names[system], [(at, mean) for at, mean, _ in known], band if wide else ()))
    return charts.lines(
        series, Axis(panel.x, write=plain), Axis(panel.y, write=display.short), title=f"{panel.name}: {panel.y}",
        description=f"A line for each system over {panel.x}; bands are {SPREAD}.",
    )  # fmt: skip


def _by_system(numbers: Sequence[Number]) -> Iterator[tuple[str, list[Number]]]:
    for system in dict.fromkeys(number.systems[0] for number in numbers):
        yield system, [number for number in numbers if number.systems[0] == system]


def _bars(panel: Panel, numbers: Sequence[Number], names: Mapping[str, str]) -> Markup:
    """A row for each pair; of a single pair, the mean and a row for each of its runs."""
    bars = []
    for number in numbers:
        spread = number.spread or 0.0
        name = " and ".join(svg_parts.shortened(names[system], PAIR_NAME / 2 - 14) for system in number.systems)
        bars.append(charts.Bar(name, number.mean, number.mean - spread, number.mean + spread))
    if len(numbers) == 1 and len(runs := numbers[0].runs) > 1:
        bars = [replace(bars[0], name=f"mean of {len(runs)} runs")]
        bars += [charts.Bar(f"split {run.split}, seed {run.seed}", run.value, run.value, run.value) for run in runs]
    return charts.intervals(
        bars, Axis(panel.y, write=display.short), title=f"{panel.name}: {panel.y}",
        description=f"Dots are means over runs, whiskers {SPREAD}.", room=PAIR_NAME,
    )  # fmt: skip


def _names(found: Finding) -> dict[str, str]:
    """What each system is called: without its entry where all are of one."""
    entries = {system.partition("/")[0] for system in found.systems}
    return {system: system.partition("/")[2] if len(entries) == 1 else system for system in found.systems}


def _caption(found: Finding) -> str:
    splits, seeds = (", ".join(map(str, some)) for some in (found.splits, found.seeds))
    return f"{found.title}: {found.track}, split {splits}, seed {seeds}"
