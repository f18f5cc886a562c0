"""The line of `validate`: the files of a package, and, where asked, its entry and its inference package."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

from harness import entry, evaluation, tracks
from harness.editions import Edition
from harness.evaluation import Hands, Places
from harness.outcomes import Mistake
from harness.packages import asking, contents, meta_files, outputs, predicting, validating
from harness.packages.asking import Tables
from harness.packages.contents import Contents
from harness.packages.faults import Fault, Faults
from harness.packages.labels import META, Label
from harness.plan import Choice
from harness.results import Complexity
from harness.tracks import Track


@dataclass(frozen=True)
class Asked:
    """What was typed. `entry` measures what the meta files declare, `inference` is run by the interpreter `python`."""

    package: Path
    track: str
    choice: Choice
    places: Places
    evaluation: Path | None = None
    entry: Path | None = None
    inference: Path | None = None
    python: str = sys.executable


def judge(asked: Asked, hands: Hands) -> list[Fault]:
    """Everything that is wrong with a package; raises `Mistake` where it, or what it is held against, is unreadable."""
    track, _ = tracks.load(asked.track)
    edition = track.rules
    if edition is None:
        problem = f"Track {track.name} belongs to no edition of the challenge."
        raise Mistake("package.edition", problem, "Choose one that does, such as dcase2024-task1.")
    clips = predicting.evaluation_set(asked.evaluation, track).names if asked.evaluation else None
    measured = _measured(asked, track, hands)
    found = validating.validate(asked.package, edition, track, clips, measured)
    if asked.inference is not None:
        declared = _declared(asked.package, edition)
        tables = _tables(asked.package, edition, track, asked.evaluation)
        with hands.reporter.step(f"asking {asked.inference.name}"):
            found += asking.faults(asked.inference, edition, track, declared, tables, asked.python)
    return sorted(found, key=lambda one: one.severity)


def _measured(asked: Asked, track: Track, hands: Hands) -> dict[int, Complexity] | None:
    """What the systems of the entry cost, by their numbers: in the order they are named."""
    if asked.entry is None:
        return None
    read = entry.read(asked.entry)
    names = asked.choice.systems or read.submitted
    choice = replace(asked.choice, systems=names)
    checked = {one.name: one.check for one in evaluation.checked_systems(read, track, choice, asked.places, hands)}
    counted = ((number, checked[name].complexity) for number, name in enumerate(names, start=1))
    return {number: complexity for number, complexity in counted if complexity is not None}


def _declared(place: Path, edition: Edition) -> dict[str, dict[str, int]]:
    """What the meta files of a package say that systems cost, by label; those that cannot be read say nothing."""
    found = {}
    files = Contents(place, Faults())
    for member in contents.without_noise(files.members):
        label = Label.parse(member.base.removesuffix(META)) if member.base.endswith(META) else None
        text = files.text(member, contents.LARGEST_META) if label else None
        meta = meta_files.read(text, member.name, edition, Faults()) if text else None
        if meta is not None:
            found[str(label)] = dict(meta.system.complexity)
    return found


def _tables(place: Path, edition: Edition, track: Track, evaluation_folder: Path | None) -> Tables:
    """Some rows of each output with the files they are of; none where the evaluation set was not given."""
    if evaluation_folder is None:
        return {}
    clips = predicting.evaluation_set(evaluation_folder, track)
    devices = dict(zip(clips.names, clips.devices.tolist(), strict=True))
    files = Contents(place, Faults())
    found: dict[str, list[tuple[str, str, list[float]]]] = {}
    for member in contents.without_noise(files.members):
        label = Label.parse(member.base.partition(".")[0])
        if label is None or member.base != label.output(edition.package.outputs.value[-1]):
            continue
        rows = outputs.rows(files.text(member, contents.LARGEST_TABLE) or "", track.labels)
        known = [(name, row) for name, row in rows.items() if name in devices]
        step = max(1, len(known) // asking.SAMPLED)
        found[str(label)] = [
            (str((evaluation_folder / name).resolve()), devices[name], row) for name, row in known[::step]
        ]
    return found
