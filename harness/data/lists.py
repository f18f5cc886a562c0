"""Tab-separated lists of clips, as the TAU data sets have them: a header, LF or CRLF, with or without `audio/`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path

from harness.files import write_bytes
from harness.outcomes import Mistake

META_COLUMNS = ("filename", "scene_label", "identifier", "source_label")
LIST_COLUMNS = ("filename", "scene_label")


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


def read(path: Path, required: Sequence[str]) -> Table:
    """The list in `path`.

    Raises `Mistake` when it cannot be read, is no UTF-8 text, or its header lacks one of the `required` columns.
    """
    header, *lines = _text(path).replace("\r\n", "\n").split("\n")
    names = header.split("\t")
    missing = [column for column in required if column not in names]
    if missing:
        problem = f'{path} has no column "{missing[0]}"; its header has {", ".join(filter(None, names)) or "nothing"}.'
        raise Mistake("data.column", problem, "Columns are separated by tabs and named in the first line.")
    numbers = [number for number, line in enumerate(lines, start=2) if line]
    lines = list(filter(None, lines))
    if any(line.count("\t") != len(names) - 1 for line in lines):
        lines = [_as_wide(line, len(names)) for line in lines]
    values = "\t".join(lines).split("\t") if lines else []
    columns = {name: values[place :: len(names)] for place, name in enumerate(names)}
    return _complete(Table(path, columns, numbers), required)


def _as_wide(line: str, width: int) -> str:
    """A line with as many values as the header has: empty ones for those that lack, without those that are too many."""
    values = line.split("\t")[:width]
    return "\t".join([*values, *[""] * (width - len(values))])


def _complete(table: Table, required: Sequence[str]) -> Table:
    """The table without the rows that lack a required value."""
    if all(all(table.columns[name]) for name in required):
        return table
    keep = [all(values) for values in zip(*(table.columns[name] for name in required), strict=True)]
    short = tuple(number for number, whole in zip(table.lines, keep, strict=True) if not whole)
    columns = {name: list(compress(values, keep)) for name, values in table.columns.items()}
    return Table(table.path, columns, list(compress(table.lines, keep)), short)


def _text(path: Path) -> str:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise Mistake(
            "data.unreadable", f"{path} cannot be read: {reason}.", "Check the path and its permissions."
        ) from None
    if "\0" in text:
        raise Mistake("data.encoding", f"{path} is not UTF-8 text.", "Save it as UTF-8.")
    return text


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
