"""What a folder lists, faults included: its clips, the lists of a track, and what is wrong with them.

Every layout has a reader that fills a `Listing` and goes on behind a fault; `data verify` reports them all. The
functions here are the faults that lists of any layout can have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from harness.data.findings import Check, Counts, Fault
from harness.data.lists import Table
from harness.outcomes import Mistake, nearest
from harness.tracks import fold_list

TEST, VALIDATION = "test", "validation"

SEGMENT, LOCATION = "segment", "location"
"""What clips share that were recorded together."""


@dataclass(frozen=True)
class Listed:
    """A list as it lies: that of a training split, the test list, or clips that are neither.

    `name` is its file's, or what stands for a list that no file holds. `fold`: it is the test list of that split.
    `missing` counts the clips it asks for that are not in this copy of the data set; they are not among `names`.
    """

    split: str
    name: str
    names: tuple[str, ...]
    labels: tuple[str, ...] | None
    lines: Sequence[int]
    fold: bool = False
    missing: int = 0

    @property
    def shown(self) -> str:
        """How checks call it."""
        if self.fold:
            return fold_list(self.split)
        return f"{self.split} list" if self.split in {TEST, VALIDATION} else f"split {self.split}"


@dataclass(frozen=True)
class Meta:
    """All clips of a folder by columns; `rows` finds a clip by its name.

    `name` is what lists them: a file, or the folder itself. `segments` are those the clips were cut from. `others` are
    clips that it lists too and the track does not ask for. Where a clip may have several labels, `labels` is empty and
    `label_sets` has them.
    """

    name: str
    names: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    lines: Sequence[int] = ()
    others: frozenset[str] = frozenset()
    label_sets: tuple[tuple[str, ...], ...] = ()

    @cached_property
    def rows(self) -> dict[str, int]:
        """The row of each clip; of the first one where a name stands twice."""
        return {name: row for row, name in reversed(list(enumerate(self.names)))}

    def labels_of(self, row: int) -> tuple[str, ...]:
        """The labels of a clip: one, or those of its set."""
        return self.label_sets[row] if self.label_sets else (self.labels[row],)


@dataclass(frozen=True)
class Listing:
    """What a folder lists, and what is wrong with the lists themselves.

    In cross-validation `folds` are the test lists of the `splits`, in their order, and there is no other. `left_out`
    are lists of clips that no split and no test has. `apart` is what must not be on both sides, clips aside.
    """

    meta: Meta
    splits: tuple[Listed, ...]
    test: Listed | None
    checks: tuple[Check, ...] = field(default=())
    folds: tuple[Listed, ...] = ()
    left_out: tuple[Listed, ...] = ()
    apart: tuple[str, ...] = (SEGMENT, LOCATION)

    @property
    def lists(self) -> tuple[Listed, ...]:
        """Training lists, then those for the test, then what is left out."""
        return (*self.splits, *self.lists_for_test, *self.left_out)

    @property
    def lists_for_test(self) -> tuple[Listed, ...]:
        """The folds, or the test list where there is one."""
        return (*self.folds, *([self.test] if self.test else []))

    @property
    def sides(self) -> tuple[tuple[str, tuple[Listed, ...]], ...]:
        """What must be apart, by name: the training lists and the test list, or the folds."""
        if self.folds:
            return tuple((one.shown, (one,)) for one in self.folds)
        return (("test list", self.lists_for_test), ("training lists", self.splits))

    def test_of(self, listed: Listed) -> Listed | None:
        """The test list of a training list."""
        return next((one for one in self.folds if one.split == listed.split), self.test)

    @property
    def validation(self) -> Listed | None:
        """The publisher's list for choosing, where it is one of those left out."""
        return next((one for one in self.left_out if one.split == VALIDATION), None)

    def rows(self, listed: Listed) -> list[int]:
        """Rows of the list's clips, without those that are unknown."""
        known = self.meta.rows
        return [known[name] for name in listed.names if name in known]

    def counts(self, rows: Iterable[int]) -> Counts:
        """Clips by device and by class, and how many recordings, segments and locations they come from.

        A clip with several labels counts in each of its classes.
        """
        meta = self.meta
        some = list(rows)
        return Counts(
            clips=len(some),
            recordings=len({(meta.segments[row], meta.devices[row]) for row in some}),
            segments=len({meta.segments[row] for row in some}),
            locations=len({meta.identifiers[row] for row in some}),
            devices=dict(sorted(Counter(meta.devices[row] for row in some).items())),
            labels=dict(sorted(Counter(label for row in some for label in meta.labels_of(row)).items())),
        )


def unread(check: str, path: Path, mistake: Mistake, places: Sequence[Path] = ()) -> Fault:
    """What kept a list from being read; a report goes to others, and folders of this machine stay out of it."""
    sentence = mistake.problem
    for place in (path, *sorted(places, key=lambda place: -len(str(place)))):
        sentence = sentence.replace(str(place), place.name)
    return Fault(check=check, subject=path.name, sentence=sentence)


def table_faults(check: str, table: Table, names: Sequence[str]) -> Iterator[Fault]:
    """Lines with too few columns, names that stand twice, and no line at all."""
    subject = table.path.name
    for line in table.short:
        yield Fault(check=check, subject=subject, sentence=f"{subject}, line {line} has too few columns.")
    first: dict[str, int] = {}
    for name, line in zip(names, table.lines, strict=True):
        if name in first:
            yield Fault(
                check=check,
                subject=subject,
                sentence=f"{subject}, line {line}: {name} stands in line {first[name]} too.",
            )
        first.setdefault(name, line)
    if not names:
        yield Fault(check=check, subject=subject, sentence=f"{subject} lists no clip.")


def unknown(meta: Meta, values: Sequence[str], known: Iterable[str], what: str) -> Iterator[Fault]:
    valid = set(known)
    hints = {value: nearest(value, valid) for value in set(values) - valid}
    for value, line in zip(values, meta.lines, strict=True):
        if value in hints:
            sentence = f'{meta.name}, line {line}: "{value}" is no {what} of this track. {hints[value]}'
            yield Fault(check=meta.name, subject=meta.name, sentence=sentence)


def unknown_labels(file: str, where: Mapping[str, Sequence[int]], known: Collection[str], what: str) -> Iterator[Fault]:
    """Labels that nobody knows, each told once: `where` has the lines of each in `file`."""
    for label, lines in where.items():
        more = f" (and {len(lines) - 1:,} more)" if len(lines) > 1 else ""
        sentence = f'{file}, line {lines[0]}{more}: "{label}" is {what}. {nearest(label, known)}'
        yield Fault(check=file, subject=file, sentence=sentence)


def against_meta(listed: Listed, meta: Meta, known: Collection[str]) -> Iterator[Fault]:
    """Clips that are unknown, or that have another label there."""
    rows, labels, subject = meta.rows, listed.labels, listed.name
    if not meta.names:  # told once, of meta.csv
        return
    for place, (name, line) in enumerate(zip(listed.names, listed.lines, strict=True)):
        row, where = rows.get(name), f"{subject}, line {line}: "
        if row is None:
            yield Fault(check=listed.shown, subject=subject, sentence=f"{where}{name} is not in {meta.name}.")
        elif labels and labels[place] != meta.labels[row] and meta.labels[row] in known:
            called = f"is called {labels[place]}" if labels[place] else "has no label"
            sentence = f"{where}{name} {called}, and {meta.labels[row]} in {meta.name}."
            yield Fault(check=listed.shown, subject=subject, sentence=sentence)
