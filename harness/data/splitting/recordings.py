"""The recordings that a meta.csv lists, in groups and in orders that are drawn."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal, TypeVar

from harness.data import lists, tau
from harness.data.lists import Table, normal_name
from harness.outcomes import Mistake

NAME = re.compile(r"audio/([^-/]+)-([^-/]+-[^-/]+)-[^-/]+-\d+-([^-/]+)\.wav")
GRAMMAR = "audio/<scene>-<city>-<location>-<segment>-<k>-<device>.wav"

Field = Literal["location", "scene", "device"]
FIELDS: tuple[Field, ...] = ("location", "scene", "device")
Item = TypeVar("Item")


@dataclass(frozen=True)
class Recording:
    """What one device recorded of one segment; `clips` are names with `audio/`, sorted."""

    scene: str
    location: str
    segment: str
    device: str
    clips: tuple[str, ...]


def recordings_of(meta: Table) -> tuple[Recording, ...]:
    """The recordings in `meta`, in the order of their names.

    Raises `Mistake` by line for a name that breaks the grammar, contradicts its row or stands there twice.
    """
    lists.require_complete(meta)
    names = list(map(normal_name, meta.columns["filename"]))
    columns = (meta.columns[name] for name in ("scene_label", "identifier", "source_label"))
    rows = list(zip(*columns, strict=True))
    clips: defaultdict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for number, name, row in zip(meta.lines, names, rows, strict=True):
        match = NAME.fullmatch(name)
        if match is None or match.groups() != row:
            raise _bad_row(meta, number, name, row)
        scene, location, device = row
        clips[scene, location, tau.segment_of(name), device].append(name)
    if len(set(names)) != len(names):
        raise _twice(meta, names)
    return tuple(Recording(*key, tuple(sorted(clips[key]))) for key in sorted(clips, key=lambda key: (key[2], key[3])))


def _bad_row(meta: Table, number: int, name: str, row: Sequence[str]) -> Mistake:
    where = f"{meta.path}, line {number}: {name}"
    match = NAME.fullmatch(name)
    if match is None:
        return Mistake("splits.name", f"{where} is not of the form {GRAMMAR}.", "Rename the clip.")
    fields = zip(("scene_label", "identifier", "source_label"), match.groups(), row, strict=True)
    column, named, given = next(field for field in fields if field[1] != field[2])
    problem = f'{where} has "{named}" in its name and "{given}" in the column {column}.'
    return Mistake("splits.column", problem, "Correct the one that is wrong.")


def _twice(meta: Table, names: Sequence[str]) -> Mistake:
    first: dict[str, int] = {}
    row = next(row for row, name in enumerate(names) if first.setdefault(name, row) != row)
    earlier = meta.lines[first[names[row]]]
    problem = f"{meta.path}, line {meta.lines[row]}: {names[row]} stands in line {earlier} already."
    return Mistake("splits.twice", problem, "Remove one of the two lines.")


def every(found: Iterable[Recording], field: Field) -> tuple[str, ...]:
    return tuple(sorted({getattr(one, field) for one in found}))


def grouped(found: Iterable[Recording], field: Field) -> dict[str, list[Recording]]:
    """The recordings by a field, in the order of its values."""
    groups: defaultdict[str, list[Recording]] = defaultdict(list)
    for one in found:
        groups[getattr(one, field)].append(one)
    return dict(sorted(groups.items()))


def clips_in(part: Iterable[Recording]) -> int:
    return sum(len(one.clips) for one in part)


def in_turn(groups: Iterable[Iterable[Item]]) -> list[Item]:
    """The first of each group, then the second of each, until all groups are used up."""
    return [item for row in zip_longest(*groups) for item in row if item is not None]


def drawn(items: Iterable[Item], seed: int, *words: object) -> list[Item]:
    """The items in an order that seed and words decide; recordings of one segment stand at one place of it."""

    def draw(item: Item) -> bytes:
        name = item.segment if isinstance(item, Recording) else item
        return hashlib.sha256("\0".join(map(str, (seed, *words, name))).encode()).digest()

    return sorted(items, key=draw)
