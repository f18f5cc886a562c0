"""The table of a multi-label data set's classes (index, identifier, label), which must be the track's own.

A clip's labels are columns of a matrix: a table with a class more, less or in another place gives every score to the
wrong class, and nothing would show it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.data import lists
from harness.data.findings import Check, Fault
from harness.data.listing import unread
from harness.data.lists import Table
from harness.outcomes import Mistake, nearest
from harness.tracks import Track

INDEX, MID, LABEL = "index", "mid", "display_name"
"""Columns, as class_labels_indices.csv of AudioSet calls them; a mid is Freebase's or AudioSet's name of a class."""


@dataclass(frozen=True)
class Classes:
    """`labels` maps the mid of each class to its label in the track; `check` is of the table itself."""

    check: Check
    labels: Mapping[str, str] = field(default_factory=dict)


def read(path: Path, columns: Sequence[str] | None, track: Track) -> Classes:
    """The classes that `path` lists, faults included; `columns` names what stands in it where it has no header."""
    try:
        table = lists.read_quoted(path, (INDEX, MID, LABEL), columns)
    except Mistake as mistake:
        return Classes(Check(name=path.name, looked_at=0, unit="classes", faults=(unread(path.name, path, mistake),)))
    faults = tuple(
        Fault(check=path.name, subject=path.name, sentence=sentence) for sentence in _sentences(table, track)
    )
    labels = dict(zip(table.columns[MID], table.columns[LABEL], strict=True))
    return Classes(Check(name=path.name, looked_at=len(table), unit="classes", faults=faults), labels)


def _sentences(table: Table, track: Track) -> Iterator[str]:
    """What is wrong: another number of classes, an index that is none, stands twice or lacks, another label."""
    name, wanted = table.path.name, len(track.labels)
    if len(table) != wanted:
        yield f"{name} has {len(table):,} classes instead of {wanted:,}."
    yield from (f"{name}, line {line} has too few columns." for line in table.short)
    first: dict[int, int] = {}
    for index, label, line in zip(table.columns[INDEX], table.columns[LABEL], table.lines, strict=True):
        number = int(index) if index.isdecimal() else -1
        if not 0 <= number < wanted:
            yield f'{name}, line {line}: "{index}" is no index of a class; they go from 0 to {wanted - 1}.'
        elif number in first:
            yield f"{name}, line {line}: the index {number} stands in line {first[number]} too."
        elif label not in track.labels:
            yield f'{name}, line {line}: "{label}" is no label of this track. {nearest(label, track.labels)}'
        elif label != track.labels[number]:
            yield f'{name}, line {line}: class {number} is "{label}" instead of "{track.labels[number]}".'
        first.setdefault(number, line)
    yield from (
        f'{name} has no class {number}, "{label}".' for number, label in enumerate(track.labels) if number not in first
    )
