"""Tables: what a page shows, and its downloads as CSV and JSON, from one source."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, Literal

from markupsafe import Markup

Better = Literal["up", "down"]

LONG = 200
"""Rows from which on a browser would take seconds to fit the columns of a table to all its fields."""

BETTER: Mapping[Better, str] = {"up": "↑ higher is better", "down": "↓ lower is better"}


@dataclass(frozen=True)
class Column:
    """A column: its `key` in downloads, its title, its unit, and which way is better; `group` spans several."""

    key: str
    title: str
    better: Better | None = None
    number: bool = True
    group: str = ""
    ranks: bool = False

    @property
    def direction(self) -> str:
        """Which way is better, as an arrow and words."""
        return BETTER[self.better] if self.better else ""


@dataclass(frozen=True)
class Group:
    """A title over `span` neighbouring columns, whose direction is the same; without a title it is one plain column."""

    title: str
    span: int
    direction: str


@dataclass(frozen=True)
class Field:
    """A cell of a table: the `text` that is shown, and the `value` and `more` that downloads have.

    `notes` are small lines below, `href` a link from the text, `bar` a share of a limit (0…1), `shade` a step of a heat
    table (0…9), `links` further links (text, href). `warn` marks what a reader should not miss.
    """

    text: str
    value: object = None
    more: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    href: str | None = None
    links: tuple[tuple[str, str], ...] = ()
    bar: float | None = None
    shade: int | None = None
    code: str | None = None
    warn: bool = False

    @property
    def plain(self) -> bool:
        """Whether there is nothing but the text."""
        return not (self.href or self.code or self.notes or self.links) and self.bar is None


NOTHING = Field("\N{EN DASH}")
"""No figure: shown as a dash, empty in downloads."""


@dataclass(frozen=True)
class Table:
    """A table of a page. The first column that holds no numbers heads its rows; `id` is unique on its page.

    `sortable` tables get buttons and a filter where scripts run; every row is there without them. Tables of `LONG` rows
    and more have columns of set widths, so that a browser lays out what is in view and nothing else.
    """

    id: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Field, ...], ...]
    sortable: bool = False

    def __post_init__(self) -> None:
        uneven = [len(row) for row in self.rows if len(row) != len(self.columns)]
        assert not uneven, f"{self.id} has rows of {uneven} fields for {len(self.columns)} columns"  # noqa: S101 - our bug

    @cached_property
    def head(self) -> int:
        """The column that names a row."""
        return next((at for at, column in enumerate(self.columns) if not column.number), 0)

    @property
    def groups(self) -> tuple[Group, ...]:
        """What stands over neighbouring columns; none where no column is in a group."""
        found: list[Group] = []
        for column in self.columns:
            if found and column.group and found[-1].title == column.group:
                found[-1] = Group(column.group, found[-1].span + 1, found[-1].direction)
            else:
                found.append(Group(column.group, 1, column.direction))
        return tuple(found) if any(one.title for one in found) else ()

    @cached_property
    def widths(self) -> Markup:
        """The columns of a long table as a CSS grid has them, each as wide as its longest line; else nothing."""
        if len(self.rows) < LONG:
            return Markup()
        each = zip(self.columns, zip(*self.rows, strict=True), strict=True)
        named = [_HEAD_WIDTH if at == self.head else _width(*one) for at, one in enumerate(each)]
        return Markup(" ").join(named)

    def laid_out(self, row: Sequence[Field]) -> Iterator[tuple[Field, Markup, str]]:
        """Every field of a row with the tags around it: a heading of the row, or a cell with its classes."""
        for at, (cell, column) in enumerate(zip(row, self.columns, strict=True)):
            if at == self.head:
                yield cell, HEAD_WARNS if cell.warn else HEAD, "th"
            else:
                yield cell, _cell_tag(column.number, cell.warn, cell.shade), "td"

    def records(self) -> list[dict[str, object]]:
        """Every row as raw values by key; a figure's interval and spread are `<key>.low` and so on."""
        return [_record(self.columns, row) for row in self.rows]

    def csv(self) -> str:
        """The rows as CSV, a column for every value."""
        records = self.records()
        names = list(dict.fromkeys(name for column in self.columns for name in _names(column.key, records)))
        text = io.StringIO()
        writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _plain(value) for name, value in record.items()} for record in records)
        return text.getvalue()

    def json(self) -> str:
        """The rows as a JSON document."""
        document = {"table": self.caption, "rows": self.records()}
        return json.dumps(document, ensure_ascii=False, indent=0) + "\n"


_HEAD_WIDTH = Markup("18rem")
_SMALL = 0.87
"""The size of notes beside that of text, of which a letter is taken to be 0.5 rem wide."""

_BAR = 10
"""The letters that a bar is as wide as."""


def _width(column: Column, fields: Iterable[Field]) -> Markup:
    """A width in CSS for a column's longest word, line or note, and the space beside it."""
    longest = max(8.0, *map(len, column.title.split()))
    for one in fields:
        bar = 0 if one.bar is None else _BAR
        longest = max(longest, bar, len(one.text), *(len(note) * _SMALL for note in one.notes))
    letters = longest if column.number else min(longest, 40)
    return Markup(f"{letters * 0.5 + 1.25:.1f}rem")  # noqa: S704 - numbers


HEAD, HEAD_WARNS = Markup('th scope="row"'), Markup('th scope="row" class="w"')


@cache
def _cell_tag(number: bool, warns: bool, shade: int | None) -> Markup:
    classes = [name for name, wanted in (("t", not number), ("w", warns), (f"h{shade}", shade is not None)) if wanted]
    return Markup(f'td class="{" ".join(classes)}"') if classes else Markup("td")  # noqa: S704 - our own words


def bundled(title: str, tables: Sequence[Table]) -> dict[str, str]:
    """Several tables as one CSV (table, number of the row, figure, value) and as one JSON document."""
    records = {table.id: table.records() for table in tables}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("table", "row", "figure", "value"))
    for name, rows in records.items():
        for number, record in enumerate(rows, start=1):
            writer.writerows((name, number, key, _plain(value)) for key, value in record.items())
    document = json.dumps({"title": title, "tables": records}, ensure_ascii=False, separators=(",", ":"))
    return {"csv": text.getvalue(), "json": f"{document}\n"}


def _names(key: str, records: Sequence[Mapping[str, object]]) -> list[str]:
    """A column's key, and the names below it that any row has."""
    below = dict.fromkeys(name for record in records for name in record if name.startswith(f"{key}."))
    return [key, *below]


def _record(columns: Sequence[Column], row: Sequence[Field]) -> dict[str, object]:
    found: dict[str, object] = {}
    for column, cell in zip(columns, row, strict=True):
        value = cell.value if cell.value is not None else (None if cell is NOTHING else cell.text)
        found[column.key] = _finite(value)
        found |= {f"{column.key}.{name}": _finite(each) for name, each in cell.more.items()}
    return found


def _finite(value: Any) -> object:  # noqa: ANN401 - whatever a field holds
    """JSON has no NaN."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: object) -> object:
    """As CSV has it; what a spreadsheet would take for a formula begins with an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False)
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text[:1] in {"=", "+", "-", "@", "\t", "\r"} else value
