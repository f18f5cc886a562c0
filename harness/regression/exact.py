"""What may not change by a hair: what an entry that was not edited costs; the score of the same predictions."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator

import numpy as np

from harness.blocks import Blocks, Sums
from harness.regression.findings import Finding, Verdict
from harness.regression.sides import Cell, Side, System
from harness.scoring import Scores
from harness.statistics.resampling import scored

QUANTITIES = {
    "parameters": "parameters",
    "parameter_bytes": "bytes",
    "macs": "MACs",
    "official_macs": "MACs by torchinfo",
}
"""Fields of a record's complexity, and what they are called."""

ROUNDING = 1e-9
"""Two runs of one sum in another order differ by less."""

KEPT_LOSS = 1e-3
"""Summed losses are kept at 32 bit."""


def costs(before: System, now: System, baselines: Collection[str]) -> Iterator[Finding]:
    """A finding for each quantity of each pair of cells that differs; equal ones of many cells are told once.

    It is a regression where the entry was not edited, and always where it is a baseline: ratios refer to it.
    """
    told: dict[tuple[str, str, str], tuple[Finding, int]] = {}
    for place in before.cells.keys() & now.cells.keys():
        for found in _costs(before, before.cells[place], now.cells[place], baselines):
            key = (found.what, found.before, found.now)
            told[key] = (found, told.get(key, (found, 0))[1] + 1)
    for found, often in told.values():
        yield found.model_copy(update={"what": f"{found.what} of {often} cells"}) if often > 1 else found


def _costs(system: System, one: Cell, other: Cell, baselines: Collection[str]) -> Iterator[Finding]:
    old, new = one.result.complexity, other.result.complexity
    if old is None or new is None:
        return
    edited = one.result.digests.entry != other.result.digests.entry
    baseline = system.entry in baselines
    for field, name in QUANTITIES.items():
        was, is_now = getattr(old, field), getattr(new, field)
        if was != is_now:
            if baseline:
                why = "a baseline: every limit and every ratio refers to it"
            elif edited:
                why = "the entry was edited"
            else:
                why = "the entry was not edited: how it is counted has changed"
            yield Finding(
                verdict=Verdict.REGRESSION if baseline or not edited else Verdict.CHANGED,
                rule="regression.exact", track=system.track, system=system.name, what=name,
                before=f"{was:,}", now=f"{is_now:,}", change=f"{is_now - was:+,}", why=why,
            )  # fmt: skip


def scores(before: Side, now: Side, system: System | None, here: System) -> Iterator[Finding]:
    """Records whose scores are not those of the predictions beside them, or changed while these did not."""
    for (split, seed), cell in here.cells.items():
        known = system.cells.get((split, seed)) if system else None
        if known is not None and known.result == cell.result and _bytes_of(known) == _bytes_of(cell):
            continue
        digest = cell.result.digests.test_list
        clips = now.clips(here.track, digest) if digest else None
        sums = now.sums(cell, clips) if clips is not None else None
        if clips is None or sums is None or not isinstance(cell.result.scores, Scores):
            continue
        where = f"split {split}, seed {seed}"
        for name, stands, follows in _contradicted(cell.result.scores, sums, clips):
            yield _wrong(here, f"{name}, {where}", now=f"{stands:.6f}", why=f"its predictions say {follows:.6f}")
        if known is not None and known.result.digests.test_list == digest:
            earlier = before.sums(known, clips)
            if earlier is not None and _same(earlier, sums):
                yield from _rescored(here, where, known, cell)


def _bytes_of(cell: Cell) -> bytes:
    path = cell.path.with_suffix(".sums.npy")
    return path.read_bytes() if path.is_file() else b""


def _contradicted(found: Scores, sums: Sums, clips: Blocks) -> Iterator[tuple[str, float, float]]:
    """Name, what stands in the record, and what follows from the predictions."""
    for name in ("macro_accuracy", "accuracy", "log_loss"):
        stands, follows = getattr(found, name), float(scored(clips, [sums], name)[0])
        room = KEPT_LOSS if name == "log_loss" else ROUNDING
        if not math.isclose(stands, follows, rel_tol=room, abs_tol=room):
            yield name.replace("_", " "), stands, follows
    for device, part in found.per_device.items():
        heard = clips.device == (clips.devices.index(device) if device in clips.devices else -1)
        follows = float(scored(clips, [sums], "accuracy", heard)[0]) if heard.any() else math.nan
        if not math.isclose(part.accuracy, follows, abs_tol=ROUNDING):
            yield f"accuracy on device {device}", part.accuracy, follows


def _same(one: Sums, other: Sums) -> bool:
    return np.array_equal(one.correct, other.correct) and np.array_equal(one.loss, other.loss)


def _rescored(system: System, where: str, known: Cell, cell: Cell) -> Iterator[Finding]:
    """Scores that differ though the predictions are the same: scoring has changed."""
    old, new = known.result.scores, cell.result.scores
    if not isinstance(old, Scores) or not isinstance(new, Scores):
        return
    for name in ("macro_accuracy", "accuracy", "log_loss", "calibration_error"):
        was, is_now = getattr(old, name), getattr(new, name)
        if not math.isclose(was, is_now, rel_tol=ROUNDING, abs_tol=ROUNDING):
            what = f"{name.replace('_', ' ')}, {where}"
            why = "the predictions are the same: how they are scored has changed"
            yield _wrong(system, what, before=f"{was:.6f}", now=f"{is_now:.6f}", why=why)


def _wrong(system: System, what: str, *, now: str, why: str, before: str = "") -> Finding:
    return Finding(
        verdict=Verdict.REGRESSION, rule="regression.score", track=system.track, system=system.name, what=what,
        before=before, now=now, why=why,
    )  # fmt: skip
