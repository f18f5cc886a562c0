"""The line of `package`: from trained systems to what DCASE takes, which our own validator has read."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness import cell, entry, results, tracks, trained
from harness.cell import Ground, Ready
from harness.editions import Edition
from harness.entry import Entry
from harness.evaluation import Hands, Places
from harness.files import require_writable
from harness.job import TRAINED
from harness.outcomes import Mistake, nearest
from harness.packages import asking, inference, meta, meta_files, outputs, predicting, validating
from harness.packages.declared import Challenge
from harness.packages.faults import Fault
from harness.packages.inference import Packaged
from harness.packages.labels import Label, name_part
from harness.packages.predicting import Predicted
from harness.plan import Choice
from harness.results import Result
from harness.tracks import Track
from harness.trained import Trained

DATE = (1980, 1, 1, 0, 0, 0)
"""The same bytes for the same contents."""

DECLARE = "Add the tables [challenge] and [[challenge.authors]]: see docs/packages.md."


@dataclass(frozen=True)
class Asked:
    """What was typed. Without `evaluation`, the development test clips stand in: a rehearsal."""

    entry: Path
    track: str
    choice: Choice
    places: Places
    out: Path
    evaluation: Path | None = None
    report: Path | None = None


@dataclass(frozen=True)
class Written:
    """What was written, and what is still to be done about it."""

    archive: Path
    inference: Path | None
    faults: tuple[Fault, ...]


@dataclass(frozen=True)
class _Package:
    """What all systems of a package share."""

    read: Entry
    track: Track
    edition: Edition
    challenge: Challenge
    team: str


def package(asked: Asked, hands: Hands) -> Written:
    """Writes the package of the chosen systems, in the order they were named.

    Raises `Mistake` where something is not declared, not trained, or not predicted.
    """
    known = _known(asked)
    systems = _systems(asked, known)
    choice = replace(asked.choice, systems=systems, splits=_splits(asked, known), seeds=_seed(asked, known))
    require_writable(asked.out, "The folder of packages")
    named = trained.named(asked.entry, systems)
    found = trained.find(asked.entry, named, asked.track, choice, asked.places, hands)
    part = asked.out / f".{known.team}.part"
    shutil.rmtree(part, ignore_errors=True)
    try:
        installable = _inference(part, known, systems, found) if known.edition.package.inference.value else None
        costs = asking.costs(installable, known.track) if installable else {}
        _write_systems(part / known.team, asked, known, systems, found, costs, hands)
        return _finished(part, asked, known, installable)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _known(asked: Asked) -> _Package:
    track, _ = tracks.load(asked.track)
    if track.rules is None:
        problem = f"Track {track.name} belongs to no edition of the challenge."
        raise Mistake("package.edition", problem, "Choose one that does, such as dcase2024-task1.")
    read = entry.read(asked.entry)
    challenge = read.submission.challenge
    if challenge is None:
        problem = f"{read.name} declares nothing for a challenge package."
        raise Mistake("package.declared", problem, DECLARE)
    unknown = sorted(set(challenge.systems) - set(read.submission.systems))
    if unknown:
        problem = f"[challenge.systems.{unknown[0]}] is of no system of {read.name}."
        raise Mistake("package.declared", problem, nearest(unknown[0], read.submission.systems))
    one = challenge.corresponding
    last, institute = name_part(one.last_name), name_part(one.affiliation.abbreviation)
    team = f"{last[:1].upper()}{last[1:]}_{institute}_task1"
    if Label.parse(f"{team}_1") is None:
        problem = f'No label can be made of "{one.last_name}" and "{one.affiliation.abbreviation}".'
        raise Mistake("package.label", problem, "Write last_name and affiliation.abbreviation in Latin letters.")
    if asked.report is not None and not asked.report.is_file():
        raise Mistake("package.report", f"{asked.report} is not there.", "Give the PDF of the technical report.")
    return _Package(read, track, track.rules, challenge, team)


def _systems(asked: Asked, known: _Package) -> tuple[str, ...]:
    chosen = asked.choice.systems or known.read.submitted
    most = known.edition.systems_per_team.value
    teachers = [name for name in chosen if known.read.system(name).role == "teacher"]
    if teachers:
        raise Mistake("package.systems", f"{teachers[0]} is a teacher.", "A teacher is not submitted: name a system.")
    if len(chosen) > most:
        problem = f"{known.edition.title} takes {most} systems a team, and these are {len(chosen)}."
        raise Mistake("package.systems", problem, "Name those to submit with --system, the first is number 1.")
    return chosen


def _splits(asked: Asked, known: _Package) -> tuple[str, ...]:
    """The training splits whose networks are packaged: those of the edition's outputs, or the one there is."""
    endings = known.edition.package.outputs.value
    wanted = tuple(ending.partition("split_")[2] for ending in endings if "split_" in ending)
    if wanted:
        return tracks.chosen_splits(known.track, asked.choice.splits or wanted)
    chosen = asked.choice.splits or tuple(known.track.splits)
    if len(chosen) != 1:
        problem = f"{known.edition.title} takes one output a system, and {known.track.name} has {len(chosen)} splits."
        raise Mistake("package.split", problem, "Say which one with --split.")
    return chosen


