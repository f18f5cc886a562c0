"""Studies: a paper's table, run again, and measured beside printed.

`<entry>/studies/<name>.toml` lists the systems that a table needs and how its numbers were taken; the printed numbers
are data of the board and come in from outside.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol, Self

from pydantic import Field, model_validator
from scipy.special import stdtrit

from harness import entry, evaluation, plan, results, tables, tracks
from harness.console import show_table
from harness.entry import STUDIES, Entry
from harness.evaluation import Hands, Places
from harness.outcomes import Mistake, nearest
from harness.plan import Choice
from harness.results import Result
from harness.scoring import Scores
from harness.tracks import Track
from harness.validated import Record, read_toml

CONFIDENCE = 0.95

Measure = Literal["accuracy", "macro_accuracy", "log_loss", "real", "seen", "unseen", "seen_unseen_gap"]
"""What a column shows; real, seen and unseen are accuracies of device groups."""


class Column(Record):
    """A printed column and what is measured for it: on which split, of which of the row's systems."""

    name: str
    measure: Measure = "accuracy"
    split: str = "100"
    of: str = "system"


class Row(Record):
    """A printed row and the system it is about; `systems` where its columns are about several (teacher, student)."""

    name: str
    system: str | None = None
    systems: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _about_something(self) -> Self:
        if bool(self.system) == bool(self.systems):
            raise ValueError("a row has either `system` or `systems`")
        return self

    def about(self, column: Column) -> str | None:
        """The system that the column is about; None where the row leaves it empty."""
        return self.system or self.systems.get(column.of)


class Study(Record):
    """A table of a paper: what it needs, and its rule: the mean over `seeds` of the mean of the `last_epochs` epochs.

    `paper` and `table` name the printed numbers, `track` what they were measured on.
    """

    title: str
    paper: str
    table: str
    track: str
    seeds: tuple[int, ...] = Field(min_length=1)
    last_epochs: int = Field(default=1, ge=1)
    columns: tuple[Column, ...] = Field(min_length=1)
    rows: tuple[Row, ...] = Field(min_length=1)

    def needed(self) -> list[tuple[str, str]]:
        """Every (system, split) of the table, each once."""
        pairs = [(row.about(column), column.split) for row in self.rows for column in self.columns]
        return list(dict.fromkeys((system, split) for system, split in pairs if system))


class Printed(Protocol):
    """A printed table: the number in a row and column, in `unit`; None where the paper prints none."""

    @property
    def unit(self) -> str: ...

    def number(self, row: str, column: str) -> float | None: ...


@dataclass(frozen=True)
class Measured:
    """Means of runs: a number a seed, and whether each is over the epochs that the rule wants."""

    runs: tuple[float, ...]
    whole: bool = True

    @property
    def mean(self) -> float:
        return statistics.fmean(self.runs)

    def interval(self) -> tuple[float, float] | None:
        """Student's t interval of the mean over runs, 95 %; None for a single run."""
        if len(self.runs) < 2:
            return None
        count = len(self.runs)
        half = float(stdtrit(count - 1, (1 + CONFIDENCE) / 2)) * statistics.stdev(self.runs) / count**0.5
        return self.mean - half, self.mean + half


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


def run(
    read: Entry,
    study: Study,
    printed: Printed,
    track_name: str,
    choice: Choice,
    places: Places,
    hands: Hands,
    *,
    dry_run: bool = False,
) -> bool:
    """Runs what the study misses and prints measured beside printed; True where every number could be measured.

    With `dry_run` the plan is drawn and nothing runs; what earlier runs measured stands beside the printed numbers.
    """
    if dry_run:
        _show(read, study, printed, track_name, choice, places, hands)
    fine = True
    for systems, splits in _products(study):
        asked = replace(choice, systems=systems, splits=splits, seeds=choice.seeds or study.seeds)
        fine &= evaluation.evaluate(read.folder, track_name, asked, places, hands, dry_run=dry_run)
    if not dry_run:
        _show(read, study, printed, track_name, choice, places, hands)
    return fine


def _products(study: Study) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """(systems, splits) whose every pair the study needs: as few as follow from putting alike splits together."""
    by_split: dict[str, tuple[str, ...]] = {}
    for system, split in study.needed():
        by_split[split] = (*by_split.get(split, ()), system)
    products: dict[tuple[str, ...], tuple[str, ...]] = {}
    for split, systems in by_split.items():
        products[systems] = (*products.get(systems, ()), split)
    return list(products.items())


