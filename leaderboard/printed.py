"""Numbers that papers print, one TOML file a paper in `published/`: shown beside measured ones, never mixed."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from harness.outcomes import Mistake, nearest
from harness.validated import Record, read_toml

FOLDER = Path(__file__).parent / "published"


class Row(Record):
    """A row of a table: its name as printed, its numbers by column, and their deviations where the paper has them.

    `unclear` says why a number is doubtful: a cell that the paper's text contradicts, or that cannot be read.
    """

    name: str
    values: dict[str, float]
    deviations: dict[str, float] = Field(default_factory=dict)
    unclear: str | None = None


class Table(Record):
    """A table of a paper. `columns` are in the printed order; `page` where the source has pages."""

    table: str
    title: str
    conditions: str
    unit: Literal["percent", "share", "count", "clips per second", "mixed"]
    columns: tuple[str, ...] = Field(min_length=1)
    rows: tuple[Row, ...] = Field(min_length=1)
    page: int | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        names = [row.name for row in self.rows]
        if len(set(names)) < len(names):
            raise ValueError("two rows have one name")
        for row in self.rows:
            unknown = sorted((row.values.keys() | row.deviations.keys()) - set(self.columns))
            if unknown:
                raise ValueError(f'the row "{row.name}" has the column {unknown[0]}, which `columns` does not name')
        return self

    def number(self, row: str, column: str) -> float | None:
        """The printed number; None where the table has none there. Raises `Mistake` for an unknown row or column."""
        if column not in self.columns:
            raise Mistake("published.column", f'{self.table} has no column "{column}".', nearest(column, self.columns))
        return self.row(row).values.get(column)

    def row(self, name: str) -> Row:
        """The row called `name`."""
        found = {row.name: row for row in self.rows}
        if name not in found:
            raise Mistake("published.row", f'{self.table} has no row "{name}".', nearest(name, found))
        return found[name]


class Paper(Record):
    """A paper, or an official page, and its tables."""

    title: str
    authors: str
    where: str
    url: str | None = None
    tables: dict[str, Table]

    def table(self, name: str) -> Table:
        """The table called `name`."""
        if name not in self.tables:
            raise Mistake("published.table", f'"{self.title}" has no table "{name}" here.', nearest(name, self.tables))
        return self.tables[name]


def paper(name: str, folder: Path = FOLDER) -> Paper:
    """The paper whose file is called `name`; raises `Mistake` with the nearest name."""
    known = sorted(path.stem for path in folder.glob("*.toml"))
    if name not in known:
        raise Mistake("published.paper", f'There are no printed numbers of "{name}".', nearest(name, known))
    return read_toml(folder / f"{name}.toml", Paper, rule="published")
