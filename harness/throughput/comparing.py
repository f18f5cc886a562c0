"""An earlier speed beside a new one, with the verdict; of other hardware it is shown and not judged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.outcomes import Mistake, Outcome
from harness.results import Damaged
from harness.throughput import ratios, speed
from harness.throughput.report import Row, shown
from harness.throughput.speed import Figures, Speed

COMPARED = ("system", "clips", "before", "now", "now / before", "95 % interval", "verdict")


def read(path: Path) -> tuple[Speed, ...]:
    """The speeds in a file, or in all files of a folder. Raises `Mistake` where there is none."""
    if path.is_dir():
        every = [found for _, found in speed.read_all([path])]
    elif path.is_file():
        every = [speed.read(path)]
    else:
        raise Mistake("compare.missing", f"{path} does not exist.", "Give a speed-….json, or a folder of results.")
    for one in every:
        if isinstance(one, Damaged):
            raise Mistake("compare.file", f"{one.path} {one.why}.", "Give a file that `bench` has written.")
    kept = tuple(one for one in every if isinstance(one, Speed))
    if not kept:
        raise Mistake("compare.empty", f"{path} holds no speed.", "Give a speed-….json, or a folder of results.")
    return kept


def rows(now: Sequence[Speed], before: Sequence[Speed]) -> list[Row]:
    """A row for each system and way of asking that both have."""
    found: list[Row] = []
    for one in now:
        same = [other for other in before if _of_the_same(one, other)]
        if one.outcome is not Outcome.OK or not same:
            found.append((_name(one), "", "", "", "", "", "not timed" if one.outcome is not Outcome.OK else "new"))
            continue
        here = next((other for other in same if other.hardware == one.hardware), same[0])
        found += _rows(one, here)
    return found


def _of_the_same(one: Speed, other: Speed) -> bool:
    trained = (one.cell is None) == (other.cell is None)
    return other.subject == one.subject and trained and other.outcome is Outcome.OK


def _name(one: Speed) -> str:
    return f"{one.subject.entry}/{one.subject.system}"


def _rows(now: Speed, before: Speed) -> list[Row]:
    pairs = ((now.one, before.one), (now.batch, before.batch))
    return [_row(now, before, one, other) for one, other in pairs if one is not None and other is not None]


def _row(now: Speed, before: Speed, one: Figures, other: Figures) -> Row:
    start = (_name(now), f"{one.batch}", shown(other.ratio)[0], shown(one.ratio)[0])
    if before.hardware != now.hardware:
        return (*start, "", "", f"other hardware, not judged: {before.hardware}")
    if before.baseline != now.baseline or one.batch != other.batch:
        return (*start, "", "", "timed on other terms, not judged")
    if min(len(one.ratios), len(other.ratios)) < 2:
        return (*start, "", "", "too few sittings to judge")
    change, verdict = ratios.changed(other.ratios, one.ratios)
    return (*start, *shown(change), verdict)
