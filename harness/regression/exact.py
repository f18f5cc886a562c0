"""What may not change by a hair: what an entry that was not edited costs; the score of the same predictions."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from harness import replicates, tracks
from harness.blocks import Blocks, Sums
from harness.multilabel import Drawn
from harness.regression import sides
from harness.regression.findings import Finding, Verdict
from harness.regression.sides import Cell, Side, System
from harness.scoring import ClassScore, PartScore, Scores
from harness.statistics.resampling import Bools, Measure, scored

QUANTITIES = {
    "parameters": "parameters",
    "official_parameters": "parameters by torchinfo",
    "values": "numbers held",
    "parameter_bytes": "bytes",
    "bytes_by_device": "bytes by device",
    "macs": "MACs",
    "official_macs": "MACs by torchinfo",
    "free_operations": "operations that are free one by one",
}
"""Fields of a record's complexity, and what they are called."""


@dataclass(frozen=True)
class Edits:
    """What a change touches: entries by their own files, and whether what they share was edited too."""

    entries: frozenset[str]
    shared: bool


ROUNDING = 1e-9
"""Two runs of one sum in another order differ by less."""

KEPT_LOSS = 1e-3
"""Summed losses are kept at 32 bit."""


def costs(before: System, now: System, baselines: Collection[str], edits: Edits | None = None) -> Iterator[Finding]:
    """A finding for each quantity of each pair of cells that differs; equal ones of many cells are told once.

    It is a regression where the entry was not edited, also where the change edits what entries share; and always where
    it is a baseline: ratios refer to it. Without `edits`, entries whose digest differs count as edited.
    """
    told: dict[tuple[str, str, str], tuple[Finding, int]] = {}
    for place in sorted(before.cells.keys() & now.cells.keys()):
        for found in _costs(before, before.cells[place], now.cells[place], baselines, edits):
            key = (found.what, found.before, found.now)
            told[key] = (found, told.get(key, (found, 0))[1] + 1)
    for found, often in told.values():
        yield found.model_copy(update={"what": f"{found.what} of {often} cells"}) if often > 1 else found


def _costs(
    system: System, one: Cell, other: Cell, baselines: Collection[str], edits: Edits | None
) -> Iterator[Finding]:
    old, new = one.result.complexity, other.result.complexity
    if old is None or new is None:
        return
    verdict, why = _meaning(system, one, other, baselines, edits)
    for field, name in QUANTITIES.items():
        was, is_now = getattr(old, field), getattr(new, field)
        if was != is_now and was is not None and is_now is not None:
            numbers = isinstance(was, int)
            yield Finding(
                verdict=verdict, rule="regression.exact", track=system.track, system=system.name, what=name,
                before=f"{was:,}" if numbers else str(was), now=f"{is_now:,}" if numbers else str(is_now),
                change=f"{is_now - was:+,}" if numbers else "", why=why,
            )  # fmt: skip


def _meaning(
    system: System, one: Cell, other: Cell, baselines: Collection[str], edits: Edits | None
) -> tuple[Verdict, str]:
    """What it means that a system costs something else now."""
    if system.entry in baselines:
        return Verdict.REGRESSION, "a baseline: every limit and every ratio refers to it"
    if one.result.digests.entry == other.result.digests.entry:
        return Verdict.REGRESSION, "the entry was not edited: how it is counted has changed"
    if edits is not None and system.entry not in edits.entries and edits.shared:
        return Verdict.REGRESSION, "the entry was not edited: what it imports, or what counts it, was"
    return Verdict.CHANGED, "the entry was edited"


def scores(before: Side, now: Side, system: System | None, here: System) -> Iterator[Finding]:
    """Records whose scores are not those of the predictions beside them, or changed while these did not.

    What statistics need of the predictions must be there to be read: it is lost where it was, and a record that is new
    or changed cannot be compared without it.
    """
    for (split, seed), cell in here.cells.items():
        known = system.cells.get((split, seed)) if system else None
        if known is not None and known.result == cell.result and _bytes_of(known) == _bytes_of(cell):
            continue
        where = f"split {split}, seed {seed}"
        found = evidence(now, here, cell)
        earlier = evidence(before, here, known) if known else None
        if found is None:
            yield _without(here, where, was_there=earlier is not None)
            continue
        if isinstance(cell.result.scores, Scores) and isinstance(found[0], Sums):
            for name, stands, follows in _contradicted(cell.result.scores, found[0], found[1], here.track):
                yield _wrong(here, f"{name}, {where}", now=f"{stands:.6f}", why=f"its predictions say {follows:.6f}")
        if known is not None and earlier is not None and _same(earlier[0], found[0], known, cell):
            yield from _rescored(here, where, known, cell)


Evidence = tuple[Sums | Drawn, Blocks]


