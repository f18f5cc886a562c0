"""Tables of papers: what is printed, and what was measured here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.entry import Entry
from harness.studies.measured import Measured
from harness.studies.table import COUNTED, Curve, Row, written
from harness.studies.table import Column as Shown
from leaderboard import charts, display
from leaderboard.page import Chart, Page, Section
from leaderboard.pages import places as at
from leaderboard.pages.places import Places, between
from leaderboard.scales import Axis
from leaderboard.studied import Cells, Ran
from leaderboard.tables import NOTHING, Column, Field, Table

HOW = (
    "Printed numbers are the paper's, and are never ranked. Measured ones are means over seeds; the interval is 95 %, "
    "over runs (Student's t), of measured less printed."
)


def pages(every: Sequence[Ran], places: Places) -> Iterator[Page]:
    """The list of studies, and a page for each."""
    columns = (
        Column("study", "Study", number=False),
        Column("paper", "Paper", number=False),
        Column("track", "Track", number=False),
        Column("measured", "Measured"),
        Column("numbers", "Numbers"),
    )
    rows = tuple(
        (
            Field(one.study.title, one.title, href=between(at.STUDIES, places.study(one.read.name, one.name))),
            Field(one.paper.title),
            Field(", ".join(one.study.tracks)),
            Field(display.count(one.cells), one.cells),
            Field(display.count(len(one.measured)), len(one.measured)),
        )
        for one in every
    )  # fmt: skip
    table = (Table("studies", f"Studies: {len(rows)}", columns, rows, sortable=True),) if rows else ()
    yield Page(
        at.STUDIES,
        "Tables of papers",
        (HOW,),
        (Section("list", "Studies", tables=table),),
        (("Leaderboard", at.INDEX),),
    )
    yield from (_page(one, places) for one in every)


def printed_for(track: str, every: Sequence[Ran], places: Places) -> tuple[Table, ...]:
    """What papers print of a track, by the studies that are about it; a number that two studies show stands once."""
    columns = (
        Column("system", "System", number=False),
        Column("paper", "Paper", number=False),
        Column("place", "Table, row, column", number=False),
        Column("printed", "Printed"),
    )
    board = f"{track}/index.html"
    found = {}
    for one in every:
        for row, column in one.study.shown:
            number = one.printed(row, column)
            name = column.printed or column.name
            system = row.about(column)
            if one.study.track_of(row) != track or number is None or (column.relation and column.printed):
                continue
            table = one.paper.table(column.table or one.study.table)
            page = f", page {table.page}" if table.page else ""
            found[one.paper.title, table.title, row.name, name] = (
                Field(f"{one.read.name}/{system}" if system else row.name),
                Field(one.paper.title),
                Field(
                    f"{table.table}{page}: {row.name}, {name}",
                    href=between(board, places.study(one.read.name, one.name)),
                ),
                Field(f"{number:.2f}", number),
            )
    rows = tuple(found.values())
    return (Table("printed", f"Printed numbers: {len(rows)}", columns, rows, sortable=True),) if rows else ()


def _page(one: Ran, places: Places) -> Page:
    study, table = one.study, one.paper.table(one.study.table)
    where = (
        f"Printed: {one.paper.title}, {table.table}{f', page {table.page}' if table.page else ''}. {table.conditions}."
    )
    tracks = f"The study's track is {study.track}" if len(study.tracks) == 1 else f"Tracks: {', '.join(study.tracks)}"
    instead = [
        Section(
            f"on-{track}", f"Measured on {track} instead",
            ("Not what the paper measured on: differences from printed numbers say little.",),
            tables=(_numbers(one, cells, f"numbers-{track}"),),
        )
        for track, cells in one.instead.items()
    ]  # fmt: skip
    drawn = tuple(chart for curve in study.curves if (chart := _curve(one, curve)) is not None)
    return Page(
        path=places.study(one.read.name, one.name),
        title=study.title,
        lead=(where, HOW, f"{tracks}, seeds {', '.join(map(str, study.seeds))}.", *study.remarks),
        sections=(
            *((Section("curves", "Trade-off", charts=drawn),) if drawn else ()),
            Section("numbers", "Measured beside printed", tables=(_numbers(one, one.measured, "numbers"),)),
            *instead,
            Section("again", "Run it", command=_command(one)),
        ),
        crumbs=(("Leaderboard", at.INDEX), ("Tables of papers", at.STUDIES)),
    )  # fmt: skip


def _numbers(one: Ran, cells: Cells, name: str) -> Table:
    columns = (
        Column("row", "Row", number=False),
        Column("column", "Column", number=False),
        Column("printed", "Printed"),
        Column("measured", "Measured"),
        Column("difference", "Measured less printed"),
    )
    shown = [(row, column) for row, column in one.study.shown if row.printed_only or (row.name, column.name) in cells]
    rows = tuple(
        (Field(row.name), Field(column.name), *_fields(one, row, column, cells.get((row.name, column.name))))
        for row, column in shown
    )
    return Table(name, f"Numbers: {len(rows)}", columns, rows, sortable=True)


def _fields(one: Ran, row: Row, column: Shown, found: Measured | None) -> tuple[Field, Field, Field]:
    number = one.printed(row, column)
    first = NOTHING if number is None else Field(f"{number:.2f}", number)
    if found is None:
        return first, NOTHING if row.printed_only else Field("not yet", ""), NOTHING
    mean = one.scaled(found, column)
    factor = mean / found.mean if found.mean else 1.0
    notes = [] if column.measure in COUNTED else [f"n = {len(found.cells) or len(found.runs)}"]
    notes += [] if found.whole else ["last epoch only"]
    if found.spread is not None and len(found.cells) > len(found.runs):
        notes.append(f"± {factor * found.spread:.2f}")
    second = Field(written(mean, column), mean, {"runs": [factor * run for run in found.runs]}, tuple(notes))
    if number is None:
        return first, second, NOTHING
    ends = found.interval()
    between_ends = (f"{factor * ends[0] - number:+.2f} to {factor * ends[1] - number:+.2f}",) if ends else ("one run",)
    return first, second, Field(f"{mean - number:+.2f}", mean - number, notes=between_ends)


def _curve(one: Ran, curve: Curve) -> Chart | None:
    """Printed and measured, a line for each track and each `y`; None where nothing is known of both axes.

    What is not printed of an axis is taken from what was counted.
    """
    lines = []
    for track in one.study.tracks:
        rows = [row for row in one.study.rows if one.study.track_of(row) == track]
        suffix = f", {track}" if len(one.study.tracks) > 1 else ""
        lines += _lines(one, rows, curve, one.measured, f"printed{suffix}", printed=True)
        lines += _lines(one, rows, curve, one.measured, f"measured{suffix}")
    own = [row for row in one.study.rows if one.study.track_of(row) == one.study.track]
    for track, cells in one.instead.items():
        lines += _lines(one, own, curve, cells, f"on {track}")
    known = [line for line in lines if line.points]
    if not known:
        return None
    measure = next(column.measure for column in one.study.columns if column.name == curve.y[0])
    height = curve.y[0] if len(curve.y) == 1 else measure.replace("_", " ")
    drawn = charts.lines(
        known[: len(charts.SERIES)], Axis(curve.x or "epoch", write=display.short), Axis(height, write=display.short),
        title=curve.title, description="Lines for what is printed and for what was measured, row by row.",
    )  # fmt: skip
    return Chart(drawn, "numbers")


def _lines(
    one: Ran, rows: Sequence[Row], curve: Curve, cells: Cells, name: str, *, printed: bool = False
) -> list[charts.Line]:
    """A line for each `y`, by its name where there are several."""
    names = {y: name if len(curve.y) == 1 else f"{y}, {name}" for y in curve.y}
    return [charts.Line(names[y], _points(one, rows, curve.x, y, cells, printed=printed)) for y in curve.y]


def _points(
    one: Ran, rows: Sequence[Row], x_name: str | None, y_name: str, cells: Cells, *, printed: bool
) -> list[tuple[float, float]]:
    points = []
    for row in rows:
        x = row.epoch if x_name is None else _value(one, row, x_name, cells, printed=printed)
        y = _value(one, row, y_name, cells, printed=printed)
        if x is not None and y is not None:
            points.append((x, y))
    return points


def _value(one: Ran, row: Row, name: str, cells: Cells, *, printed: bool) -> float | None:
    column = next((each for each in one.study.columns if each.name == name and row.about(each)), None)
    if column is None:
        return None
    if printed and column.measure not in COUNTED:
        return one.printed(row, column)
    found = cells.get((row.name, name))
    return None if found is None else one.scaled(found, column)


def _command(one: Ran) -> str:
    track = f" --track {one.study.track}" if len(one.study.tracks) > 1 else ""
    return f"nox -s study -- {_folder(one.read)} {one.name}{track} --data DIR"


def _folder(read: Entry) -> str:
    return (
        f"{read.folder.parent.name}/{read.name}"
        if read.folder.parent.name == "submissions"
        else f"baselines/systems/{read.name}"
    )
