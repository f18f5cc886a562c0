"""A study as it is written down: rows, columns, and what is measured for each of their cells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Protocol, Self

from pydantic import BeforeValidator, Field, model_validator

from harness import entry
from harness.entry import STUDIES, Entry
from harness.outcomes import Mistake, nearest
from harness.validated import Record, read_toml

FOLDS = "folds"
"""As a column's split: every fold of the track."""

Measure = Literal[
    "accuracy", "macro_accuracy", "log_loss", "real", "seen", "unseen", "seen_unseen_gap", "mean_average_precision",
    "training_score", "macs", "clips_per_second", "figure",
]  # fmt: skip
"""What a column shows. real, seen and unseen are accuracies of device groups; `training_score` is what a training wrote
down of its own training clips (accuracy, mAP where they have several labels; a training curve of that name); `figure`
is what the entry tells of its systems (`figures` of the contract)."""

SHARES = frozenset({
    "accuracy", "macro_accuracy", "real", "seen", "unseen", "seen_unseen_gap", "mean_average_precision",
    "training_score",
})  # fmt: skip
"""Measures between 0 and 1, which papers print in percent."""

SCORED = SHARES | {"log_loss"}
"""Measures that runs have."""

COUNTED = frozenset({"macs", "figure"})
"""Measures that a check finds: they have no runs."""

Relation = Literal["less", "times", "part"]
"""What a column shows of a value and another one, the reference: value - reference, value / reference,
reference / value."""


class Column(Record):
    """A printed column and what is measured for it: on which split, of which of the row's systems.

    A relation is to the system that the row has for `to`, or without one to what its `reference` row has here. `table`
    is the paper's table that prints it where it is not the study's own; `printed` the column there: its numbers are
    related to those of the row's reference as the measured ones are. "" says that the paper prints none.
    """

    name: str
    measure: Measure = "accuracy"
    figure: str | None = None
    split: str = "100"
    of: str = "system"
    relation: Relation | None = None
    to: str | None = None
    table: str | None = None
    printed: str | None = None

    @model_validator(mode="after")
    def _figure_is_named(self) -> Self:
        if (self.measure == "figure") != bool(self.figure):
            raise ValueError('`figure` names what a column of measure "figure" shows, and no other')
        return self

    @model_validator(mode="after")
    def _relates_to_something(self) -> Self:
        if self.to and (self.relation is None or self.printed):
            raise ValueError(
                "`to` is the other system of a relation, whose numbers are printed as they are or not at all"
            )
        return self


class Row(Record):
    """A printed row and the system it is about; `systems` where its columns are about several (teacher, student).

    `printed_only`: the work of others, or what nobody can run, of which the paper's number is all that is shown.
    `track`: where the row's numbers are from, if not from the study's. `reference`: the row that relations are to.
    `epoch`: its scores are those of the snapshot after that epoch, not those of what the training gave in the end.
    """

    name: str
    system: str | None = None
    systems: dict[str, str] = Field(default_factory=dict)
    printed_only: bool = False
    track: str | None = None
    reference: str | None = None
    epoch: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _about_something(self) -> Self:
        if bool(self.system) + bool(self.systems) + self.printed_only != 1:
            raise ValueError("a row has either `system` or `systems`, or is `printed_only`")
        return self

    def about(self, column: Column) -> str | None:
        """The system that the column is about; None where the row leaves it empty."""
        return self.system or self.systems.get(column.of)


def _one_or_several(names: object) -> object:
    """`y = "drop"` is short for `y = ["drop"]`."""
    return [names] if isinstance(names, str) else names


class Curve(Record):
    """Columns that pages draw over the column `x`, or over the rows' epochs without one; each of `y` is a line."""

    title: str
    x: str | None = None
    y: Annotated[tuple[str, ...], BeforeValidator(_one_or_several)] = Field(min_length=1)


