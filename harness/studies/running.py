"""Running a study: what it misses is evaluated and timed, then measured stands beside printed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from harness import evaluation, tracks
from harness.entry import Entry
from harness.evaluation import Hands, Places
from harness.outcomes import Mistake, nearest
from harness.plan import Choice
from harness.studies.measured import Counted, Findings
from harness.studies.shown import show
from harness.studies.table import COUNTED, FOLDS, Paper, Study
from harness.tracks import Track

Timing = Callable[[str, Choice], bool]
"""Times the chosen systems on a track where their speed is not known yet; True where that went well."""


def run(
    read: Entry,
    study: Study,
    paper: Paper,
    asked: str | None,
    choice: Choice,
    places: Places,
    hands: Hands,
    *,
    dry_run: bool = False,
    timing: Timing | None = None,
) -> bool:
    """Runs what the study misses and prints measured beside printed; True where every number could be measured.

    `asked`: one of the study's tracks, whose rows are then run, or another one in place of the study's own. With
    `dry_run` the plan is drawn and nothing runs; what earlier runs measured stands beside the printed numbers.
    """
    known = _tracks(study, asked)
    walked = _walked(study, asked, known, dry_run=dry_run)
    if dry_run:
        _show(read, study, paper, known, choice, places, hands)
    fine = True
    for name, (typed, track) in walked.items():
        for systems, splits in products(study, name, track):
            one = replace(choice, systems=systems, splits=splits, seeds=choice.seeds or study.seeds)
            fine &= evaluation.evaluate(read.folder, typed, one, places, hands, dry_run=dry_run)
        if study.timed(name) and timing is not None and not dry_run:
            splits = tuple(dict.fromkeys(split for _, some in products(study, name, track) for split in some))
            one = replace(choice, systems=study.timed(name), splits=splits, seeds=choice.seeds or study.seeds)
            fine &= timing(typed, one)
    if not dry_run:
        _show(read, study, paper, known, choice, places, hands)
    return fine


def _tracks(study: Study, asked: str | None) -> dict[str, tuple[str, Track] | None]:
    """What is typed for each track of the study, and the track; None for one that does not exist."""
    found: dict[str, tuple[str, Track] | None] = {}
    for name in study.tracks:
        typed = asked if asked and asked not in study.tracks and name == study.track else name
        missing = typed not in tracks.names() and typed != asked and not typed.endswith(".toml")
        found[name] = None if missing else (typed, tracks.load(typed)[0])
    return found


def _walked(
    study: Study, asked: str | None, known: dict[str, tuple[str, Track] | None], *, dry_run: bool
) -> dict[str, tuple[str, Track]]:
    """The tracks whose rows are run: the one that was asked for; every one that exists where nothing is run."""
    there = {name: found for name, found in known.items() if found is not None}
    if asked is None and (dry_run or len(there) == 1):
        return there
    if asked is None and len(there) > 1:
        problem = f"The study has rows of {len(there)} tracks, each with data of its own."
        raise Mistake("study.tracks", problem, f"Choose one with --track: {', '.join(there)}.")
    chosen = asked if asked in study.tracks else study.track
    if chosen not in there:
        problem = f"There is no track {chosen} yet, which the study needs."
        raise Mistake("study.tracks", problem, nearest(chosen, there) if there else "Choose another with --track.")
    return {chosen: there[chosen]}


def products(study: Study, name: str, track: Track) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """(systems, splits) whose every pair the rows of a track need: splits that need the same systems come together."""
    by_split: dict[str, tuple[str, ...]] = {}
    for system, wanted in study.needed(name):
        for split in track.folds if wanted == FOLDS else (wanted,):
            by_split[split] = tuple(dict.fromkeys((*by_split.get(split, ()), system)))
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    for split, systems in by_split.items():
        found[systems] = (*found.get(systems, ()), split)
    return list(found.items())


def _show(
    read: Entry,
    study: Study,
    paper: Paper,
    known: dict[str, tuple[str, Track] | None],
    choice: Choice,
    places: Places,
    hands: Hands,
) -> None:
    found: dict[str, Findings | None] = {}
    for name, one in known.items():
        if one is None:
            found[name] = None
            continue
        _, track = one
        counted = dict(_counted(read, study, name, track, choice, places, hands))
        found[name] = Findings(read, study, name, track, choice, places.results, counted)
    show(study, paper, found, hands.reporter)


def _counted(
    read: Entry, study: Study, name: str, track: Track, choice: Choice, places: Places, hands: Hands
) -> Iterable[tuple[str, Counted]]:
    """What checks say of the systems that a counted column is about; the checks of a walked study are known."""
    about = [
        row.about(column) for row, column in study.cells
        if column.measure in COUNTED and study.track_of(row) == name
    ]  # fmt: skip
    systems = tuple(dict.fromkeys(one for one in about if one))
    if not systems:
        return
    chosen = replace(choice, systems=systems)
    for one in evaluation.checked_systems(read, track, chosen, places, hands, planning=True):
        if one.entry.folder == read.folder:
            yield one.name, Counted(one.check.complexity, one.check.figures)
