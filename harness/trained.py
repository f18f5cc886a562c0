"""Systems that are trained: named by whoever asks them something, and found by the keys of their cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from harness import cell, entry, evaluation, plan, tracks
from harness.cell import Ground, Ready
from harness.data import dataset_of
from harness.entry import Entry
from harness.evaluation import Hands, Places
from harness.files import require_writable
from harness.outcomes import Mistake
from harness.plan import Cell, Choice


@dataclass(frozen=True)
class Named:
    """A system of an entry."""

    entry: Entry
    name: str

    @property
    def title(self) -> str:
        return f"{self.entry.name}/{self.name}"


@dataclass(frozen=True)
class Trained:
    """What all cells share, and those of the systems, in their order, by split and seed."""

    ground: Ground
    cells: dict[tuple[str, int], list[Ready]]


def named(first: Path, words: Sequence[str]) -> tuple[Named, ...]:
    """Systems of the entry in the folder `first`, FOLDER:SYSTEM of another one.

    Raises `Mistake` for an unknown one and for one that stands twice.
    """
    own = entry.read(first)
    read = {own.folder: own}
    found = []
    for word in words:
        folder, _, name = word.rpartition(":")
        one = entry.read(Path(folder)) if folder else own
        one = read.setdefault(one.folder, one)
        one.system(name)
        found.append(Named(one, name))
    if len({one.name for one in read.values()}) < len(read):
        problem = "Two of the entries have the same name."
        raise Mistake("trained.entries", problem, "Rename one of the folders: results lie by their names.")
    titles = [one.title for one in found]
    if len(set(titles)) < len(titles):
        twice = next(title for title in titles if titles.count(title) > 1)
        raise Mistake("trained.systems", f"{twice} stands there twice.", "Name each system once.")
    return tuple(found)


def find(
    first: Path, systems: Sequence[Named], track_name: str, choice: Choice, places: Places, hands: Hands
) -> Trained:
    """The trained cells of the systems over the chosen splits and seeds; --set is of the entry in the folder `first`.

    Raises `Mistake` where one is not trained yet, with the command that trains it.
    """
    track, track_folder = tracks.load(track_name)
    require_writable(places.cache, "The cache folder")
    dataset = dataset_of.read(track, track_folder, places.data, places.lists, places.cache, hands.reporter)
    command = partial(
        evaluation.typed, "evaluate", changed=first.resolve(), track_name=track_name, choice=choice,
        places=places,
    )  # fmt: skip
    ground = Ground(track, dataset, choice, places.results, places.cache, places.typed_in, command)
    cells = _cells(first, systems, ground, places, hands)
    return Trained(ground, _trained(cells, systems, ground, hands))


def _cells(first: Path, systems: Sequence[Named], ground: Ground, places: Places, hands: Hands) -> list[Cell]:
    """Every cell of the systems, and of those that they learned from, each behind its teachers."""
    found: dict[Path, Cell] = {}
    for read in {one.entry.folder: one.entry for one in systems}.values():
        changed = read.folder == first.resolve()
        wanted = tuple(one.name for one in systems if one.entry.folder == read.folder)
        choice = replace(ground.choice, systems=wanted, settings=ground.choice.settings if changed else None)
        checked = evaluation.checked_systems(read, ground.track, choice, places, hands)
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
    return Mistake("trained.missing", f"{problem}{more}.", f"Train it: {command}")
