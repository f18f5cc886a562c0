"""Tables of papers: what is printed, and what was measured here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import entry, studies, tracks
from harness.entry import Entry
from harness.outcomes import Mistake
from harness.plan import Choice
from harness.studies import Measured, Study
from leaderboard import display, printed
from leaderboard.page import Page, Section
from leaderboard.pages import places as at
from leaderboard.pages.places import Places, between
from leaderboard.printed import Paper
from leaderboard.tables import NOTHING, Column, Field, Table

PROJECT = Path(__file__).resolve().parents[2]
ENTRIES = ("submissions", "baselines/systems")
"""Folders of the entries whose studies have pages."""

HOW = (
    "Printed numbers are the paper's, and are never ranked. Measured ones are means over seeds; the interval is 95 %, "
    "over runs (Student's t), of measured less printed."
)


@dataclass(frozen=True)
class Ran:
    """A study with what was measured of it."""

    read: Entry
    name: str
    study: Study
    paper: Paper
    measured: dict[tuple[str, str], Measured | None]

    @property
    def title(self) -> str:
        """Entry and study, as they are typed."""
        return f"{self.read.name}/{self.name}"

    @property
    def cells(self) -> int:
        """How many numbers were measured."""
        return sum(one is not None for one in self.measured.values())


def ran(folders: Sequence[Path], project: Path = PROJECT) -> list[Ran]:
    """Every study of the project's entries; an entry or a study that cannot be read is left out."""
    found = []
    for folder in sorted(folder for place in ENTRIES for folder in (project / place).glob("*/studies")):
        try:
            read = entry.listed(folder.parent)
            found += [_ran(read, name, folders) for name in studies.names(read)]
        except Mistake:
            continue
    return found


def _ran(read: Entry, name: str, folders: Sequence[Path]) -> Ran:
    study = studies.load(read, name)
    track, _ = tracks.load(study.track)
    measured = {
        (row.name, column.name): next(
            filter(None, (studies.measured(read, row, column, study, track, Choice(), one) for one in folders)), None
        )
        for row in study.rows
        for column in study.columns
        if row.about(column)
    }
    return Ran(read, name, study, printed.paper(study.paper), measured)


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
            Field(one.study.track),
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
    """What papers print of a track, by the studies that are about it."""
    columns = (
        Column("system", "System", number=False),
        Column("paper", "Paper", number=False),
        Column("place", "Table, row, column", number=False),
        Column("printed", "Printed"),
    )
    board = f"{track}/index.html"
    rows = []
    for one in (one for one in every if one.study.track == track):
        table = one.paper.table(one.study.table)
        about = {row.name: row for row in one.study.rows}
        by_name = {column.name: column for column in one.study.columns}
        for row, column in one.measured:
            number = table.number(row, column)
            if number is not None:
                system = f"{one.read.name}/{about[row].about(by_name[column])}"
                page = f", page {table.page}" if table.page else ""
                place = Field(
                    f"{table.table}{page}: {row}, {column}", href=between(board, places.study(one.read.name, one.name))
                )
                rows.append((Field(system), Field(one.paper.title), place, Field(f"{number:.2f}", number)))
    return (Table("printed", f"Printed numbers: {len(rows)}", columns, tuple(rows), sortable=True),) if rows else ()


def _page(one: Ran, places: Places) -> Page:
    study, table = one.study, one.paper.table(one.study.table)
    scale = 100.0 if table.unit == "percent" else 1.0
    columns = (
        Column("row", "Row", number=False),
        Column("column", "Column", number=False),
        Column("printed", "Printed"),
        Column("measured", "Measured"),
        Column("difference", "Measured less printed"),
    )
    rows = tuple(
        (Field(row), Field(column), *_fields(table.number(row, column), found, scale))
        for (row, column), found in one.measured.items()
    )
    numbers = Table("numbers", f"Numbers: {len(rows)}", columns, rows, sortable=True)
    where = (
        f"Printed: {one.paper.title}, {table.table}{f', page {table.page}' if table.page else ''}. {table.conditions}."
    )
    return Page(
        path=places.study(one.read.name, one.name),
        title=study.title,
        lead=(where, HOW, f"The study's track is {study.track}, seeds {', '.join(map(str, study.seeds))}."),
        sections=(
            Section("numbers", "Measured beside printed", tables=(numbers,)),
            Section("again", "Run it", command=f"nox -s study -- {_folder(one.read)} {one.name} --data DIR"),
        ),
        crumbs=(("Leaderboard", at.INDEX), ("Tables of papers", at.STUDIES)),
    )  # fmt: skip


def _folder(read: Entry) -> str:
    return (
        f"{read.folder.parent.name}/{read.name}"
        if read.folder.parent.name == "submissions"
        else f"baselines/systems/{read.name}"
    )


def _fields(number: float | None, found: Measured | None, scale: float) -> tuple[Field, Field, Field]:
    first = NOTHING if number is None else Field(f"{number:.2f}", number)
    if found is None:
        return first, Field("not yet", ""), NOTHING
    mean = scale * found.mean
    notes = (f"n = {len(found.runs)}", *(() if found.whole else ("last epoch only",)))
    second = Field(f"{mean:.2f}", mean, {"runs": [scale * run for run in found.runs]}, notes)
    if number is None:
        return first, second, NOTHING
    ends = found.interval()
    between_ends = (f"{scale * ends[0] - number:+.2f} to {scale * ends[1] - number:+.2f}",) if ends else ("one run",)
    return first, second, Field(f"{mean - number:+.2f}", mean - number, notes=between_ends)
