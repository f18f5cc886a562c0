"""What results and speeds say of a study's cells."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from scipy.special import stdtrit

from harness import curves, plan, results
from harness.entry import Entry
from harness.outcomes import Mistake, Outcome
from harness.plan import Choice
from harness.results import AnyScores, Complexity, Result
from harness.scoring import Scores
from harness.studies.table import COUNTED, FOLDS, Column, Relation, Row, Study, related
from harness.throughput import speed
from harness.throughput.speed import Figures, Speed
from harness.tracks import Track

CONFIDENCE = 0.95

TRAINING: Final = "training_score"
"""A measure, and the name of its column in a training curve."""


@dataclass(frozen=True)
class Measured:
    """A measured number: one a seed in `runs`, each the mean of the seed's folds; `cells` are all runs by themselves.

    `whole`: each is over the epochs that the rule wants. `between` is the 95 % interval where it does not come from
    runs: of a ratio of speeds. What a check counts has neither.
    """

    runs: tuple[float, ...]
    whole: bool = True
    cells: tuple[float, ...] = ()
    between: tuple[float, float] | None = None

    @property
    def mean(self) -> float:
        return statistics.fmean(self.runs)

    @property
    def spread(self) -> float | None:
        """Standard deviation over all runs, folds and seeds alike; None for a single one."""
        return statistics.stdev(self.cells) if len(self.cells) > 1 else None

    def interval(self) -> tuple[float, float] | None:
        """Student's t interval of the mean over runs, 95 %; None for a single run."""
        if self.between is not None or len(self.runs) < 2:
            return self.between
        count = len(self.runs)
        half = float(stdtrit(count - 1, (1 + CONFIDENCE) / 2)) * statistics.stdev(self.runs) / count**0.5
        return self.mean - half, self.mean + half


@dataclass(frozen=True)
class Counted:
    """What a check found of a system."""

    complexity: Complexity | None
    figures: Mapping[str, float]


