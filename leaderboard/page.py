"""Pages: sections of text, tables and charts. `leaderboard/pages/` makes them, `templates/` writes them as HTML."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from leaderboard.display import Statement
from leaderboard.tables import Table, bundled


@dataclass(frozen=True)
class Chart:
    """A chart, and the id of the table that says the same in numbers."""

    svg: Markup
    twin: str


@dataclass(frozen=True)
class Section:
    """A part of a page; parts that are empty are not shown. `folded`: closed until a reader opens it."""

    id: str
    title: str
    text: tuple[str | Markup, ...] = ()
    statements: tuple[Statement, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    command: str | None = None
    quoted: str | None = None
    folded: bool = False

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        parts = (self.text, self.statements, self.charts, self.tables, self.links, self.command, self.quoted)
        return not any(parts)


@dataclass(frozen=True)
class Page:
    """A page at `path` from the site's folder, with the way back (`crumbs`: title and path from the site's folder).

    Pages of which there are hundreds are `bundled`: all their tables are one download.
    """

    path: str
    title: str
    lead: tuple[str | Markup, ...] = ()
    sections: tuple[Section, ...] = ()
    crumbs: tuple[tuple[str, str], ...] = ()
    bundled: bool = False

    @property
    def shown(self) -> tuple[Section, ...]:
        """The sections that say something."""
        return tuple(section for section in self.sections if not section.empty)

    @property
    def stem(self) -> str:
        """The page's name without its ending, for downloads beside it."""
        return self.path.rpartition("/")[2].removesuffix(".html")

    @property
    def root(self) -> str:
        """The way from this page to the site's folder."""
        return "../" * self.path.count("/")

    @property
    def scripted(self) -> bool:
        """Whether any of its tables can be sorted."""
        return any(table.sortable for section in self.sections for table in section.tables)

    def as_text(self) -> Iterator[tuple[list[list[str]], list[str]]]:
        """Every table's rows and headings, as a terminal shows them."""
        for table in (table for section in self.sections for table in section.tables):
            yield (
                [[" ".join((one.text, *one.notes)) for one in row] for row in table.rows],
                [" ".join((column.title, *column.direction[:1])) for column in table.columns],
            )

    def downloads(self) -> dict[str, str]:
        """The tables as files beside the page, by path; those of a `bundled` page in one CSV and one JSON."""
        stem, shown = self.path.removesuffix(".html"), [table for section in self.sections for table in section.tables]
        if self.bundled:
            return {f"{stem}.{kind}": text for kind, text in bundled(self.title, shown).items()}
        return {
            f"{stem}.{table.id}.{kind}": text
            for table in shown
            for kind, text in (("csv", table.csv()), ("json", table.json()))
        }
