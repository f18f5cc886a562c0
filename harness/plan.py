"""Cells: what is to be trained and scored, the key that says whether it was, and what is missing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from harness import tracks
from harness.data.dataset import Dataset, Rows
from harness.data.store import Layout, data_digest
from harness.data.test_clips import TestClips
from harness.entry import Entry, Need
from harness.files import digest_of_value
from harness.job import Answer, TaskWords
from harness.needs import teacher_names
from harness.outcomes import Mistake, nearest
from harness.provenance import package_versions
from harness.results import Digests, Identity
from harness.tracks import Track

CONTRACT_VERSION = 1
"""Version of `harness/contract.py` and of how training data are ordered: a new one means new results."""

RULES_VERSION = 2
"""Version of how networks are counted and predictions scored: a new one means new results."""

PAPER = "paper"
"""The preset of the official tracks: the defaults of an entry's `Config` where it says nothing else."""

QUICK = "it is a quick run: the smallest split and one seed"


@dataclass(frozen=True)
class Choice:
    """What the user asked for: which systems, splits and seeds, what is overridden, and where it runs."""

    systems: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    settings: Mapping[str, Any] | None = None
    preset: str | None = None
    quick: bool = False
    device: Literal["cpu", "cuda"] = "cpu"

    def unofficial(self, track: Track) -> tuple[str, ...]:
        """Why results of this choice are not official."""
        reasons = [QUICK] if self.quick else []
        if self.settings:
            reasons.append(f"fields were changed with --set: {', '.join(sorted(self.settings))}")
        if self.preset and self.preset != track.preset:
            reasons.append(f'the preset "{self.preset}" was chosen')
        return tuple(reasons)


@dataclass(frozen=True)
class System:
    """A system that was built and checked: its whole configuration is known. `teachers` are the systems it needs."""

    entry: Entry
    name: str
    settings: Mapping[str, Any]
    check: Answer
    teachers: tuple[tuple[Need, System], ...] = ()

    @property
    def title(self) -> str:
        return f"{self.entry.name}/{self.name}"

    @property
    def processes(self) -> int:
        """How many processes train it together."""
        return self.entry.system(self.name).processes

    def together(self) -> dict[str, int]:
        """What keys and records say of its processes: nothing where there is one, as before there could be more."""
        return {"processes": self.processes} if self.processes > 1 else {}


@dataclass(frozen=True)
class Cell:
    """System x track x split x seed. `rows` are the training clips, None where the track names no training list.

    `test` are the test clips of its split: in cross-validation each split has its own.
    `teachers` are the cells it learns from, of the same split, by the names that `run.teachers` has for them.
    """

    system: System
    split: str
    seed: int
    rows: Rows | None
    test: Rows
    identity: Identity
    teachers: tuple[tuple[str, Cell], ...] = ()

    @property
    def place(self) -> Path:
        """Where its record lies under a folder of results: what tells two cells apart."""
        return self.identity.path(Path())


def chosen_splits(track: Track, choice: Choice) -> tuple[str, ...]:
    """The splits to run: those asked for, else the track's own; `--quick` takes the smallest."""
    asked_for = tracks.chosen_splits(track, choice.splits)
    if not track.splits:
        return (tracks.NO_SPLIT,)
    if choice.quick:
        return (min(asked_for or track.splits, key=list(track.splits).index),)
    return asked_for or track.default_splits or tuple(track.splits)


def chosen_seeds(track: Track, choice: Choice) -> tuple[int, ...]:
    """The seeds to run: those asked for, else the track's official ones; `--quick` takes the first."""
    seeds = tuple(dict.fromkeys(choice.seeds or track.seeds))
    if not all(0 <= seed < 2**32 for seed in seeds):
        raise Mistake("seed.range", "A seed is below 0 or above 4,294,967,295.", "Give whole numbers in that range.")
    return seeds[:1] if choice.quick else seeds


def chosen_systems(entry: Entry, track: Track, choice: Choice) -> tuple[str, ...]:
    """The systems to run: those asked for, else all of the entry that are no teachers and not for other presets."""
    for name in choice.systems:
        entry.system(name)
    chosen = preset(track, choice)
    unasked = tuple(
        name
        for name, system in entry.submission.systems.items()
        if system.role == "system" and (not system.presets or chosen in system.presets)
    )
    return tuple(dict.fromkeys(choice.systems)) or unasked


def rules(track: Track) -> dict[str, Any]:
    """What decides whether a network is within the limits: the edition as it stands, and how things are counted."""
    edition = track.rules.model_dump(mode="json") if track.rules else None
    return {"edition": edition, "version": RULES_VERSION}


def preset(track: Track, choice: Choice) -> str | None:
    """The preset that was asked for, else the track's own."""
    return choice.preset or track.preset


def settings(entry: Entry, system: str, track: Track, choice: Choice, *, changed: bool = True) -> dict[str, Any]:
    """The fields of a system that differ from the defaults of its `Config`; `changed`: those of --set among them."""
    presets = entry.submission.presets
    if choice.preset and choice.preset not in {*presets, PAPER}:
        problem = f'{entry.name} has no preset "{choice.preset}".'
        raise Mistake("entry.preset", problem, nearest(choice.preset, [*presets, PAPER]))
    fields = presets.get(preset(track, choice) or "", {})
    return {**entry.system(system).config, **fields, **((choice.settings or {}) if changed else {})}


