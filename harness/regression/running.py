"""The line of `regression`: read both sides, compare, judge."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from harness.outcomes import Mistake
from harness.regression import drops, exact, lost, revisions, sides, slower
from harness.regression.findings import Finding, Report, Verdict, accepted, ordered
from harness.regression.sides import Side

BASELINES = Path("baselines") / "systems"


@dataclass(frozen=True)
class Asked:
    """The revisions to compare (the files as they lie here where `head` is None), and whose changes are meant."""

    base: str
    results: Path
    head: str | None = None
    accept: tuple[str, ...] = ()


def compare(asked: Asked) -> Report:
    """What lies between two revisions; raises `Mistake` where one of them, or its results, cannot be had."""
    repo = revisions.repository(asked.results if asked.results.is_dir() else Path.cwd())
    base = revisions.base(repo, asked.base)
    with ExitStack() as folders:
        before = sides.read(folders.enter_context(revisions.folder_of(base, repo, asked.results)))
        if asked.head is None:
            name, now = "the files here", sides.read(_present(asked.results))
        else:
            head = revisions.revision(repo, asked.head)
            name, now = head.name, sides.read(folders.enter_context(revisions.folder_of(head, repo, asked.results)))
        found = findings(before, now, baselines(Path(str(repo.working_tree_dir))))
        _require_known(asked.accept, (before, now))
        touched = {(one.track, one.system) for one in found}
        unchanged = sum(key not in touched for key in before.systems.keys() & now.systems.keys())
        return Report(base=base.name, head=name, findings=ordered(accepted(found, asked.accept)), unchanged=unchanged)


def findings(before: Side, now: Side, references: Collection[str]) -> list[Finding]:
    """All findings between two sides; `references` are the baselines, by the names of their entries."""
    found = [*lost.unreadable(before, now), *lost.lost(before, now), *lost.failed(before, now)]
    for key, system in before.systems.items():
        here = now.systems.get(key)
        if here is not None:
            found += exact.costs(system, here, references)
    for key, here in now.systems.items():
        found += exact.scores(before, now, before.systems.get(key), here)
        found += [] if key in before.systems else [_new(here.track, here.name, f"{len(here.cells)} cells")]
    return [*found, *drops.drops(before, now), *slower.slower(before, now)]


def baselines(project: Path) -> frozenset[str]:
    """The names of the entries that limits and ratios refer to."""
    return frozenset(path.parent.name for path in (project / BASELINES).glob("*/submission.toml"))


def _new(track: str, system: str, what: str) -> Finding:
    return Finding(verdict=Verdict.NEW, rule="regression.new", track=track, system=system, what="the system", now=what)


def _present(folder: Path) -> Path:
    if not folder.is_dir():
        problem = f"{folder} is not a folder."
        raise Mistake("regression.folder", problem, "Give the folder of the results with --results.")
    return folder


def _require_known(names: Sequence[str], both: Sequence[Side]) -> None:
    """Refuses a name that is of no system: somebody meant another one."""
    systems = {name for side in both for _, name in side.systems}
    entries = {name.split("/")[0] for name in systems}
    unknown = [name for name in names if name not in systems | entries]
    if unknown:
        problem = f'There is no result of "{unknown[0]}" on either side.'
        raise Mistake("regression.accept", problem, f"Give ENTRY or ENTRY/SYSTEM: {_some(entries)}.")


def _some(names: set[str]) -> str:
    return ", ".join(sorted(names)[:10]) or "there is none"
