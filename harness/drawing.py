"""What a command would do, drawn before it does it: every cell with those it needs, what is finished, what it costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness import cell, costs, plan, results, tables
from harness.cell import Ground
from harness.console import show_table
from harness.data import store
from harness.outcomes import Outcome
from harness.plan import Cell
from harness.results import Result


def show(cells: Iterable[Cell], ground: Ground) -> bool:
    """Prints every cell, those it needs below it: finished, or to run and about how long that takes.

    True where nothing stands in the way: data and files are there, and every system passed its check.
    """
    every = list(cells)
    needed = {teacher.place for one in every for _, teacher in one.teachers}
    planned = {one.place: _planned(one, ground) for one in every}
    rows: list[tables.Row] = []
    shown: set[Path] = set()
    for one in every:
        if one.place not in needed:
            rows += _branch(one, planned, shown, depth=0)
    show_table(rows, tables.PLAN)
    refusals, lacking = _refusals(every), _lacking(every, ground)
    for line in refusals:
        print(line)
    minutes = [found.minutes for found in planned.values() if found.state == "to run"]
    known = [each for each in minutes if each is not None]
    if minutes:
        unknown = f", and {len(minutes) - len(known)} nobody can judge yet" if len(known) < len(minutes) else ""
        print(f"{len(minutes)} cells to run: about {sum(known):.1f} min for {len(known)} of them{unknown}")
        print(_foretold([found.macs for found in planned.values() if found.state == "to run"]))
    if lacking:
        print(f"needed before anything is trained: {', '.join(lacking)}")
    return not refusals and not lacking


def _refusals(cells: Iterable[Cell]) -> list[str]:
    """Why systems do not pass their check: a line for each reason, with how many it holds for."""
    found: dict[str, set[str]] = {}
    for one in cells:
        if reason := one.system.check.reason:
            line = f"{one.system.check.outcome}: {reason.problem} {reason.remedy} [{reason.rule}]"
            found.setdefault(line, set()).add(one.system.title)
    return [
        f"{line} ({min(systems) if len(systems) == 1 else f'{len(systems)} systems'})"
        for line, systems in found.items()
    ]


def _lacking(cells: Iterable[Cell], ground: Ground) -> list[str]:
    """What is not there yet: the data, and the files that configurations name."""
    data = [] if ground.dataset.here else ["the data set (--data DIR)"]
    files = {f"{path} ({name})" for one in cells for name, path in (one.system.check.missing or {}).items()}
    return [*data, *sorted(files)]


def _foretold(macs: list[int | None]) -> str:
    """What the cells to run cost on an accelerator that nobody has timed."""
    known = [each for each in macs if each is not None]
    unknown = f"; {len(macs) - len(known)} cells do not tell their epochs" if len(known) < len(macs) else ""
    rate = costs.MACS_PER_GPU_HOUR // 3600
    return (
        f"training them: {sum(known):.2e} multiply-accumulates, {_hours(sum(known))} GPU hours at {rate:.0e} a second"
        f" (assumed, not measured){unknown}"
    )


def _hours(macs: int) -> str:
    """Two digits, or whole hours."""
    hours = costs.gpu_hours(macs)
    return f"{hours:,.0f}" if hours >= 10 else f"{hours:.2g}"


def _branch(
    one: Cell, planned: Mapping[Path, _Planned], shown: set[Path], depth: int, name: str = ""
) -> list[tables.Row]:
    """The row of a cell and, below it, those of its teachers; a teacher that stands above already is named only."""
    sign = "   " * (depth - 1) + "└─ " if depth else ""
    title = f"{sign}{one.system.title}" + (f" as {name}" if name and name != one.system.name else "")
    clips = "none" if one.rows is None else f"{len(one.rows):,}"
    start = (title, one.split, str(one.seed), clips)
    if one.place in shown:
        return [(*start, "as above", "", "")]
    shown.add(one.place)
    found = planned[one.place]
    hours = "" if found.macs is None else _hours(found.macs)
    coming = (found.estimate, hours) if found.state == "to run" else ("", "")
    rows: list[tables.Row] = [(*start, found.state, *coming)]
    for word, teacher in one.teachers:
        rows += _branch(teacher, planned, shown, depth + 1, word)
    return rows


@dataclass(frozen=True)
class _Planned:
    """What is known of a cell before it is walked; `key` is None where its clips are not packed or its check failed."""

    state: str
    key: str | None
    estimate: str = ""
    minutes: float | None = None
    macs: int | None = None


def _planned(one: Cell, ground: Ground) -> _Planned:
    if one.system.check.outcome is not Outcome.OK:
        return _Planned(one.system.check.outcome, None)
    key = _key_if_packed(one, ground)
    if key and cell.known_result(one, key, ground):
        return _Planned("finished", key)
    minutes, words = _estimate(one, ground)
    return _Planned("to run", key, words, minutes, costs.training_macs(one))


def _key_if_packed(one: Cell, ground: Ground) -> str | None:
    """The cell's key; None where its clips, or those of a teacher, are not packed: nothing is packed to find out."""
    if one.system.check.outcome is not Outcome.OK or not ground.dataset.here:
        return None
    training, test = cell.stores(one, ground)
    rows = plan.learned_from(one, ground.dataset)
    if not test.packed or (rows is not None and not store.holds(training, ground.dataset, rows)):
        return None
    keys = {name: _key_if_packed(teacher, ground) for name, teacher in one.teachers}
    found = {name: key for name, key in keys.items() if key}
    if len(found) < len(keys):
        return None
    return plan.key(one, ground.track, plan.digests(one, ground.dataset, training, test, found), ground.choice.device)


def _estimate(one: Cell, ground: Ground) -> tuple[float | None, str]:
    """Minutes, and what they rest on: an earlier result of the system on this track, by its number of clips."""
    folder = one.identity.path(ground.results).parent
    for _, found in results.read_all([folder]):
        if isinstance(found, Result) and found.scores and found.device == ground.choice.device:
            rows = ground.dataset.splits.get(found.identity.split)
            share = len(one.rows) / len(rows) if one.rows is not None and rows is not None else 1.0
            minutes = (found.stages["train"].seconds * share + found.stages["predict"].seconds) / 60
            return minutes, f"about {minutes:.1f} min, by split {found.identity.split} on {found.created[:10]}"
    return None, "no earlier result to judge by"
