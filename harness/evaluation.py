"""From a submission folder to scored, counted, published results: the line that `evaluate` and `check` walk."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from harness import cell, drawing, entry, needs, plan, process, provenance, results, tables, tracks
from harness.cell import Ground, Ready
from harness.console import Progress, Reporter, show_table
from harness.data import dataset_of, packing
from harness.engines import local
from harness.entry import Entry
from harness.files import digest_of_path, digest_of_value, find_path, require_writable
from harness.job import Answer, Job
from harness.needs import Node
from harness.nursery import Nursery
from harness.outcomes import Mistake, Outcome
from harness.plan import Cell, Choice, System
from harness.results import Result
from harness.tracks import Track

MODULE_TABLES = 3
"""For so many systems `check` prints a table by module each; for more, choose one with --system."""


@dataclass(frozen=True)
class Places:
    """Folders of a command: data and lists (None: the track's own), results, cache, and where it was typed."""

    data: Path | None
    lists: Path | None
    results: Path
    cache: Path
    typed_in: Path


@dataclass(frozen=True)
class Hands:
    """What a command works with: the process that starts children, and the one who tells of it."""

    nursery: Nursery
    reporter: Reporter


def check(entry_folder: Path, track_name: str, choice: Choice, places: Places, hands: Hands) -> bool:
    """Checks contract and limits of the chosen systems and prints what was counted; True where all pass."""
    systems = checks(entry_folder, track_name, choice, places, hands)
    return all(system.check.outcome is Outcome.OK for system in systems)


def checks(entry_folder: Path, track_name: str, choice: Choice, places: Places, hands: Hands) -> list[System]:
    """The chosen systems and those they need, checked; prints what was counted, and why one did not pass."""
    track, _ = tracks.load(track_name)
    read = entry.read(entry_folder)
    require_writable(places.cache, "The cache folder")
    systems = checked_systems(read, track, choice, places, hands)
    for system in systems if len(systems) <= MODULE_TABLES else ():
        if system.check.complexity:
            show_table(tables.module_rows(system.check.complexity), tables.MODULES)
    show_table(tables.complexity_rows(systems, track.rules), tables.COMPLEXITY)
    for line in (
        *(note for system in systems for note in tables.complexity_notes(system)),
        *tables.check_reasons(systems),
    ):
        hands.reporter.say(line)
    return systems


def evaluate(
    entry_folder: Path, track_name: str, choice: Choice, places: Places, hands: Hands, *, dry_run: bool = False
) -> bool:
    """Walks every cell of the choice that has no result yet and prints the scores; True where all ended well.

    With `dry_run` the plan is drawn; True where nothing is missing for it.
    """
    track, track_folder = tracks.load(track_name)
    read = entry.read(entry_folder)
    require_writable(places.cache, "The cache folder")
    require_writable(places.results, "The results folder")
    command = partial(typed, "evaluate", changed=read.folder, track_name=track_name, choice=choice, places=places)
    reading = dataset_of.to_plan_with if dry_run else dataset_of.read
    dataset = reading(track, track_folder, places.data, places.lists, places.cache, hands.reporter)
    ground = Ground(track, dataset, choice, places.results, places.cache, places.typed_in, command)
    systems = checked_systems(read, track, choice, places, hands, planning=dry_run)
    cells = plan.cells(systems, track, dataset, choice, read.folder)
    if not dry_run:
        return walk_cells(cells, ground, hands)
    return drawing.show(cells, ground)


def typed(verb: str, entry_folder: Path, *, changed: Path, track_name: str, choice: Choice, places: Places) -> str:
    """What to type to do this again, less system, split and seed; folders of this machine are left out."""
    words = ["nox", "-s", verb, "--", _shown(entry_folder, places), "--track", _shown(Path(track_name), places)]
    words += ["--data", "DIR"] if places.data else []
    words += ["--preset", choice.preset] if choice.preset else []
    settings = (choice.settings or {}) if entry_folder == changed else {}
    words += [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    return shlex.join(words)


def _shown(path: Path, places: Places) -> str:
    """A path as seen from where the command was typed; only its name where it lies elsewhere."""
    if not path.is_absolute():
        return path.as_posix()
    inside = path.is_relative_to(places.typed_in)
    return path.relative_to(places.typed_in).as_posix() if inside else path.name


def checked_systems(
    read: Entry, track: Track, choice: Choice, places: Places, hands: Hands, *, planning: bool = False
) -> list[System]:
    """The chosen systems and those they need, each built and checked in a child process, or as a check found them.

    `planning`: files that their settings name need not be there.
    """
    nodes = needs.graph(read, plan.chosen_systems(read, track, choice))
    found: dict[tuple[Path, str], System] = {}
    for node in needs.in_order(nodes):
        teachers = tuple((need, found[teacher.place]) for need, teacher in node.needs)
        changed = node.entry.folder == read.folder
        settings = plan.settings(node.entry, node.name, track, choice, changed=changed)
        answer = _checked(node, settings, track, choice, places, hands, planning=planning)
        found[node.place] = System(node.entry, node.name, settings, answer, teachers)
    return [found[node.place] for node in nodes]


def _checked(
    node: Node,
    settings: dict[str, Any],
    track: Track,
    choice: Choice,
    places: Places,
    hands: Hands,
    *,
    planning: bool,
) -> Answer:
    words = plan.task_words(track)
    identity = [
        plan.CONTRACT_VERSION, node.entry.digest, node.name, settings, words.model_dump(), plan.rules(track),
        provenance.package_versions(), choice.device, str(places.typed_in),
    ]  # fmt: skip
    job = Job(
        stage="check",
        folder=places.cache / "checks" / digest_of_value(identity)[:20],
        entry=node.entry.folder,
        settings=settings,
        typed_in=places.typed_in,
        task=words,
        edition=cell.edition_of(node.entry.system(node.name), track),
        device=choice.device,
        processes=node.entry.system(node.name).processes,
        planning=planning,
    )
    answer = _known_check(job)
    if answer is None:
        with hands.reporter.step(f"checking {node}"), cell.alone(job.folder, wait=True):
            answer = _known_check(job) or process.run(job, cell.allowance("check", track), hands.nursery)
    return answer


def _known_check(job: Job) -> Answer | None:
    """What an earlier check found, unless a file that the configuration names has changed or come since."""
    answer = cell.finished(job)
    return answer if answer and not _files_changed(answer, job) else None


def _files_changed(answer: Answer, job: Job) -> bool:
    for name, digest in (answer.files or {}).items():
        path = find_path(Path(str((answer.config or {})[name])), (job.typed_in, job.entry))
        if path is None or digest_of_path(path) != digest:
            return True
    missing = (answer.missing or {}).values()
    return any(not job.planning or find_path(Path(one), (job.typed_in, job.entry)) for one in missing)


def walk_cells(cells: Sequence[Cell], ground: Ground, hands: Hands) -> bool:
    """Packs the data, walks what has no result yet, prints the table; True where every cell has a score.

    Cells come behind their teachers. One whose teacher failed is skipped, with the teacher named; the others go on.
    """
    refused = [one for one in cells if one.system.check.outcome is not Outcome.OK]
    done: dict[Path, Result] = {one.place: cell.failed_check(one, ground) for one in refused}
    ready = readied([one for one in cells if one.place not in done], ground, hands.reporter)
    known = {place: cell.known_result(each.cell, each.key, ground) for place, each in ready.items()}
    needed = _needed(ready, known, ground)
    for place, found in known.items():
        if found is not None:
            results.forget_failure(found.identity, ground.results)
            done |= {place: found} if place not in needed else {}
    waiting = [one for one in cells if one.place not in done]

    def walk(one: Cell) -> Result:
        done[one.place] = _walk_or_skip(one, ready.get(one.place), done, ground, hands)
        return done[one.place]

    local.run(waiting, walk)
    show_table(*tables.score_table((done[one.place] for one in cells), multi_label=ground.track.multi_label))
    for line in tables.reasons(done[one.place] for one in cells):
        hands.reporter.say(line)
    if not waiting and not refused:
        hands.reporter.say("nothing to do: every cell has its result")
    return local.worst(done.values()) is Outcome.OK


def readied(cells: Iterable[Cell], ground: Ground, reporter: Reporter) -> dict[Path, Ready]:
    """The cells with their clips packed, by place; those whose teachers are not among them are left out."""
    ready: dict[Path, Ready] = {}
    for one in cells:
        if all(teacher.place in ready for _, teacher in one.teachers):
            ready[one.place] = _ready(one, ready, ground, reporter)
    return ready


def _needed(ready: Mapping[Path, Ready], known: Mapping[Path, Result | None], ground: Ground) -> set[Path]:
    """Cells with a result that are walked all the same: a student waits for their weights, which are gone."""
    needed: set[Path] = set()
    for place in reversed(list(ready)):  # students before their teachers
        if known[place] is None or place in needed:
            needed |= {
                teacher.cell.place for _, teacher in ready[place].teachers if not cell.has_trained(teacher, ground)
            }
    return needed


def _walk_or_skip(one: Cell, ready: Ready | None, done: Mapping[Path, Result], ground: Ground, hands: Hands) -> Result:
    for name, teacher in one.teachers:
        found = done[teacher.place]
        if found.outcome is not Outcome.OK:
            title = f"{teacher.system.title} (split {teacher.split}, seed {teacher.seed})"
            problem = f"Its teacher {name}, {title}, ended as {found.outcome}."
            return cell.skipped(one, ground, Mistake("teacher.failed", problem, "Mend the teacher and run again."))
    assert ready is not None  # noqa: S101 - a cell is not ready only where a teacher is not
    return _walk(ready, ground, hands)


def _ready(one: Cell, others: Mapping[Path, Ready], ground: Ground, reporter: Reporter) -> Ready:
    """The cell with its clips packed, and so with its key."""
    training, test = cell.stores(one, ground)
    telling = partial(reporter.step, f"packing waveforms at {training.sample_rate} Hz")
    rows = plan.learned_from(one, ground.dataset)
    if rows is not None:
        packing.pack(training, ground.dataset, rows, telling)
    test.pack(telling)
    teachers = tuple((name, others[teacher.place]) for name, teacher in one.teachers)
    keys = {name: teacher.key for name, teacher in teachers}
    found = plan.digests(one, ground.dataset, training, test, keys)
    return Ready(one, training, test, found, plan.key(one, ground.track, found, ground.choice.device), teachers)


def _walk(ready: Ready, ground: Ground, hands: Hands) -> Result:
    one = ready.cell
    name = f"{one.system.entry.name}/{one.system.name} split {one.split} seed {one.seed}"
    with hands.reporter.step(name) as progress:
        shown = {stage: partial(_tell, progress, stage) for stage in ("train", "predict")}
        try:
            return cell.walk(ready, ground, hands.nursery, shown)
        except Mistake as mistake:
            if mistake.rule not in cell.LEFT_ALONE:
                raise
            return cell.skipped(one, ground, mistake, ready)


def _tell(progress: Progress, stage: str, done: int, total: int, metrics: str) -> None:
    progress(done, total, f"{stage} {metrics}")