def _show(
    read: Entry, study: Study, printed: Printed, track_name: str, choice: Choice, places: Places, hands: Hands
) -> None:
    track, _ = tracks.load(track_name)
    rows = [
        _shown(row.name, column.name, printed, measured(read, row, column, study, track, choice, places.results))
        for row in study.rows
        for column in study.columns
        if row.about(column)
    ]
    hands.reporter.say(study.title)
    show_table(rows, tables.STUDY)
    for line in _remarks(study, track, choice, rows):
        hands.reporter.say(line)


def measured(
    read: Entry, row: Row, column: Column, study: Study, track: Track, choice: Choice, folder: Path
) -> Measured | None:
    """The runs of a cell of the table; None where a seed has no score yet."""
    system = row.about(column)
    assert system is not None  # noqa: S101 - rows without it are left out
    found = []
    for seed in choice.seeds or study.seeds:
        identity = plan.identity_of(read.name, system, track, column.split, seed, choice, choice.settings)
        path = identity.path(folder)
        result = results.read(path) if path.is_file() else None
        if not isinstance(result, Result) or result.scores is None:
            return None
        found.append(_of_epochs(result, column.measure, study.last_epochs))
    return Measured(tuple(value for value, _ in found), all(whole for _, whole in found))


def _of_epochs(result: Result, measure: Measure, last: int) -> tuple[float, bool]:
    """The mean of a measure over the last epochs, and whether the run kept as many."""
    assert result.scores is not None  # noqa: S101 - only scored results come here
    kept = [result.snapshots[epoch] for epoch in sorted(result.snapshots)][-last:]
    if last == 1 or len(kept) < last:
        return _value(result.scores, measure), last == 1
    return statistics.fmean(_value(scores, measure) for scores in kept), True


def _value(scores: Scores, measure: Measure) -> float:
    if measure in {"real", "seen", "unseen"}:
        if measure not in scores.per_group:
            problem = f'The track has no device group "{measure}", which the study shows.'
            raise Mistake("study.group", problem, "Choose a track whose test list has it.")
        return scores.per_group[measure].accuracy
    return float(getattr(scores, measure) or 0.0)


def _shown(row: str, column: str, printed: Printed, measured: Measured | None) -> Sequence[str]:
    """A line of the study's table; this is where its numbers are rounded."""
    scale = 100.0 if printed.unit == "percent" else 1.0
    number = printed.number(row, column)
    start = (row, column, "" if number is None else f"{number:.2f}")
    if measured is None:
        return (*start, "not measured", "", "", "")
    mean, runs = scale * measured.mean, f"{len(measured.runs)}" + ("" if measured.whole else " *")
    if number is None:
        return (*start, f"{mean:.2f}", runs, "", "")
    interval = measured.interval()
    between = f"{scale * interval[0] - number:+.2f} … {scale * interval[1] - number:+.2f}" if interval else "one run"
    return (*start, f"{mean:.2f}", runs, f"{mean - number:+.2f}", between)


def _remarks(study: Study, track: Track, choice: Choice, rows: Sequence[Sequence[str]]) -> list[str]:
    """What a reader must know of the numbers."""
    remarks = [
        "printed numbers are the paper's; the interval is 95 %, over runs (Student's t), of measured less printed"
    ]
    if any("*" in row[4] for row in rows):
        remarks.append(f"* the rule is the mean of the last {study.last_epochs} epochs; these runs kept the last only")
    preset = plan.preset(track, choice)
    if track.name != study.track or preset not in {None, plan.PAPER} or choice.settings:
        where = f"on {track.name}" + (f", preset {preset}" if preset else "")
        remarks.append(f"measured {where}: not what the paper measured on ({study.track}), so differences say little")
    return remarks


def listed(read: Entry) -> list[Sequence[str]]:
    """A line for each study of an entry: its name, title and size."""
    rows: list[Sequence[str]] = []
    for name in names(read):
        study = load(read, name)
        rows.append((name, study.title, study.track, f"{len(study.needed()) * len(study.seeds)}"))
    return rows


def reader(folder: Path) -> Entry:
    """The entry in `folder`, with studies; raises `Mistake` where it has none."""
    read = entry.read(folder)
    if not names(read):
        problem = f"{read.name} has no studies."
        raise Mistake("study.none", problem, f"Put a TOML file into its folder {STUDIES}, or choose another entry.")
    return read