class Study(Record):
    """A table of a paper: what it needs, and its rule: the mean over `seeds` of the mean of the `last_epochs` epochs.

    `paper` and `table` name the printed numbers, `track` what they were measured on, `also` tracks that stand in for it
    where what was measured on them is shown. `layout`: the terminal shows a
    line for each cell, or one for each row. `remarks` are said below the table.
    """

    title: str
    paper: str
    table: str
    track: str
    also: tuple[str, ...] = ()
    seeds: tuple[int, ...] = Field(min_length=1)
    last_epochs: int = Field(default=1, ge=1)
    layout: Literal["cells", "rows"] = "cells"
    columns: tuple[Column, ...] = Field(min_length=1)
    rows: tuple[Row, ...] = Field(min_length=1)
    curves: tuple[Curve, ...] = ()
    remarks: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _references_exist(self) -> Self:
        known = {row.name for row in self.rows}
        for row in self.rows:
            if row.reference is not None and row.reference not in known:
                raise ValueError(f'the row "{row.name}" refers to "{row.reference}", which is no row')
            related_to = [column.to for column in self.columns if column.relation and row.about(column)]
            if row.reference is None and None in related_to:
                raise ValueError(f'the row "{row.name}" needs a `reference`: one of its columns is a relation')
            strange = [name for name in related_to if name and name not in row.systems]
            if strange:
                raise ValueError(
                    f'the row "{row.name}" has no system "{strange[0]}", which one of its columns relates to'
                )
        return self

    @model_validator(mode="after")
    def _curves_have_columns(self) -> Self:
        known = {column.name for column in self.columns}
        missing = [name for curve in self.curves for name in (curve.x, *curve.y) if name and name not in known]
        if missing:
            raise ValueError(f'a curve shows "{missing[0]}", which is no column')
        return self

    @property
    def tracks(self) -> tuple[str, ...]:
        """The tracks that its rows are about, the study's own first."""
        return tuple(dict.fromkeys((self.track, *(self.track_of(row) for row in self.rows))))

    @property
    def cells(self) -> list[tuple[Row, Column]]:
        """Every cell that a system stands behind."""
        return [(row, column) for row in self.rows for column in self.columns if row.about(column)]

    @property
    def shown(self) -> list[tuple[Row, Column]]:
        """Every cell that is shown: those of systems, and the others' in rows that are only printed."""
        every = [(row, column) for row in self.rows for column in self.columns]
        return [(row, column) for row, column in every if row.printed_only or row.about(column)]

    def track_of(self, row: Row) -> str:
        """The track that a row's numbers are from."""
        return row.track or self.track

    def reference(self, row: Row) -> Row:
        """The row that relations are to."""
        return next(one for one in self.rows if one.name == (row.reference or row.name))

    def other(self, row: Row, column: Column) -> str | None:
        """The system that a relation is to; None where the reference leaves it empty."""
        return row.systems.get(column.to) if column.to else self.reference(row).about(column)

    def needed(self, track: str | None = None) -> list[tuple[str, str]]:
        """Every (system, split) of the rows of a track, each once; of all rows without one."""
        rows = [row for row in self.rows if track in {None, self.track_of(row)}]
        scored = [column for column in self.columns if column.measure in SCORED]
        pairs = [
            (system, column.split)
            for row in rows
            for column in scored
            if row.about(column)
            for system in (row.about(column), row.systems.get(column.to or ""))
        ]
        return list(dict.fromkeys((system, split) for system, split in pairs if system))

    def timed(self, track: str) -> tuple[str, ...]:
        """The systems whose speed is shown for rows of a track."""
        names = [
            row.about(column) for row, column in self.cells
            if column.measure == "clips_per_second" and self.track_of(row) == track
        ]  # fmt: skip
        return tuple(dict.fromkeys(name for name in names if name))


class PrintedTable(Protocol):
    """A printed table: the number in a row and column, in `unit`; None where the paper prints none."""

    @property
    def unit(self) -> str: ...

    def number(self, row: str, column: str) -> float | None: ...


class Paper(Protocol):
    """What a paper prints, by table."""

    def table(self, name: str) -> PrintedTable: ...


def printed(study: Study, row: Row, column: Column, paper: Paper) -> float | None:
    """The number that the paper prints in a cell, or that follows from two that it prints."""
    name = column.name if column.printed is None else column.printed
    if not name:
        return None
    table = paper.table(column.table or study.table)
    number = table.number(row.name, name)
    if column.relation is None or column.printed is None:
        return number
    other = table.number(study.reference(row).name, name)
    return None if number is None or other is None else related(number, other, column.relation)


def scale(study: Study, column: Column, paper: Paper) -> float:
    """By how much a measured value is multiplied to stand beside the printed one."""
    if column.measure not in SHARES or column.relation in {"times", "part"}:
        return 1.0
    return 100.0 if paper.table(column.table or study.table).unit == "percent" else 1.0


def related(value: float, reference: float, relation: Relation) -> float:
    """A value and another one as a relation has them."""
    if relation == "less":
        return value - reference
    above, below = (value, reference) if relation == "times" else (reference, value)
    return above / below if below else float("nan")


def written(value: float, column: Column) -> str:
    """A number as it is shown: shares, losses and relations with two decimals, MACs in millions, counts as they are."""
    if column.measure in SCORED or column.relation is not None:
        return f"{value:.2f}"
    if column.measure == "macs":
        return f"{value / 1e6:,.1f} M"
    return f"{value:,.0f}" if value >= 100 or value == round(value) else f"{value:.1f}"


def names(read: Entry) -> list[str]:
    """The studies of an entry."""
    return sorted(path.stem for path in (read.folder / STUDIES).glob("*.toml"))


def load(read: Entry, name: str) -> Study:
    """A study of an entry; raises `Mistake` for an unknown one, and for a row whose system the entry does not have."""
    known = names(read)
    if name not in known:
        raise Mistake("study.unknown", f'{read.name} has no study "{name}".', nearest(name, known))
    study = read_toml(read.folder / STUDIES / f"{name}.toml", Study, rule="study")
    for system, _ in study.needed():
        read.system(system)
    return study


def listed(read: Entry) -> list[Sequence[str]]:
    """A line for each study of an entry: its name, title, tracks and size."""
    rows: list[Sequence[str]] = []
    for name in names(read):
        study = load(read, name)
        rows.append((name, study.title, ", ".join(study.tracks), f"{len(study.needed()) * len(study.seeds)}"))
    return rows


def reader(folder: Path) -> Entry:
    """The entry in `folder`, with studies; raises `Mistake` where it has none."""
    read = entry.read(folder)
    if not names(read):
        problem = f"{read.name} has no studies."
        raise Mistake("study.none", problem, f"Put a TOML file into its folder {STUDIES}, or choose another entry.")
    return read