def task_words(track: Track) -> TaskWords:
    """What a system is told about its task."""
    devices = tuple(dict.fromkeys(device for group in track.device_groups.values() for device in group))
    return TaskWords(
        labels=track.labels,
        clip_seconds=track.clip_seconds,
        devices=devices,
        device_revealed=track.device_revealed,
        multi_label=track.multi_label,
    )


def identity_of(
    entry: str,
    system: str,
    track: Track,
    split: str,
    seed: int,
    choice: Choice,
    settings: Mapping[str, Any] | None,
) -> Identity:
    """Which cell it is; the track's own preset goes without saying."""
    preset = choice.preset if choice.preset != track.preset else None
    return Identity(
        track=track.name,
        entry=entry,
        system=system,
        split=split,
        seed=seed,
        settings=dict(settings or {}),
        preset=preset,
    )


def cells(systems: Iterable[System], track: Track, dataset: Dataset, choice: Choice, changed: Path) -> list[Cell]:
    """Every cell of the choice with those it needs, each behind its teachers: the order in which they are walked.

    `changed` is the folder of the entry whose fields --set changes.
    """
    found: dict[Path, Cell] = {}

    def cell(system: System, split: str, seed: int) -> Cell:
        teachers = tuple(
            (name, cell(teacher, split, teacher_seed))
            for need, teacher in system.teachers
            for name, teacher_seed in zip(teacher_names(need), need.seeds or (seed,), strict=True)
        )
        settings = choice.settings if system.entry.folder == changed else None
        identity = identity_of(system.entry.name, system.name, track, split, seed, choice, settings)
        one = Cell(system, split, seed, dataset.splits.get(split), dataset.test_of(split), identity, teachers)
        return found.setdefault(one.place, one)

    for system in systems:
        for split in chosen_splits(track, choice):
            for seed in chosen_seeds(track, choice):
                cell(system, split, seed)
    return list(found.values())


def digests(
    cell: Cell, dataset: Dataset, store: Layout, test: TestClips, teachers: Mapping[str, str] | None = None
) -> Digests:
    """What goes into the cell: entry, named files, lists, the audio itself, and its teachers, by their keys."""
    rows = learned_from(cell, dataset)
    training = [] if rows is None else [store.fingerprint(rows)]
    return Digests(
        entry=cell.system.entry.digest,
        files=cell.system.check.files or {},
        teachers=dict(teachers or {}),
        training_list=_training_list(cell, dataset),
        test_list=list_digest(dataset, cell.test),
        data=data_digest(*training, test.fingerprint),
    )


def _training_list(cell: Cell, dataset: Dataset) -> str | None:
    """A digest of the training list, and of the list for choosing as another one: a clip may change sides."""
    if cell.rows is None or dataset.validation is None:
        return None if cell.rows is None else list_digest(dataset, cell.rows)
    return digest_of_value([list_digest(dataset, cell.rows), list_digest(dataset, dataset.validation)])


def learned_from(cell: Cell, dataset: Dataset) -> Rows | None:
    """The rows of all clips that a training gets: those of its split, then those for choosing; None without a split."""
    return None if cell.rows is None else dataset.learned_from(cell.rows)


def list_digest(dataset: Dataset, rows: Rows) -> str:
    """A digest of a list: its clips in their order, with label, device and location."""
    if dataset.labels.ndim == 2:  # millions of clips by hundreds of labels: bits, not Python's numbers
        names = [dataset.names[row] for row in rows.tolist()]
        bits = hashlib.sha256(np.packbits(dataset.labels[rows], axis=1).tobytes()).hexdigest()
        return digest_of_value([names, bits, dataset.devices[rows].tolist(), dataset.locations[rows].tolist()])
    facts = zip(
        (dataset.names[row] for row in rows),
        dataset.labels[rows].tolist(),
        dataset.devices[rows].tolist(),
        dataset.locations[rows].tolist(),
        strict=True,
    )
    return digest_of_value(list(facts))


def key(cell: Cell, track: Track, found: Digests, device: str) -> str:
    """The digest of everything that decides the cell's numbers; the order of what was typed does not matter."""
    how = [] if track.length == "exact" else [track.length]
    return digest_of_value(
        {
            "contract": CONTRACT_VERSION,
            "packages": package_versions(),
            "digests": found.model_dump(exclude={"weights"}),
            "config": cell.system.check.config,
            "task": task_words(track).model_dump(exclude_defaults=True),
            "track": [track.name, track.version, track.batch_size, track.device_groups, *how],
            "rules": rules(track),
            "seed": cell.seed,
            "device": device,
            **cell.system.together(),
        }
    )


def cell_folder(cache: Path, cell_key: str) -> Path:
    """Where the stages of a cell keep their files."""
    return cache / "cells" / cell_key[:20]
