"""Speeds: which belong to a row, and on what hardware a board shows them; those of other hardware do not compare."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from harness.outcomes import Outcome
from harness.results import Damaged
from harness.throughput import speed
from harness.throughput.speed import Figures, Speed
from leaderboard.rows import Row, system_key

Key = tuple[str, str, str]
"""What makes two records of the same system, as `rows.system_key` has it."""


def read(folders: Sequence[Path]) -> tuple[tuple[Speed, ...], tuple[Damaged, ...]]:
    """Every speed under folders of results, and files that are none; what was measured round by round stays on disk."""
    found = [one for _, one in speed.read_all(folders)]
    speeds = tuple(_light(one) for one in found if isinstance(one, Speed))
    return speeds, tuple(one for one in found if isinstance(one, Damaged))


def by_system(speeds: Iterable[Speed], track: str) -> dict[Key, tuple[Speed, ...]]:
    """The speeds of a track by system, in the order of their hardware."""
    found: dict[Key, tuple[Speed, ...]] = {}
    for one in sorted(speeds, key=lambda each: each.hardware):
        if one.subject.track == track:
            found[_key(one)] = (*found.get(_key(one), ()), one)
    return found


def of(row: Row, known: Mapping[Key, tuple[Speed, ...]]) -> tuple[Speed, ...]:
    """The speeds of the very weights that one of the row's cells was scored with."""
    cells = {cell.result.key for cell in row.cells}
    return tuple(one for one in known.get(system_key(row.newest), ()) if one.cell in cells)


def usual_hardware(rows: Iterable[Row]) -> str | None:
    """The hardware that most rows were timed on; the first by name where two are equal, None where there is none."""
    often = Counter(one.hardware for row in rows for one in row.speeds if one.outcome is Outcome.OK)
    return max(sorted(often), key=often.__getitem__, default=None)


def on(row: Row, hardware: str | None) -> Speed | None:
    """The row's speed on that hardware."""
    return next((one for one in row.speeds if one.hardware == hardware), None)


def shown(found: Speed | None) -> Figures | None:
    """The figures that a board shows: those of the track's batch."""
    return found.batch if found is not None and found.outcome is Outcome.OK else None


def _key(one: Speed) -> Key:
    who = one.subject
    changed = {**who.settings, "": who.preset} if who.preset else who.settings
    return who.entry, who.system, json.dumps(changed, sort_keys=True)


def _light(one: Speed) -> Speed:
    """Without the seconds of every round."""
    lean = {"seconds": (), "baseline_seconds": ()}
    modes = {"one": one.one, "batch": one.batch, "network": one.network}
    return one.model_copy(
        update={"config": {}} | {name: found.model_copy(update=lean) for name, found in modes.items() if found}
    )