def _seed(asked: Asked, known: _Package) -> tuple[int, ...]:
    seeds = asked.choice.seeds or known.track.seeds[:1]
    if len(seeds) != 1:
        raise Mistake("package.seed", f"A package has one network a split, not {len(seeds)}.", "Give one --seed.")
    return seeds


def _write_systems(
    folder: Path, asked: Asked, known: _Package, systems: Sequence[str], found: Trained,
    costs: Mapping[str, Mapping[str, int]], hands: Hands,
) -> None:  # fmt: skip
    """Outputs and meta files; `costs` of systems as the organisers count them, from results where there are none."""
    ground = found.ground
    clips = predicting.evaluation_set(asked.evaluation, known.track) if asked.evaluation else None
    for number, system in enumerate(systems, start=1):
        label = Label(known.team, number)
        place = folder / str(label)
        place.mkdir(parents=True)
        ready = _by_ending(found, number - 1, known)
        for ending, one in ready.items():
            predicted = predicting.predicted(one, clips, ground, hands) if clips else predicting.rehearsed(one, ground)
            (place / label.output(ending)).write_bytes(_table(predicted, known))
        scored = {ending: _result(one, ground) for ending, one in ready.items()}
        cost = costs.get(str(label)) or meta.cost(scored.values(), known.edition)
        (place / label.meta).write_bytes(_meta(label, known, system, scored, cost, next(iter(ready.values()))))
    if asked.report is not None:
        shutil.copyfile(asked.report, folder / Label(known.team, 1).report)


def _by_ending(found: Trained, at: int, known: _Package) -> dict[str, Ready]:
    """The cells of one system by the endings of their outputs."""
    by_split = {split: cells[at] for (split, _), cells in found.cells.items()}
    endings = known.edition.package.outputs.value
    if len(endings) == 1:
        return {endings[0]: next(iter(by_split.values()))}
    return {ending: by_split[split] for ending in endings if (split := ending.partition("split_")[2]) in by_split}


def _table(found: Predicted, known: _Package) -> bytes:
    prefix = known.edition.package.audio_prefix.value
    return outputs.table(found.names, found.logits, known.track.labels, audio_prefix=prefix)


def _result(ready: Ready, ground: Ground) -> Result:
    found = results.read(ready.cell.identity.path(ground.results))
    if not isinstance(found, Result) or found.key != ready.key:
        problem = f"The result of {ready.cell.system.title} is of another training."
        raise Mistake("package.result", problem, f"Run it: {cell.command(ready.cell, ground)}")
    return found


def _meta(
    label: Label, known: _Package, system: str, scored: Mapping[str, Result], cost: Mapping[str, int], ready: Ready
) -> bytes:
    rate = ready.cell.system.check.sample_rate
    assert rate is not None  # noqa: S101 - a cell that is trained has passed its check
    about = known.read.submission
    endings = {ending: scored.get(ending) for ending in known.edition.package.outputs.value}
    external, code = about.external_data, about.source_code
    return meta_files.text(meta.filled(label, known.challenge, system, endings, rate, cost, external, code))


def _finished(part: Path, asked: Asked, known: _Package, installable: Path | None) -> Written:
    """Zips what was written, puts all in its place, and says what the validator finds."""
    rehearsal = "" if asked.evaluation else ".rehearsal"
    archive = asked.out / f"{known.team}{rehearsal}.zip"
    _zip(part / known.team, part / archive.name)
    faults = validating.validate(part / archive.name, known.edition, known.track, None)
    _into_place(part / known.team, asked.out / known.team)
    _into_place(part / archive.name, archive)
    if installable is not None:
        _into_place(installable, asked.out / installable.name)
    return Written(archive, asked.out / installable.name if installable else None, tuple(faults))


def _into_place(new: Path, place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    new.replace(place)


def _zip(folder: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as stream:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), DATE)
                info.external_attr, info.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
                stream.writestr(info, path.read_bytes())


def _inference(part: Path, known: _Package, systems: Sequence[str], found: Trained) -> Path:
    ground = found.ground
    folder = part / f"{known.team}_inference"
    packaged = []
    for number in range(1, len(systems) + 1):
        (ready,) = _by_ending(found, number - 1, known).values()
        packaged.append(Packaged(Label(known.team, number), ready.folder(ground) / TRAINED))
    first = next(iter(found.cells.values()))[0].cell
    names, labels = ground.dataset.names, known.track.labels
    test = [(names[row], labels[ground.dataset.labels[row]]) for row in first.test]
    saved_as = entry.module_name(known.read.folder)
    inference.write(folder, known.read, saved_as, packaged, known.track, known.edition, test)
    return folder
