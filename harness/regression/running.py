"""The line of `regression`: read both sides, compare, judge."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.outcomes import Mistake
from harness.regression import drops, exact, lost, revisions, sides, slower
from harness.regression.exact import Edits
from harness.regression.findings import Finding, Report, Verdict, accepted, ordered
from harness.regression.revisions import Revision
from harness.regression.sides import Side

if TYPE_CHECKING:
    from git import Repo

BASELINES = Path("baselines") / "systems"


@dataclass(frozen=True)
class Asked:
    """The revisions to compare (the files as they lie here where `head` is None), and whose changes are meant.

    `failed` are commands on what the change touches that failed: "check submissions/mine".
    """

    base: str
    results: Path
    head: str | None = None
    accept: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


def compare(asked: Asked) -> Report:
    """What lies between two revisions; raises `Mistake` where one of them, or its results, cannot be had."""
    repo = revisions.repository(asked.results if asked.results.is_dir() else Path.cwd())
    head = revisions.revision(repo, asked.head) if asked.head is not None else None
    base = revisions.base(repo, asked.base, head.commit if head else None)
    with ExitStack() as folders:
        before = sides.read(folders.enter_context(revisions.folder_of(base, repo, asked.results)))
        place = folders.enter_context(revisions.folder_of(head, repo, asked.results)) if head else None
        now = sides.read(place or _present(asked.results))
        edits = _edits(revisions.touched(repo, base.commit, head.commit if head else None))
        found = [*_failed(asked.failed), *findings(before, now, _baselines(repo, base), edits)]
        _require_known(asked.accept, (before, now))
        touched = {(one.track, one.system) for one in found}
        unchanged = sum(key not in touched for key in before.systems.keys() & now.systems.keys())
        name = head.name if head else "the files here"
        return Report(base=base.name, head=name, findings=ordered(accepted(found, asked.accept)), unchanged=unchanged)


def _failed(commands: Sequence[str]) -> list[Finding]:
    """A finding for each command on what was touched that failed."""
    return [
        Finding(
            verdict=Verdict.REGRESSION, rule="regression.failed", track="", system=one.partition(" ")[2],
            what=one.partition(" ")[0], now="failed", why="see what it printed",
        )
        for one in commands
    ]  # fmt: skip


def _edits(paths: Collection[str]) -> Edits:
    """What a change touches, by the paths of its files."""
    parts = [Path(path).parts for path in paths]
    own = {part[1] for part in parts if len(part) > 2 and part[0] == "submissions"}
    own |= {part[2] for part in parts if len(part) > 3 and part[:2] == BASELINES.parts}
    shared = any(part[0] == "harness" or (part[0] == "baselines" and part[:2] != BASELINES.parts) for part in parts)
    return Edits(frozenset(own), shared)


def _baselines(repo: Repo, base: Revision) -> frozenset[str]:
    """The names of the entries that limits and ratios refer to, those of both sides."""
    here = Path(str(repo.working_tree_dir)) / BASELINES
    return frozenset(
        revisions.names_in(base.commit, BASELINES.as_posix()) | {path.name for path in here.glob("[!_.]*")}
    )


def findings(before: Side, now: Side, references: Collection[str], edits: Edits | None = None) -> list[Finding]:
    """All findings between two sides; `references` are the baselines, by the names of their entries."""
    found = [*lost.unreadable(before, now), *lost.lost(before, now), *lost.failed(before, now)]
    found += lost.clips(before, now)
    for key, system in before.systems.items():
        here = now.systems.get(key)
        if here is not None:
            found += exact.costs(system, here, references, edits)
    for key, here in now.systems.items():
        found += exact.scores(before, now, before.systems.get(key), here)
        found += [] if key in before.systems else [_new(here.track, here.name, f"{len(here.cells)} cells")]
    return [*found, *drops.drops(before, now), *slower.slower(before, now)]


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
