"""Made results of sixty systems that a site has to bear: hostile names, every way to fail, every way to be unranked.

The same bytes at every call. Accuracies come of made logits, so that every score, confusion and prediction agrees.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import results, tracks
from harness.blocks import Blocks
from harness.outcomes import Outcome
from harness.results import Result
from harness.scoring import score
from harness.throughput import speed
from harness.throughput.speed import Subject
from tests.harness.throughput.made import speed as made_speed
from tests.leaderboard.made import OVER, result

HOSTILE = (
    "<script>alert(1)</script>",
    "Сцена 🎧 " * 22 + "ё🏙",
    "../../../etc/passwd",
    "C:\\Windows\\system32\\*?.html",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)//{{7*7}}{% raw %}",
    "\u202e\u200fkcatta tfel ot thgir\u202c",
    "oneverylongwordthatholdsnoplacetobreak" * 5,
    "' OR 1=1; -- &amp; &lt;b&gt; =HYPERLINK(1)",
    "  ",
)
"""Titles and reasons as somebody might send them: markup, 200 letters of Cyrillic and emoji, paths, no words at all."""

HOSTILE_NAMES = (
    "index",
    "Index",
    "s-1",
    "s_1",
    "S 1",
    "50% größer#2?",
    "a&b=c;d",
    "-rf *",
    "con.html",
    "<b>bold",
    "система-🎧",
    "x" * 120,
)
"""Names that are folders' and files' names of pages too: two that differ by case, three that simplify to one."""

NAMES_FROM_A_FILE = ("../../escaped", "/etc/passwd", "..", "a/b/c", "</script>", "")
"""Names that no entry can have, as they stand in a record that somebody wrote by hand."""

TRACKS = {
    "demo": (("5", "100"), (0, 1)),
    "dcase2024-task1": (("5", "10", "25", "50", "100"), (0, 1, 2)),
    "dcase2023-task1": (("100",), (0, 1)),
    "dcase2022-task1": (("100",), (0,)),
    "birds of 2031": (("fold1", "fold2"), (0,)),
}
"""Splits and seeds of each track; nobody knows the rules of the last one."""

PLAIN = 30
CLIPS_PER_CELL = 6


@dataclass(frozen=True)
class System:
    """A system to make results of; `scored` splits and seeds get a score, `fields` are those of its records."""

    number: int
    entry: str
    name: str
    track: str
    title: str
    splits: tuple[str, ...]
    seeds: tuple[int, ...]
    fields: dict[str, Any]


def write(folder: Path) -> None:
    """Writes the results of all systems under `folder`, with predictions, older runs, failures and a damaged file."""
    for system in systems():
        for split in system.splits:
            for seed in system.seeds:
                _write_cell(folder, system, split, seed)
    for number, (outcome, text) in enumerate(_failures()):
        reason = None if outcome is Outcome.INTERRUPTED else OVER.model_copy(update={"problem": text})
        failed = _record(systems()[number], "100", 7, outcome=outcome, reason=reason, scores=None, complexity=None)
        results.write(failed, folder)
    for number, (system, hardware) in enumerate(
        zip(systems(), (*HOSTILE, *["Some CPU, 2 cores"] * PLAIN), strict=False)
    ):
        _write_speed(folder, system, hardware, refused=number % 7 == 3)
    (folder / "damaged & torn.json").write_text("{", encoding="utf-8")


def _write_speed(folder: Path, system: System, hardware: str, *, refused: bool) -> None:
    """The speed of a system's first cell, or why there is none, in a hostile sentence."""
    timed = _record(system, system.splits[0], system.seeds[0])
    identity = timed.identity
    subject = Subject(
        track=identity.track, entry=identity.entry, system=identity.system,
        settings=identity.settings, preset=identity.preset,
    )  # fmt: skip
    why = OVER.model_copy(update={"problem": HOSTILE[0]}) if refused else None
    nothing = {"outcome": Outcome.REFUSED, "reason": why, "one": None, "batch": None, "network": None}
    speed.write(made_speed(hardware=hardware, cell=timed.key, subject=subject, **(nothing if refused else {})), folder)


def _failures() -> Iterator[tuple[Outcome, str]]:
    """Every outcome that is a failure, each with a hostile sentence."""
    outcomes = [outcome for outcome in Outcome if outcome is not Outcome.OK]
    yield from zip(outcomes, HOSTILE, strict=False)


def systems() -> tuple[System, ...]:
    """The sixty systems, plain ones first."""
    return _systems()


@cache
def _systems() -> tuple[System, ...]:
    made = [*_plain(), *_titled(), *_named(), *_from_files()]
    return tuple(replace(system, number=number) for number, system in enumerate(made))


