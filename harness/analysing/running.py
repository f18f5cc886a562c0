"""The line of `analyse`: trained systems are each asked in a process of their own, then what they said is compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from harness import cell, entry, evaluation, plan, process, provenance, tracks
from harness.analysing import plugins
from harness.analysing.finding import Finding, Number, Panel, Run
from harness.analysing.judging import Score, measure
from harness.analysing.plugins import Arrays
from harness.cell import Ground, Ready
from harness.data import dataset_of
from harness.entry import Entry
from harness.evaluation import Hands, Places
from harness.files import digest_of_value, require_writable
from harness.job import PROBED
from harness.outcomes import Mistake
from harness.plan import Cell, Choice

MOST_SYSTEMS = 6
"""As many series of a chart as can be told apart; table 6 of paper 003 has as many columns."""


@dataclass(frozen=True)
class Asked:
    """What was typed: an analysis, an entry, and systems of it, or ENTRY:SYSTEM for those of others."""

    analysis: str
    entry: Path
    systems: tuple[str, ...]
    track: str
    choice: Choice
    places: Places


@dataclass(frozen=True)
class Named:
    """A system that is analysed."""

    entry: Entry
    name: str

    @property
    def title(self) -> str:
        return f"{self.entry.name}/{self.name}"


def analyse(asked: Asked, hands: Hands) -> Finding:
    """What the analysis says of the systems over the chosen splits and seeds; answers of earlier runs are kept.

    Raises `Mistake` where a system is unknown, not trained yet, or nothing that the analysis can ask.
    """
    plugins.require(asked.analysis)
    systems = named(asked)
    track, track_folder = tracks.load(asked.track)
    places = asked.places
    require_writable(places.cache, "The cache folder")
    dataset = dataset_of.read(track, track_folder, places.data, places.lists, places.cache, hands.reporter)
    command = partial(
        evaluation.typed, "evaluate", changed=asked.entry.resolve(), track_name=asked.track, choice=asked.choice,
        places=places,
    )  # fmt: skip
    ground = Ground(track, dataset, asked.choice, places.results, places.cache, places.typed_in, command)
    cells = _cells(asked, systems, ground, hands)
    return _found(asked, systems, _trained(cells, systems, ground, hands), ground, hands)


def named(asked: Asked) -> tuple[Named, ...]:
    """The systems by name; raises `Mistake` for an unknown one, one that stands twice, too few and too many."""
    first = entry.read(asked.entry)
    read = {first.folder: first}
    found = []
    for words in asked.systems:
        folder, _, name = words.rpartition(":")
        one = entry.read(Path(folder)) if folder else first
        one = read.setdefault(one.folder, one)
        one.system(name)
        found.append(Named(one, name))
    if len({one.name for one in read.values()}) < len(read):
        problem = "Two of the entries have the same name."
        raise Mistake("analysis.entries", problem, "Rename one of the folders: results lie by their names.")
    titles = [one.title for one in found]
    if len(set(titles)) < len(titles):
        twice = next(title for title in titles if titles.count(title) > 1)
        raise Mistake("analysis.systems", f"{twice} stands there twice.", "Name each system once.")
    if not 2 <= len(found) <= MOST_SYSTEMS:
        problem = f"{len(found)} systems were named."
        raise Mistake(
            "analysis.systems", problem, f"Name two to {MOST_SYSTEMS}: SYSTEM, or ENTRY:SYSTEM of another entry."
        )
    return tuple(found)


def _cells(asked: Asked, systems: Sequence[Named], ground: Ground, hands: Hands) -> list[Cell]:
    """Every cell of the systems, and of those that they learned from, each behind its teachers."""
    found: dict[Path, Cell] = {}
    for read in {one.entry.folder: one.entry for one in systems}.values():
        changed = read.folder == asked.entry.resolve()
        wanted = tuple(one.name for one in systems if one.entry.folder == read.folder)
        choice = replace(asked.choice, systems=wanted, settings=asked.choice.settings if changed else None)
        checked = evaluation.checked_systems(read, ground.track, choice, asked.places, hands)
        for system in checked:
            if (reason := system.check.reason) is not None:
                raise Mistake(reason.rule, f"{system.title}: {reason.problem}", reason.remedy)
        for each in plan.cells(checked, ground.track, ground.dataset, choice, read.folder):
            found.setdefault(each.place, each)
    return list(found.values())


def _trained(
    cells: Sequence[Cell], systems: Sequence[Named], ground: Ground, hands: Hands
) -> dict[tuple[str, int], list[Ready]]:
    """By split and seed, the cells of the systems in their order; raises `Mistake` where one is not trained."""
    titles, seeds = [one.title for one in systems], plan.chosen_seeds(ground.track, ground.choice)
    asked = [one for one in cells if one.system.title in titles and one.seed in seeds]
    own = sorted(asked, key=lambda one: titles.index(one.system.title))
    untrained = [one for one in own if not one.identity.path(ground.results).is_file()]
    if untrained:
        raise _missing(untrained, "is not trained on", cell.command(untrained[0], ground), ground)
    ready = evaluation.readied(cells, ground, hands.reporter)
    gone = [one for one in own if not cell.has_trained(ready[one.place], ground)]
    if gone:
        known = cell.known_result(gone[0], ready[gone[0].place].key, ground) is not None
        more = " --results DIR (a new one: the result is there, its weights are not)" if known else ""
        command = f"{cell.command(gone[0], ground)}{more}"
        raise _missing(gone, "has no weights in the cache, as all stands now, on", command, ground)
    found: dict[tuple[str, int], list[Ready]] = {}
    for one in own:
        found.setdefault((one.split, one.seed), []).append(ready[one.place])
    return found


def _missing(cells: Sequence[Cell], what: str, command: str, ground: Ground) -> Mistake:
    """The sentence for cells whose training is not there; it names the first."""
    one = cells[0]
    problem = f"{one.system.title} {what} {ground.track.name} (split {one.split}, seed {one.seed})"
    more = f"; {len(cells)} cells are missing in all" if len(cells) > 1 else ""
    return Mistake("analysis.untrained", f"{problem}{more}.", f"Train it: {command}")


def _found(
    asked: Asked,
    systems: Sequence[Named],
    trained: Mapping[tuple[str, int], Sequence[Ready]],
    ground: Ground,
    hands: Hands,
) -> Finding:
    comparison = plugins.comparison(asked.analysis)
    titles = tuple(one.title for one in systems)
    panels = comparison.panels(measure(ground.track))
    runs: dict[tuple[str, float | None, tuple[int, ...]], list[Run]] = {}
    for (split, seed), cells in trained.items():
        probed = [_probed(ready, asked.analysis, ground, hands) for ready in cells]
        score = Score(cells[0].test.shuffled.labels, ground.track)
        try:
            points = comparison.compare(probed, score)
        except ValueError as error:
            problem = f"On split {split}, seed {seed}, the analysis says nothing: {error}."
            raise Mistake("analysis.undefined", problem, "Choose other systems, splits or seeds.") from None
        for point in points:
            one = Run(split=split, seed=seed, value=point.value)
            runs.setdefault((point.panel, point.at, point.systems), []).append(one)
    order = [panel.name for panel in panels]
    numbers = [
        Number(panel=panel, systems=tuple(titles[at] for at in of), at=at, runs=tuple(some))
        for (panel, at, of), some in runs.items()
    ]
    return Finding(
        analysis=asked.analysis,
        title=comparison.TITLE,
        track=ground.track.name,
        systems=titles,
        splits=tuple(dict.fromkeys(split for split, _ in trained)),
        seeds=tuple(dict.fromkeys(seed for _, seed in trained)),
        panels=tuple(Panel(name=one.name, y=one.y, x=one.x, drawn=one.drawn) for one in panels),
        numbers=tuple(sorted(numbers, key=lambda one: (order.index(one.panel), one.at or 0.0))),
        keys={
            f"{ready.cell.system.title} split {split} seed {seed}": ready.key
            for (split, seed), cells in trained.items()
            for ready in cells
        },
        provenance=provenance.describe(ground.typed_in),
    )


def _probed(ready: Ready, analysis: str, ground: Ground, hands: Hands) -> Arrays:
    """What the probe of the analysis returned for a cell, clips in the order in which systems see them."""
    key = digest_of_value([ready.key, analysis, plugins.digest(analysis)])
    job = cell.probing(ready, analysis, ground.cache / "analyses" / key[:20], ground)
    one = ready.cell
    title = f"{one.system.title} split {one.split} seed {one.seed}"
    with cell.alone(job.folder):
        answer = cell.finished(job)
        if answer is None:
            with hands.reporter.step(f"asking {title}") as progress:
                allowed = cell.allowance("predict", ground.track)
                answer = process.run(job, allowed, hands.nursery, progress)
        if answer.reason is not None:
            raise Mistake(answer.reason.rule, f"{title}: {answer.reason.problem}", answer.reason.remedy)
        with np.load(job.folder / PROBED) as arrays:
            return dict(arrays)