def evidence(side: Side, system: System, cell: Cell) -> Evidence | None:
    """What statistics need of a cell's predictions, with the test clips; None where it cannot be read."""
    digest = cell.result.digests.test_list
    clips = side.clips(system.track, digest) if digest else None
    if clips is None:
        return None
    if isinstance(cell.result.scores, Scores):
        sums = side.sums(cell, clips)
        return None if sums is None else (sums, clips)
    drawn = replicates.read(cell.path, cell.result.key)
    return None if drawn is None else (drawn, clips)


def _without(system: System, where: str, *, was_there: bool) -> Finding:
    what = f"what statistics need of the predictions, {where}"
    if was_there:
        return Finding(
            verdict=Verdict.REGRESSION, rule="regression.lost", track=system.track, system=system.name, what=what,
            before="there", now="gone", why="Put the files beside the record, and clips-….npz, back",
        )  # fmt: skip
    return Finding(
        verdict=Verdict.NOT_COMPARED, rule="regression.evidence", track=system.track, system=system.name, what=what,
        why="bring .sums.npy or .draws.npy beside the record, and clips-….npz, or run it again",
    )  # fmt: skip


def _bytes_of(cell: Cell) -> list[bytes]:
    return [cell.path.with_suffix(ending).read_bytes() for ending in sides.beside(cell)]


def _contradicted(found: Scores, sums: Sums, clips: Blocks, track: str) -> Iterator[tuple[str, float, float]]:
    """Name, what stands in the record, and what follows from the predictions: of all clips, and of parts of them."""
    for name in ("macro_accuracy", "accuracy", "log_loss"):
        yield from _differs(name.replace("_", " "), getattr(found, name), clips, sums, name, None)
    known = tracks.load(track)[0].device_groups if track in tracks.names() else {}
    heard_by = {
        device: np.array([device == name for name in clips.devices])[clips.device] for device in found.per_device
    }
    parts: list[tuple[str, ClassScore | PartScore, Bools]] = [
        *((f"class {name}", part, clips.label == at) for at, (name, part) in enumerate(found.per_class.items())),
        *((f"device {name}", part, heard_by[name]) for name, part in found.per_device.items()),
        *(
            (f"group {name}", part, np.any([heard_by[one] for one in known[name] if one in heard_by], axis=0))
            for name, part in found.per_group.items()
            if any(one in heard_by for one in known.get(name, ()))
        ),
    ]
    for name, part, chosen in parts:
        yield from _differs(f"accuracy of {name}", part.accuracy, clips, sums, "accuracy", chosen)
        yield from _differs(f"log loss of {name}", part.log_loss, clips, sums, "log_loss", chosen)


def _differs(
    name: str, stands: float, clips: Blocks, sums: Sums, measure: Measure, chosen: Bools | None
) -> Iterator[tuple[str, float, float]]:
    follows = float(scored(clips, [sums], measure, chosen)[0]) if chosen is None or chosen.any() else math.nan
    room = KEPT_LOSS if measure == "log_loss" else ROUNDING
    if not math.isclose(stands, follows, rel_tol=room, abs_tol=room):
        yield name, stands, follows


def _same(one: Sums | Drawn, other: Sums | Drawn, known: Cell, cell: Cell) -> bool:
    """Whether the predictions are the same; equal draws are equal predictions where the weights are equal too."""
    if isinstance(one, Sums) and isinstance(other, Sums):
        return np.array_equal(one.correct, other.correct) and np.array_equal(one.loss, other.loss)
    if isinstance(one, Sums) or isinstance(other, Sums):
        return False
    return known.result.digests.weights == cell.result.digests.weights and np.array_equal(one, other)


def _rescored(system: System, where: str, known: Cell, cell: Cell) -> Iterator[Finding]:
    """A score that differs though the predictions are the same: scoring has changed. The first of them is told."""
    old, new = known.result.scores, cell.result.scores
    if old is None or new is None:
        return
    first = next(_unlike(old.model_dump(mode="json"), new.model_dump(mode="json")), None)
    if first is not None:
        name, was, is_now = first
        why = "the predictions are the same: how they are scored has changed"
        yield _wrong(system, f"{name.replace('_', ' ')}, {where}", before=_shown(was), now=_shown(is_now), why=why)


def _unlike(one: object, other: object, place: str = "") -> Iterator[tuple[str, object, object]]:
    """Places at which two JSON values differ by more than rounding, with both values."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key, value in one.items():
            yield from _unlike(value, other[key], f"{place}.{key}".strip("."))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for at, (a, b) in enumerate(zip(one, other, strict=True)):
            yield from _unlike(a, b, f"{place}.{at}".strip("."))
    elif isinstance(one, float) and isinstance(other, float):
        if not math.isclose(one, other, rel_tol=ROUNDING, abs_tol=ROUNDING):
            yield place, one, other
    elif one != other:
        yield place, one, other


def _shown(value: object) -> str:
    return f"{value:.6f}" if isinstance(value, float) else str(value)[:40]


def _wrong(system: System, what: str, *, now: str, why: str, before: str = "") -> Finding:
    return Finding(
        verdict=Verdict.REGRESSION, rule="regression.score", track=system.track, system=system.name, what=what,
        before=before, now=now, why=why,
    )  # fmt: skip