def _plain() -> Iterator[System]:
    """Systems of ordinary names on all tracks, with every reason why one is not ranked."""
    odd: dict[int, dict[str, Any]] = {
        3: {"role": "teacher"},
        4: {"role": "teacher", "official": False, "unofficial_because": ("it was trained on a laptop",)},
        5: {"official": False, "unofficial_because": ("it is a quick run", HOSTILE[0])},
        6: {"track_version": 2},
        7: {"edition": "dcase2019"},
        8: {"settings": {"epochs": 3, "width": [1, 2], "note": HOSTILE[4]}},
        9: {"complexity": None},
        10: {"test_list": "another list"},
        11: {"external_data": HOSTILE[1], "authors": (HOSTILE[0], "Ann-Kathrin Überlang-Doppelname", "李")},
        12: {"authors": ()},
    }
    for number in range(PLAIN):
        track = list(TRACKS)[(0, 1, 0, 2, 0, 3, 1, 4)[number % 8]] if number > max(odd) else "demo"
        splits, seeds = TRACKS[track]
        yield System(
            number=0,
            entry=f"team{number % 7}",
            name=f"S{number}",
            track=track,
            title=f"Network {number} of width {8 + number}",
            splits=splits[:1] if number % 15 == 14 else splits,
            seeds=seeds[: 1 + number % 3],
            fields=odd.get(number, {}),
        )


def _titled() -> Iterator[System]:
    for number, title in enumerate(HOSTILE):
        track = ("demo", "dcase2024-task1")[number % 2]
        yield System(0, "odd", f"titled{number}", track, title, TRACKS[track][0], (0, 1), {})


def _named() -> Iterator[System]:
    for name in HOSTILE_NAMES:
        yield System(0, "odd", name, "demo", f"A system called {name[:30]}", ("100",), (0, 1), {})


def _from_files() -> Iterator[System]:
    """Systems of impossible names: of a system, and the last ones of an entry and of a track."""
    for name in NAMES_FROM_A_FILE:
        yield System(0, "odd", name, "demo", f"By hand: {name}", ("100",), (0,), {})
    yield System(0, "../../../entry", "S1", "demo", "By hand: an entry", ("100",), (0,), {})
    yield System(0, "odd", "S1", "../../track", "By hand: a track", ("100",), (0,), {})


def _write_cell(folder: Path, system: System, split: str, seed: int) -> None:
    made = _record(system, split, seed)
    if _is_a_path(system):
        path = folder / "by-hand" / f"{system.number}-{split}-{seed}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made.model_dump_json(indent=1) + "\n", encoding="utf-8")
        return
    if system.number % 5:
        results.write(made, folder, _logits(system, split, seed), _clips())
    else:
        results.write(made, folder)
    if system.number % 7 == 2:
        _age(made.identity.path(folder))
    if system.number % 10 == 1:
        results.write(made.model_copy(update={"created": "2025-02-03T04:05:06+00:00"}), folder / "older")


def _age(path: Path) -> None:
    """The record as an older program wrote it."""
    found = json.loads(path.read_text(encoding="utf-8"))
    costs = {**found["complexity"], "uncounted": {}} if found["complexity"] else None
    path.write_text(json.dumps({**found, "schema_version": 1, "complexity": costs}), encoding="utf-8")


def _is_a_path(system: System) -> bool:
    return any("/" in text or text in ("", "..") for text in (system.entry, system.name, system.track))


def _record(system: System, split: str, seed: int, **fields: Any) -> Result:
    """The record of one cell as the harness writes it."""
    scores = score(_logits(system, split, seed), _labels(), _devices(), _classes(), _groups())
    size = 9_000 + 3_911 * (system.number % 40)
    known = {
        "track": system.track,
        "split": split,
        "seed": seed,
        "title": system.title,
        "entry_digest": f"entry {system.number}",
        "parameter_bytes": size,
        "macs": 1_000_000 + 700_001 * (system.number % 41),
        "scores": scores,
        "created": f"2026-{1 + system.number % 12:02}-{1 + system.number % 28:02}T04:32:{seed:02}+00:00",
        "config": {"width": 8 + system.number, "title": system.title},
    }
    made = result(system.name, **{**known, **system.fields, **fields})
    return made.model_copy(update={"identity": made.identity.model_copy(update={"entry": system.entry})})


def _logits(system: System, split: str, seed: int) -> NDArray[np.float64]:
    """Logits (clips, classes) that are right the more often the larger the split and the number of the system."""
    splits = TRACKS.get(system.track, (("100",), (0,)))[0]
    skill = 1.2 + 0.02 * system.number + 0.3 * splits.index(split)
    generator = np.random.default_rng([system.number, splits.index(split), seed])
    labels = _labels()
    heard = 1 - 0.06 * (np.arange(len(labels)) % len(_devices_of_demo()))
    logits = generator.normal(0, 1, (len(labels), len(_classes())))
    logits[np.arange(len(labels)), labels] += skill * heard
    return logits


@cache
def _clips() -> Blocks:
    """The clips of every track: three places a class."""
    places = [f"Tårnby-{label}-{number % 3}" for number, label in enumerate(_labels().tolist())]
    return Blocks.of(places, _labels(), list(_devices()))


def _labels() -> NDArray[np.int64]:
    return np.repeat(np.arange(len(_classes())), len(_devices_of_demo()) * CLIPS_PER_CELL)


def _devices() -> Sequence[str]:
    return _devices_of_demo() * (len(_classes()) * CLIPS_PER_CELL)


@cache
def _devices_of_demo() -> tuple[str, ...]:
    return tuple(device for group in _groups().values() for device in group)


@cache
def _groups() -> dict[str, tuple[str, ...]]:
    return {name: tuple(members) for name, members in tracks.load("demo")[0].device_groups.items()}


@cache
def _classes() -> tuple[str, ...]:
    return tuple(tracks.load("demo")[0].labels)
