"""From a submission folder to scored, counted, published results: the line that `evaluate` and `check` walk."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness import cell, entry, plan, process, provenance, results, tables, tracks
from harness.cell import Ground, Ready
from harness.console import Progress, Reporter, show_table
from harness.data import dataset_of, packing, store, test_clips
from harness.data.store import Layout
from harness.data.test_clips import TestClips
from harness.engines import local
from harness.entry import Entry
from harness.files import digest_of_path, digest_of_value, find_path, require_writable
from harness.job import Answer, Job
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
    track, _ = tracks.load(track_name)
    read = entry.read(entry_folder)
    require_writable(places.cache, "The cache folder")
    systems = checked_systems(read, track, choice, places, hands)
    for system in systems if len(systems) <= MODULE_TABLES else ():
        if system.check.complexity:
            show_table(tables.module_rows(system.check.complexity), tables.MODULES)
    show_table(tables.complexity_rows(systems, track.rules), tables.COMPLEXITY)
    for system in systems:
        for note in tables.complexity_notes(system):
            hands.reporter.say(note)
        if system.check.reason:
            reason = system.check.reason
            hands.reporter.say(f"{system.name}: {reason.problem} {reason.remedy} [{reason.rule}]")
    return all(system.check.outcome is Outcome.OK for system in systems)


def evaluate(
    entry_folder: Path, track_name: str, choice: Choice, places: Places, hands: Hands, *, dry_run: bool = False
) -> bool:
    """Walks every cell of the choice that has no result yet and prints the scores; True where all ended well."""
    track, track_folder = tracks.load(track_name)
    read = entry.read(entry_folder)
    require_writable(places.cache, "The cache folder")
    require_writable(places.results, "The results folder")
    command = _command(entry_folder, track_name, choice, places)
    dataset = dataset_of.read(track, track_folder, places.data, places.lists, places.cache, hands.reporter)
    ground = Ground(track, dataset, choice, places.results, places.cache, places.typed_in, command)
    systems = checked_systems(read, track, choice, places, hands)
    cells = plan.cells(systems, track, dataset, choice)
    if not dry_run:
        return walk_cells(cells, ground, hands)
    show_plan(cells, ground)
    return all(system.check.outcome is Outcome.OK for system in systems)


def _command(entry_folder: Path, track_name: str, choice: Choice, places: Places) -> str:
    """What to type to walk these cells again, less split and seed; folders of this machine are left out."""
    words = ["nox", "-s", "evaluate", "--", _shown(entry_folder, places), "--track", _shown(Path(track_name), places)]
    words += ["--data", "DIR"] if places.data else []
    words += ["--preset", choice.preset] if choice.preset else []
    words += [word for key, value in (choice.settings or {}).items() for word in ("--set", f"{key}={value}")]
    return shlex.join(words)


def _shown(path: Path, places: Places) -> str:
    """A path as seen from where the command was typed; only its name where it lies elsewhere."""
    if not path.is_absolute():
        return path.as_posix()
    inside = path.is_relative_to(places.typed_in)
    return path.relative_to(places.typed_in).as_posix() if inside else path.name


def checked_systems(read: Entry, track: Track, choice: Choice, places: Places, hands: Hands) -> list[System]:
    """The chosen systems, each built and checked in a child process, or as an earlier check found them."""
    names = plan.chosen_systems(read, choice)
    return [_checked(read, name, track, choice, places, hands) for name in names]


def _checked(read: Entry, name: str, track: Track, choice: Choice, places: Places, hands: Hands) -> System:
    settings = plan.settings(read, name, track, choice)
    words = plan.task_words(track)
    identity = [
        plan.CONTRACT_VERSION, read.digest, name, settings, words.model_dump(), plan.rules(track),
        provenance.package_versions(), choice.device, str(places.typed_in),
    ]  # fmt: skip
    job = Job(
        stage="check",
        folder=places.cache / "checks" / digest_of_value(identity)[:20],
        entry=read.folder,
        settings=settings,
        typed_in=places.typed_in,
        task=words,
        edition=track.edition,
        device=choice.device,
    )
    answer = _known_check(job)
    if answer is None:
        with hands.reporter.step(f"checking {read.name}/{name}"), cell.alone(job.folder, wait=True):
            answer = _known_check(job) or process.run(job, cell.allowance("check", track), hands.nursery)
    return System(read, name, settings, answer)


def _known_check(job: Job) -> Answer | None:
    """What an earlier check found, unless a file that the configuration names has changed since."""
    answer = cell.finished(job)
    return answer if answer and not _files_changed(answer, job) else None


def _files_changed(answer: Answer, job: Job) -> bool:
    for name, digest in (answer.files or {}).items():
        path = find_path(Path(str((answer.config or {})[name])), (job.typed_in, job.entry))
        if path is None or digest_of_path(path) != digest:
            return True
    return False


def walk_cells(cells: Sequence[Cell], ground: Ground, hands: Hands) -> bool:
    """Packs the data, walks what has no result yet, prints the table; True where every cell has a score."""
    done: list[Result] = []
    refused = [one for one in cells if one.system.check.outcome is not Outcome.OK]
    done += [cell.failed_check(one, ground) for one in refused]
    ready = [_ready(one, ground, hands.reporter) for one in cells if one.system.check.outcome is Outcome.OK]
    known = [_finished(one.cell, one.key, ground) for one in ready]
    for found in filter(None, known):
        results.forget_failure(found.identity, ground.results)
    waiting = [one for one, found in zip(ready, known, strict=True) if found is None]
    done += [found for found in known if found is not None]
    done += local.run(waiting, partial(_walk, ground=ground, hands=hands))
    show_table(tables.score_rows(done), tables.SCORES)
    for line in tables.reasons(done):
        hands.reporter.say(line)
    if not waiting and not refused:
        hands.reporter.say("nothing to do: every cell has its result")
    return local.worst(done) is Outcome.OK


def _ready(one: Cell, ground: Ground, reporter: Reporter) -> Ready:
    """The cell with its clips packed, and so with its key."""
    training, test = _stores(one, ground)
    telling = partial(reporter.step, f"packing waveforms at {training.sample_rate} Hz")
    if one.rows is not None:
        packing.pack(training, ground.dataset, one.rows, telling)
    test.pack(telling)
    found = plan.digests(one, ground.dataset, training, test)
    return Ready(one, training, test, found, plan.key(one, ground.track, found, ground.choice.device))


def _stores(one: Cell, ground: Ground) -> tuple[Layout, TestClips]:
    """Where the training and the test clips of a cell are packed."""
    rate, seconds = one.system.check.sample_rate, ground.track.clip_seconds
    assert rate is not None  # noqa: S101 - a check that ended well has it
    training = store.layout(ground.dataset, rate, seconds, "int16", ground.cache)
    return training, test_clips.shuffled(ground.dataset, rate, seconds, ground.cache)


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
            return cell.skipped(ready, ground, mistake)


def _tell(progress: Progress, stage: str, done: int, total: int, metrics: str) -> None:
    progress(done, total, f"{stage} {metrics}")


def show_plan(cells: Iterable[Cell], ground: Ground) -> None:
    """Prints every cell with what is known of it: finished, or to run and about how long that takes."""
    show_table([_plan_row(one, ground) for one in cells], tables.PLAN)


def _plan_row(one: Cell, ground: Ground) -> tables.Row:
    clips = "none" if one.rows is None else f"{len(one.rows):,}"
    start = (f"{one.system.entry.name}/{one.system.name}", one.split, str(one.seed), clips)
    if one.system.check.outcome is not Outcome.OK:
        return (*start, one.system.check.outcome, "")
    state = "finished" if _is_finished(one, ground) else "to run"
    return (*start, state, "" if state == "finished" else _estimate(one, ground))


def _is_finished(one: Cell, ground: Ground) -> bool:
    """Whether the cell has its result; nothing is packed to find out."""
    training, test = _stores(one, ground)
    if not test.packed or (one.rows is not None and not store.holds(training, ground.dataset, one.rows)):
        return False
    key = plan.key(one, ground.track, plan.digests(one, ground.dataset, training, test), ground.choice.device)
    return _finished(one, key, ground) is not None


def _finished(one: Cell, key: str, ground: Ground) -> Result | None:
    """The cell's result; one of a quick run does not stand for an official one, though its stages do."""
    official = not ground.choice.unofficial(ground.track)
    return results.finished(one.identity, key, ground.results, official=official)


def _estimate(one: Cell, ground: Ground) -> str:
    """From an earlier result of this system on this track: its stages' seconds, by the number of training clips."""
    folder = one.identity.path(ground.results).parent
    for _, found in results.read_all([folder]):
        if isinstance(found, Result) and found.scores and found.device == ground.choice.device:
            rows = ground.dataset.splits.get(found.identity.split)
            share = len(one.rows) / len(rows) if one.rows is not None and rows is not None else 1.0
            seconds = found.stages["train"].seconds * share + found.stages["predict"].seconds
            return f"about {seconds / 60:.1f} min, by split {found.identity.split} on {found.created[:10]}"
    return "no earlier result to judge by"
