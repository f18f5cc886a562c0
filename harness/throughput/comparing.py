"""An earlier speed beside a new one, with the verdict; of other hardware it is shown and not judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.outcomes import Mistake, Outcome
from harness.results import Damaged
from harness.throughput import ratios, speed
from harness.throughput.report import Row, shown
from harness.throughput.speed import Figures, Ratio, Speed

OTHER_TERMS = "timed on other terms, not judged"

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


@dataclass(frozen=True)
class Compared:
    """A way of asking a system, before and now, as times the baseline; without `change` it was not judged.

    `verdict` is a word, or says why there is none.
    """

    system: str
    batch: int | None
    before: Ratio | None
    now: Ratio | None
    change: Ratio | None
    verdict: str

    def row(self) -> Row:
        """A row of the table."""
        if self.batch is None:
            return (self.system, "", "", "", "", "", self.verdict)
        change = shown(self.change) if self.change else ("", "")
        return (self.system, f"{self.batch}", shown(self.before)[0], shown(self.now)[0], *change, self.verdict)


def rows(now: Sequence[Speed], before: Sequence[Speed]) -> list[Row]:
    """A row for each system and way of asking that both have."""
    return [one.row() for one in compared(now, before)]


def compared(now: Sequence[Speed], before: Sequence[Speed]) -> list[Compared]:
    """Each system and way of asking that both have; of the same hardware where there is a speed of it."""
    found: list[Compared] = []
    for one in now:
        same = [other for other in before if _of_the_same(one, other)]
        if one.outcome is not Outcome.OK or not same:
            why = "not timed" if one.outcome is not Outcome.OK else "new"
            found.append(Compared(_name(one), None, None, None, None, why))
            continue
        here = next((other for other in same if other.hardware == one.hardware), same[0])
        pairs = ((one.one, here.one), (one.batch, here.batch))
        found += [_compared(one, here, a, b) for a, b in pairs if a is not None and b is not None]
    return found


def _of_the_same(one: Speed, other: Speed) -> bool:
    trained = (one.cell is None) == (other.cell is None)
    return other.subject == one.subject and trained and other.outcome is Outcome.OK


def _name(one: Speed) -> str:
    return f"{one.subject.entry}/{one.subject.system}"


def _compared(now: Speed, before: Speed, one: Figures, other: Figures) -> Compared:
    change, verdict = _judged(now, before, one, other)
    return Compared(_name(now), one.batch, other.ratio, one.ratio, change, verdict)


def _judged(now: Speed, before: Speed, one: Figures, other: Figures) -> tuple[Ratio | None, str]:
    if before.hardware != now.hardware:
        return None, f"other hardware, not judged: {before.hardware}"
    if before.baseline != now.baseline or one.batch != other.batch:
        return None, OTHER_TERMS
    if min(len(one.ratios), len(other.ratios)) < 2:
        return None, "too few sittings to judge"
    return ratios.changed(other.ratios, one.ratios)
