"""The results of one side of a comparison, by system: scored cells, how others failed, speeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness import results
from harness.blocks import SUMS, Blocks, Sums
from harness.files import digest_of_value
from harness.outcomes import Outcome
from harness.replicates import REPLICATES
from harness.results import Damaged, Identity, Result
from harness.throughput import speed
from harness.throughput.speed import Speed, Subject

Place = tuple[str, int]
"""Split and seed."""


@dataclass(frozen=True)
class Cell:
    """A scored cell, and where its record lies."""

    path: Path
    result: Result

    def same_as(self, other: Cell) -> bool:
        """Whether both are one training, which scored the same; one key may be two trainings on two machines."""
        one, two = self.result.digests.weights, other.result.digests.weights
        trained = one == two if one and two else self.result.key == other.result.key
        return trained and self.main == other.main

    @property
    def main(self) -> float:
        """What its track is about: macro accuracy, or mean average precision."""
        assert self.result.scores is not None, f"{self.path} has no scores"  # noqa: S101 - our bug
        return self.result.scores.main


@dataclass
class System:
    """A system on a track: its scored cells by split and seed, why others have no score, its speeds."""

    track: str
    name: str
    cells: dict[Place, Cell] = field(default_factory=dict)
    failures: dict[Place, Result] = field(default_factory=dict)
    speeds: list[Speed] = field(default_factory=list)
    failed_speeds: list[Speed] = field(default_factory=list)

    @property
    def entry(self) -> str:
        return self.name.split("/")[0]

    def by_split(self) -> dict[str, list[Cell]]:
        """The cells of each split, in the order of their seeds."""
        found: dict[str, list[Cell]] = {}
        for (split, _), cell in sorted(self.cells.items()):
            found.setdefault(split, []).append(cell)
        return found


@dataclass(frozen=True)
class Side:
    """All that lies in a folder of results. Two systems are one where track and name are the same."""

    folder: Path
    systems: Mapping[tuple[str, str], System]
    damaged: tuple[Damaged, ...]

    def clips(self, track: str, test_list: str) -> Blocks | None:
        """The test clips that results of a track speak of; None where the file is absent or damaged."""
        return Blocks.read(results.clips_path(self.folder, track, test_list))

    def sums(self, cell: Cell, clips: Blocks) -> Sums | None:
        """What a cell scored in blocks of clips; None where that is absent or damaged."""
        return Sums.read(cell.path, cell.result.key, clips)


def read(folder: Path) -> Side:
    """The side that lies in `folder`."""
    systems: dict[tuple[str, str], System] = {}
    damaged: list[Damaged] = []

    def system(track: str, name: str) -> System:
        return systems.setdefault((track, name), System(track, name))

    for path, found in results.read_all([folder]):
        if isinstance(found, Damaged):
            damaged.append(found)
            continue
        own = system(found.identity.track, name_of(found.identity))
        place = (found.identity.split, found.identity.seed)
        if found.outcome is Outcome.OK and found.scores is not None:
            own.cells[place] = Cell(path, found)
        else:
            own.failures[place] = found
    for _, timed in speed.read_all([folder]):
        if isinstance(timed, Damaged):
            damaged.append(timed)
        elif timed.outcome is Outcome.OK:
            system(timed.subject.track, name_of(timed.subject)).speeds.append(timed)
    for path in sorted(folder.rglob(f"{results.SPEED_PREFIX}*.failure.json")):
        failed = speed.read(path)
        if isinstance(failed, Speed):
            system(failed.subject.track, name_of(failed.subject)).failed_speeds.append(failed)
    return Side(folder, systems, tuple(damaged))


def name_of(one: Identity | Subject) -> str:
    """Entry and system, with what was typed beside them."""
    preset = f" --preset {one.preset}" if one.preset else ""
    changed = f" --set … ({digest_of_value(one.settings)[:8]})" if one.settings else ""
    return f"{one.entry}/{one.system}{preset}{changed}"


def beside(cell: Cell) -> list[str]:
    """Endings of what statistics need that lies beside a record."""
    return [ending for ending in (SUMS, REPLICATES) if cell.path.with_suffix(ending).is_file()]
