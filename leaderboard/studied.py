"""Studies with what results and speeds say of them, for the pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import entry, tracks
from harness.entry import Entry
from harness.outcomes import Mistake
from harness.plan import Choice
from harness.studies import table as studies
from harness.studies.measured import Findings, Measured
from harness.studies.table import Column, Row, Study
from leaderboard import printed
from leaderboard.printed import Paper

PROJECT = Path(__file__).resolve().parent.parent
ENTRIES = ("submissions", "baselines/systems")
"""Folders of the entries whose studies have pages."""

Cells = Mapping[tuple[str, str], Measured | None]
"""What was measured, by row and column."""


@dataclass(frozen=True)
class Ran:
    """A study with what was measured of it, on its own tracks and on those that stand in for it."""

    read: Entry
    name: str
    study: Study
    paper: Paper
    measured: Cells
    instead: Mapping[str, Cells]

    @property
    def title(self) -> str:
        """Entry and study, as they are typed."""
        return f"{self.read.name}/{self.name}"

    @property
    def cells(self) -> int:
        """How many numbers were measured."""
        return _known(self.measured)

    def printed(self, row: Row, column: Column) -> float | None:
        """The number that the paper prints in a cell."""
        return studies.printed(self.study, row, column, self.paper)

    def scaled(self, found: Measured, column: Column) -> float:
        """The mean of a measured number as it stands beside the printed one."""
        return studies.scale(self.study, column, self.paper) * found.mean


def ran(folders: Sequence[Path], project: Path = PROJECT) -> list[Ran]:
    """Every study of the project's entries; an entry or a study that cannot be read is left out."""
    found = []
    for folder in sorted(folder for place in ENTRIES for folder in (project / place).glob("*/studies")):
        try:
            read = entry.listed(folder.parent)
            found += [_ran(read, name, folders) for name in studies.names(read)]
        except Mistake:
            continue
    return found


def _ran(read: Entry, name: str, folders: Sequence[Path]) -> Ran:
    study = studies.load(read, name)
    measured = {cell: found for of in study.tracks for cell, found in _measured(read, study, of, of, folders).items()}
    instead = {track: _measured(read, study, study.track, track, folders) for track in study.also}
    return Ran(
        read, name, study, printed.paper(study.paper), measured,
        {track: cells for track, cells in instead.items() if _known(cells)},
    )  # fmt: skip


def _measured(read: Entry, study: Study, of: str, name: str, folders: Sequence[Path]) -> Cells:
    """The rows of one track of the study, measured on the track called `name`: in the first folder that has a cell."""
    cells = [(row, column) for row, column in study.cells if study.track_of(row) == of]
    if name not in tracks.names():
        return {(row.name, column.name): None for row, column in cells}
    track, _ = tracks.load(name)
    every = [Findings(read, study, of, track, Choice(), folder) for folder in folders]
    return {
        (row.name, column.name): next(filter(None, (one.measured(row, column) for one in every)), None)
        for row, column in cells
    }


def _known(cells: Cells) -> int:
    return sum(one is not None for one in cells.values())
