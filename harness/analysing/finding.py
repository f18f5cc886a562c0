"""What an analysis found, as a record: numbers over cells, and of what and how they came about."""

from __future__ import annotations

import statistics

from harness.results import Provenance
from harness.validated import Record

ROUNDING = 1e-12
"""Means below this share of the largest number are what rounding leaves."""


class Panel(Record):
    """A part of the figure: what its numbers are (`y`, with the unit) and what they stand over (`x`), if anything."""

    name: str
    y: str
    x: str | None
    drawn: bool


class Run(Record):
    """One number of one cell: the split that the systems learned from, and their seed."""

    split: str
    seed: int
    value: float


class Number(Record):
    """What a panel says of a system, or of a pair, at a place of its axis: all runs, never none."""

    panel: str
    systems: tuple[str, ...]
    at: float | None
    runs: tuple[Run, ...]

    @property
    def mean(self) -> float:
        """Over all runs; 0 where they cancel but for rounding."""
        found = statistics.fmean(run.value for run in self.runs)
        return 0.0 if abs(found) < ROUNDING * max(abs(run.value) for run in self.runs) else found

    @property
    def spread(self) -> float | None:
        """Standard deviation over all runs, cells and draws alike; None for a single one."""
        return statistics.stdev(run.value for run in self.runs) if len(self.runs) > 1 else None


class Finding(Record):
    """An analysis of two systems or more, over every split and seed that was asked for.

    `keys` are those of the cells, by system, split and seed: what decides every number but the analysis itself.
    """

    analysis: str
    title: str
    track: str
    systems: tuple[str, ...]
    splits: tuple[str, ...]
    seeds: tuple[int, ...]
    panels: tuple[Panel, ...]
    numbers: tuple[Number, ...]
    keys: dict[str, str]
    provenance: Provenance
