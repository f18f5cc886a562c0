"""Lists of clips as data sets have them: tables with a header, bare names or quoted values; LF or CRLF."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import StringIO
from itertools import compress, product
from pathlib import Path

from harness.files import write_bytes
from harness.outcomes import Mistake

META_COLUMNS = ("filename", "scene_label", "identifier", "source_label")
LIST_COLUMNS = ("filename", "scene_label")

SEPARATORS = {"\t": "tabs", ",": "commas"}


@dataclass(frozen=True)
class Table:
    """A list by columns, in the order of its rows; `lines` are the numbers of the rows' lines in the file.

    `short` are the numbers of lines that lack a required value; they are no rows.
    """

    path: Path
    columns: dict[str, list[str]]
    lines: Sequence[int]
    short: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.lines)

    def take(self, chosen: Sequence[bool]) -> Table:
        """The rows where `chosen` is True."""
        columns = {name: list(compress(values, chosen)) for name, values in self.columns.items()}
        return Table(self.path, columns, list(compress(self.lines, chosen)), self.short)


def read(path: Path, required: Sequence[str], separator: str = "\t") -> Table:
    """The list in `path`, whose columns are named in its first line.

    Raises `Mistake` when it cannot be read, is no UTF-8 text, or its header lacks one of the `required` columns.
    """
    header, *lines = _text(path).replace("\r\n", "\n").split("\n")
    names = header.split(separator)
    _require_columns(path, names, required, SEPARATORS[separator])
    numbers = [number for number, line in enumerate(lines, start=2) if line]
    lines = list(filter(None, lines))
    if any(line.count(separator) != len(names) - 1 for line in lines):
        lines = [_as_wide(line, len(names), separator) for line in lines]
    values = separator.join(lines).split(separator) if lines else []
    columns = {name: values[place :: len(names)] for place, name in enumerate(names)}
    return _complete(Table(path, columns, numbers), required)


def read_names(path: Path) -> Table:
    """The list in `path` of a name a line, without a header, as the column "filename"; raises as `read` does."""
    lines = _text(path).replace("\r\n", "\n").split("\n")
    found = [(number, line) for number, line in enumerate(lines, start=1) if line]
    return Table(path, {"filename": [line for _, line in found]}, [number for number, _ in found])


def read_quoted(path: Path, required: Sequence[str], header: Sequence[str] | None = None) -> Table:
    """The list in `path`, separated by commas, whose values may be quoted and hold commas.

    Columns are named in the first line, or by `header` where the file has none. Raises `Mistake` as `read` does, and
    for a line with more or fewer values than columns, or with a quotation mark that is not closed.
    """
    rows = csv.reader(StringIO(_text(path), newline=""), strict=True)
    found: list[list[str]] = []
    numbers: list[int] = []
    try:
        names = next(rows, []) if header is None else list(header)
        _require_columns(path, names, required, SEPARATORS[","])
        for row in filter(None, rows):
            if len(row) != len(names):
                problem = f"{path}, line {rows.line_num} has {len(row)} values instead of {len(names)}."
                raise Mistake("data.row", problem, "A value that holds commas stands in quotation marks.")
            found.append(row)
            numbers.append(rows.line_num)
    except csv.Error as error:
        problem = f"{path}, line {rows.line_num} cannot be read: {error}."
        raise Mistake("data.row", problem, "Close every quotation mark.") from None
    columns = {name: [row[place] for row in found] for place, name in enumerate(names)}
    return _complete(Table(path, columns, numbers), required)


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a long list one after the other, each with its number; raises as `read` does."""
    with _readable(path), path.open(encoding="utf-8-sig") as stream:
        yield from enumerate(stream, start=1)


def _require_columns(path: Path, names: Sequence[str], required: Sequence[str], separator: str) -> None:
    missing = [column for column in required if column not in names]
    if missing:
        problem = f'{path} has no column "{missing[0]}"; its header has {", ".join(filter(None, names)) or "nothing"}.'
        remedy = f"Columns are separated by {separator} and named in the first line."
        raise Mistake("data.column", problem, remedy)


def _as_wide(line: str, width: int, separator: str) -> str:
    """A line with as many values as the header has: empty ones for those that lack, without those that are too many."""
    values = line.split(separator)[:width]
    return separator.join([*values, *[""] * (width - len(values))])


def _complete(table: Table, required: Sequence[str]) -> Table:
    """The table without the rows that lack a required value."""
    if all(all(table.columns[name]) for name in required):
        return table
    keep = [all(values) for values in zip(*(table.columns[name] for name in required), strict=True)]
    short = tuple(number for number, whole in zip(table.lines, keep, strict=True) if not whole)
    return replace(table.take(keep), short=short)


def _text(path: Path) -> str:
    with _readable(path):
        text = path.read_bytes().decode("utf-8-sig")
        if "\0" in text:
            raise UnicodeError
        return text


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turns what the system says of a file that cannot be read, and of one that is no text, into a `Mistake`."""
    try:
        yield
    except UnicodeError:
        raise Mistake("data.encoding", f"{path} is not UTF-8 text.", "Save it as UTF-8.") from None
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise Mistake(
            "data.unreadable", f"{path} cannot be read: {reason}.", "Check the path and its permissions."
        ) from None


def find(names: Sequence[str], places: Sequence[Path]) -> Path | None:
    """The first of `names` that is a file in one of `places`; raises `Mistake` where one may not be looked into."""
    for name, place in product(names, places):
        try:
            if (place / name).is_file():
                return place / name
        except PermissionError:
            remedy = "Give yourself the right to read and enter it."
            raise Mistake("data.permission", f"{place} may not be read.", remedy) from None
    return None


def require_complete(table: Table) -> None:
    """Raises `Mistake` for the first line with too few columns."""
    if table.short:
        problem = f"{table.path}, line {table.short[0]} has too few columns."
        raise Mistake("data.row", problem, "Complete or remove the line.")


def normal_name(name: str) -> str:
    """A clip's name with the `audio/` prefix, whether the list had it (2025) or not (2024)."""
    return name if name.startswith("audio/") else f"audio/{name}"


def content(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """The bytes of a list, with LF line ends."""
    return ("\n".join(map("\t".join, (columns, *rows))) + "\n").encode()


def write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A list at `path`, whole or not at all."""
    write_bytes(path, content(columns, rows))