@dataclass
class Findings:
    """What is known of a study's systems on a track: results and speeds in `folder`, and what checks `counted`.

    `of` is the track of the study that `track` stands for: itself, but where another one was asked for. Speeds are
    those of one machine, the one that most of the study's systems were timed on.
    """

    read: Entry
    study: Study
    of: str
    track: Track
    choice: Choice
    folder: Path
    counted: Mapping[str, Counted] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.result = cache(self._result)
        self.speeds = cache(self._speeds)

    @property
    def seeds(self) -> tuple[int, ...]:
        return self.choice.seeds or self.study.seeds

    def measured(self, row: Row, column: Column) -> Measured | None:
        """The number in a cell of the table; None where something is not known yet."""
        system = row.about(column)
        assert system is not None  # noqa: S101 - cells without a system are left out
        if column.relation is None:
            return self._plain(system, column, row.epoch)
        reference = self.study.other(row, column)
        if reference is None:
            return None
        if column.measure == "clips_per_second":
            return _times(_shown(self.speeds().get(system)), _shown(self.speeds().get(reference)), column.relation)
        value, other = (self._plain(one, column, row.epoch) for one in (system, reference))
        return value and other and _related(value, other, column.relation)

    @property
    def hardware(self) -> str | None:
        """What the speeds were measured on."""
        return next((one.hardware for one in self.speeds().values()), None)

    def _plain(self, system: str, column: Column, epoch: int | None) -> Measured | None:
        if column.measure in COUNTED:
            return self._count(system, column)
        if column.measure == "clips_per_second":
            shown = _shown(self.speeds().get(system))
            return Measured((shown.clips_per_second,)) if shown else None
        return self._scored(system, column, epoch)

    def _count(self, system: str, column: Column) -> Measured | None:
        found = self.counted.get(system) or self._counted_by_a_result(system)
        if found is None:
            return None
        if column.measure == "macs":
            return Measured((float(found.complexity.macs),)) if found.complexity else None
        assert column.figure is not None  # noqa: S101 - as the column was read
        if column.figure not in found.figures:
            problem = f'{self.read.name}/{system} has no figure "{column.figure}", which the study shows.'
            raise Mistake("study.figure", problem, "Let figures of its submission.py return it.")
        return Measured((found.figures[column.figure],))

    def _counted_by_a_result(self, system: str) -> Counted | None:
        for split in self.track.splits:
            for seed in self.seeds:
                result = self.result(system, split, seed)
                if result is not None and result.figures:
                    return Counted(result.complexity, result.figures)
        return None

    def _scored(self, system: str, column: Column, epoch: int | None) -> Measured | None:
        splits = self.track.folds if column.split == FOLDS else (column.split,)
        if not splits:
            problem = f"Track {self.track.name} has no folds, over which the study takes means."
            raise Mistake("study.folds", problem, "Choose a track that has.")
        runs, cells, whole = [], [], True
        for seed in self.seeds:
            found = [self.result(system, split, seed) for split in splits]
            taken = [self._of_epochs(one, column, epoch) for one in found if one is not None]
            values = [each for each in taken if each is not None]
            if len(values) < len(splits):
                return None
            runs.append(statistics.fmean(value for value, _ in values))
            cells += [value for value, _ in values]
            whole &= all(enough for _, enough in values)
        return Measured(tuple(runs), whole, tuple(cells))

    def _of_epochs(self, result: Result, column: Column, epoch: int | None) -> tuple[float, bool] | None:
        """The mean of a measure over the last epochs, and whether the run kept as many; None without that one epoch."""
        assert result.scores is not None  # noqa: S101 - `result` gives only scored ones
        if column.measure == TRAINING:
            return self._of_training(result, epoch)
        if epoch is not None:
            return (_value(result.snapshots[epoch], column), True) if epoch in result.snapshots else None
        last = self.study.last_epochs
        kept = [result.snapshots[epoch] for epoch in sorted(result.snapshots)][-last:]
        if last == 1 or len(kept) < last:
            return _value(result.scores, column), last == 1
        return statistics.fmean(_value(scores, column) for scores in kept), True

    def _of_training(self, result: Result, epoch: int | None) -> tuple[float, bool] | None:
        """What the training wrote down of its own clips after an epoch, or the last ones; None where it did not."""
        found = curves.read(result.identity.path(self.folder).with_suffix(curves.SUFFIX))
        if found is None or TRAINING not in found.names:
            return None
        values = dict(zip(found.epochs, found.column(TRAINING), strict=True))
        if epoch is not None:
            return (values[epoch], True) if epoch in values else None
        last = [values[each] for each in sorted(values)][-self.study.last_epochs :]
        return statistics.fmean(last), len(last) == self.study.last_epochs

    def _result(self, system: str, split: str, seed: int) -> Result | None:
        choice = self.choice
        path = plan.identity_of(self.read.name, system, self.track, split, seed, choice, choice.settings).path(
            self.folder
        )
        found = results.read(path) if path.is_file() else None
        return found if isinstance(found, Result) and found.scores is not None else None

    def _speeds(self) -> dict[str, Speed]:
        """Of the systems whose speed the study shows, on one machine."""
        found = [one for system in self.study.timed(self.of) for one in self._timed(system)]
        often = Counter(one.hardware for one in found)
        usual = max(sorted(often), key=often.__getitem__, default=None)
        return {one.subject.system: one for one in found if one.hardware == usual}

    def _timed(self, system: str) -> list[Speed]:
        identity = plan.identity_of(self.read.name, system, self.track, "", 0, self.choice, self.choice.settings)
        folder = identity.path(self.folder).parent
        keys = {
            one.key for split in self.track.splits for seed in self.seeds if (one := self.result(system, split, seed))
        }
        every = [one for _, one in speed.read_all([folder])] if folder.is_dir() else []
        return [
            one for one in every
            if isinstance(one, Speed) and one.outcome is Outcome.OK and one.cell in keys
            and (one.subject.settings, one.subject.preset) == (identity.settings, identity.preset)
        ]  # fmt: skip


def _value(scores: AnyScores, column: Column) -> float:
    if column.measure in {"real", "seen", "unseen"}:
        if not isinstance(scores, Scores) or column.measure not in scores.per_group:
            problem = f'The track has no device group "{column.measure}", which the study shows.'
            raise Mistake("study.group", problem, "Choose a track whose test list has it.")
        return scores.per_group[column.measure].accuracy
    value = getattr(scores, column.measure, None)
    if value is None:
        problem = f"The track has no {column.measure.replace('_', ' ')}, which the study shows."
        raise Mistake("study.measure", problem, "Choose a track that is scored by it.")
    return float(value)


def _shown(found: Speed | None) -> Figures | None:
    return found.batch if found is not None else None


def _times(found: Figures | None, other: Figures | None, relation: Relation) -> Measured | None:
    """How two speeds are related, by their ratios to the baseline that was timed beside each; None without any."""
    if found is None or other is None or found.ratio is None or other.ratio is None:
        return None
    value = related(found.ratio.value, other.ratio.value, relation)
    logs = [
        math.log(one.high / one.low) / 2
        for one in (found.ratio, other.ratio)
        if one.low is not None and one.high is not None
    ]
    half = math.hypot(*logs)
    whole = len(logs) == len((found, other)) and relation != "less"
    return Measured((value,), between=(value * math.exp(-half), value * math.exp(half)) if whole else None)


def _related(value: Measured, other: Measured, relation: Relation) -> Measured:
    """Run by run."""
    runs, cells = _pairwise(value.runs, other.runs, relation), _pairwise(value.cells, other.cells, relation)
    return Measured(runs, value.whole and other.whole, cells)


def _pairwise(values: tuple[float, ...], others: tuple[float, ...], relation: Relation) -> tuple[float, ...]:
    """Each with the other of the same fold and seed."""
    return tuple(related(one, other, relation) for one, other in zip(values, others, strict=True))
