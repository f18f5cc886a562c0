"""From a submission folder to its speed on this machine: the line that `bench` walks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness import entry, evaluation, plan, tables, tracks
from harness.cell import Ground
from harness.console import show_table
from harness.data import dataset_of
from harness.evaluation import Hands, Places
from harness.files import require_writable
from harness.nursery import Nursery
from harness.outcomes import Outcome
from harness.plan import Choice, System
from harness.throughput import comparing, report, timing
from harness.throughput.speed import Speed
from harness.throughput.timing import Effort


@dataclass(frozen=True)
class Asked:
    """What was typed: an entry, a track, and which of its systems."""

    entry: Path
    track: str
    choice: Choice
    places: Places


def bench(asked: Asked, hands: Hands, effort: Effort, *, untrained: bool = False, compare: Path | None = None) -> bool:
    """Times the chosen systems beside the baseline, keeps their speeds and prints them; True where all went well.

    `compare` is an earlier speed, or a folder of them: the table says what has changed. Weights of an evaluated cell
    are preferred, but where `untrained`; without any the networks are timed as built.
    """
    earlier = comparing.read(compare) if compare else ()
    ground, systems = _prepared(asked, hands)
    found = []
    with Nursery() as other:
        for one in systems:
            weights = None if untrained else timing.trained_weights(one, ground, hands)
            found.append(timing.measured(one, weights, ground, hands, other, effort))
    _tell(found, hands)
    if compare is not None:
        show_table(comparing.rows(found, earlier), comparing.COMPARED)
    return all(one.outcome is Outcome.OK for one in found)


def after_evaluation(asked: Asked, hands: Hands, effort: Effort) -> bool:
    """Times those chosen systems that have a score, and no speed of these weights on this machine."""
    ground, systems = _prepared(asked, hands)
    trained = [(one, weights) for one in systems if (weights := timing.trained_weights(one, ground, hands))]
    new = [(one, weights) for one, weights in trained if timing.known(one, weights, ground) is None]
    if not new:
        return True
    with Nursery() as other:
        found = [timing.measured(one, weights, ground, hands, other, effort) for one, weights in new]
    _tell(found, hands)
    return all(one.outcome is Outcome.OK for one in found)


def _prepared(asked: Asked, hands: Hands) -> tuple[Ground, list[System]]:
    """The ground that the chosen systems are timed on, and those of them that passed their check."""
    choice, places = asked.choice, asked.places
    track, track_folder = tracks.load(asked.track)
    read = entry.read(asked.entry)
    require_writable(places.cache, "The cache folder")
    require_writable(places.results, "The results folder")
    dataset = dataset_of.read(track, track_folder, places.data, places.lists, places.cache, hands.reporter)
    command = partial(
        evaluation.typed, "bench", changed=read.folder, track_name=asked.track, choice=choice, places=places
    )
    ground = Ground(track, dataset, choice, places.results, places.cache, places.typed_in, command)
    wanted = plan.chosen_systems(read, track, choice)
    every = evaluation.checked_systems(read, track, choice, places, hands)
    systems = [one for one in every if one.entry.folder == read.folder and one.name in wanted]
    for line in tables.check_reasons(systems):
        hands.reporter.say(line)
    return ground, [one for one in systems if one.check.outcome is Outcome.OK]


def _tell(found: Sequence[Speed], hands: Hands) -> None:
    show_table(report.rows(found), report.SPEEDS)
    for line in report.notes(found):
        hands.reporter.say(line)
