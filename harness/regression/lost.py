"""What was there and is gone: systems, splits, seeds, devices, classes, predictions, speeds. Nothing may vanish."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from harness.blocks import Blocks
from harness.regression.findings import Finding, Verdict
from harness.regression.sides import Cell, Side, System
from harness.results import Result
from harness.scoring import Scores

RULE = "regression.lost"
REMEDY = "Put it back, or run it again"


def lost(before: Side, now: Side) -> Iterator[Finding]:
    """A finding for each thing that only `before` has; where a whole system or split is gone, one for all of it."""
    for key, system in before.systems.items():
        here = now.systems.get(key)
        if here is None and not system.cells and not system.speeds:
            continue  # it never had anything but failures
        if here is None:
            yield _gone(system, "the system", f"{len(system.cells)} cells, {len(system.speeds)} speeds")
            continue
        yield from _cells(system, here)
        yield from _speeds(system, here)


def clips(before: Side, now: Side) -> Iterator[Finding]:
    """A finding for each list of test clips that can no longer be read, or says other things under its old name."""
    for path in sorted(before.folder.glob("*/clips-*.npz")):
        known = Blocks.read(path)
        place = path.relative_to(before.folder)
        here = Blocks.read(now.folder / place)
        if known is None or (here is not None and _alike(known, here)):
            continue
        yield Finding(
            verdict=Verdict.REGRESSION, rule=RULE, track=place.parts[0], system="", what=place.name,
            before=f"{len(known.of_clip):,} clips", now="other clips" if here else "gone", why=REMEDY,
        )  # fmt: skip


def _alike(one: Blocks, other: Blocks) -> bool:
    same = one.locations == other.locations and one.devices == other.devices and len(one) == len(other)
    arrays = ("location", "label", "device", "of_clip", "labels_of_clip")
    return same and all(np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays)


def failed(before: Side, now: Side) -> Iterator[Finding]:
    """A finding for each way in which a system's newest runs failed, where the other side does not know of them."""
    for key, here in now.systems.items():
        known = before.systems.get(key)
        told: dict[str, list[str]] = {}
        for place, result in here.failures.items():
            gone = known is not None and place in known.cells and place not in here.cells  # told as lost
            other = known.failures.get(place) if known is not None else None
            if not gone and (other is None or _reason(other) != _reason(result)):
                told.setdefault(_reason(result), []).append(f"split {place[0]}, seed {place[1]}")
        for one in here.failed_speeds:
            if known is None or one.hardware not in {other.hardware for other in known.failed_speeds}:
                why = f"{one.reason.problem} [{one.reason.rule}]" if one.reason else str(one.outcome)
                told.setdefault(why, []).append(f"its speed on {one.hardware}")
        for reason, places in told.items():
            yield Finding(
                verdict=Verdict.REGRESSION, rule="regression.failed", track=here.track, system=here.name,
                what=f"the newest run of {', '.join(places)}", now="failed", why=reason,
            )  # fmt: skip


def unreadable(before: Side, now: Side) -> Iterator[Finding]:
    """Records that are none: of this side a regression, of the other one the reason why nothing is compared."""
    known = {one.path.relative_to(before.folder) for one in before.damaged}
    for one in now.damaged:
        place = one.path.relative_to(now.folder)
        if place not in known:
            yield _damaged(Verdict.REGRESSION, "regression.unreadable", place.as_posix(), one.why)
    for place in sorted(known):
        if (now.folder / place).is_file() and all(one.path != now.folder / place for one in now.damaged):
            continue  # it was damaged, and is mended
        why = next(one.why for one in before.damaged if one.path == before.folder / place)
        yield _damaged(Verdict.NOT_COMPARED, "regression.base", place.as_posix(), f"{why}, there already")


def _damaged(verdict: Verdict, rule: str, place: str, why: str) -> Finding:
    track, *rest = place.split("/")
    return Finding(verdict=verdict, rule=rule, track=track, system="/".join(rest[:2]), what=place, why=why)


def _gone(system: System, what: str, before: str, why: str = REMEDY) -> Finding:
    return Finding(
        verdict=Verdict.REGRESSION, rule=RULE, track=system.track, system=system.name, what=what,
        before=before, now="gone", why=why,
    )  # fmt: skip


def _cells(system: System, here: System) -> Iterator[Finding]:
    left = here.by_split()
    for split, cells in system.by_split().items():
        if split not in left:
            yield _gone(system, f"split {split}", f"{len(cells)} seeds", _why(here, [cell.result for cell in cells]))
            continue
        for cell in cells:
            seed = cell.result.identity.seed
            if (split, seed) in here.cells:
                yield from _parts(system, cell, here.cells[split, seed])
            else:
                yield _gone(system, f"split {split}, seed {seed}", "a score", _why(here, [cell.result]))


def _why(here: System, cells: list[Result]) -> str:
    """How the cells failed where somebody tried them."""
    failed = [here.failures.get((one.identity.split, one.identity.seed)) for one in cells]
    return next((_reason(one) for one in failed if one is not None), REMEDY)


def _reason(result: Result) -> str:
    """How a run ended, in its own words."""
    if result.reason is None:
        return str(result.outcome)
    return f"{result.outcome}: {result.reason.problem} [{result.reason.rule}]"


def _parts(system: System, cell: Cell, here: Cell) -> Iterator[Finding]:
    """Rows of a cell's record, and what lies beside it."""
    where = f"split {cell.result.identity.split}, seed {cell.result.identity.seed}"
    for what, names in _rows(cell.result).items():
        gone = [name for name in names if name not in _rows(here.result).get(what, ())]
        if gone:
            yield _gone(system, f"{where}: {what} {', '.join(gone)}", f"{len(names)} rows")
    if cell.result.official and not here.result.official:
        because = "; ".join(here.result.unofficial_because)
        yield _gone(system, f"{where}: its official standing", "official", because or REMEDY)
    if cell.result.complexity is not None and here.result.complexity is None:
        yield _gone(system, f"{where}: what it costs", "parameters, bytes, MACs")


def _rows(result: Result) -> dict[str, tuple[str, ...]]:
    scores = result.scores
    if not isinstance(scores, Scores):
        return {}
    return {
        "device": tuple(scores.per_device),
        "device group": tuple(scores.per_group),
        "class": tuple(scores.per_class),
    }


def _speeds(system: System, now: System) -> Iterator[Finding]:
    here = Path()  # names alone are compared
    left = {one.path(here): one for one in now.speeds}
    for one in system.speeds:
        if one.path(here) not in left:
            yield _gone(system, f"speed on {one.hardware}", f"{one.sittings} sittings")
            continue
        own = left[one.path(here)]
        for name in ("one", "batch", "network"):
            if getattr(one, name) is not None and getattr(own, name) is None:
                yield _gone(system, f"speed on {one.hardware}: {name}", f"{one.sittings} sittings")
