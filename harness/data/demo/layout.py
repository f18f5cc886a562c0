"""Which segments are recorded where and with which devices, which of them are the test, and the nested splits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.data.demo.devices import DEVICES, REAL, SEEN, UNSEEN
from harness.data.demo.scenes import SCENES

MINIMUM = 60
"""Fewer clips leave a scene without a segment to train on or to test on."""

TEST_SHARE = 0.3
SHARE_OF_A = 0.73
"""Part of the training recordings that device a made (TAU 2022 Mobile: 102,150 of 139,620)."""

COMPANIONS = ("b", "s1", "c", "s2", "s3")
"""Devices that record a training segment beside device a, in turn."""

SPLITS: Mapping[str, float] = {
    "split5": 0.05,
    "split10": 0.1,
    "split25": 0.25,
    "split50": 0.5,
    "split100": 1.0,
}

CITIES = (
    "barcelona", "helsinki", "lisbon", "london", "lyon", "milan", "paris", "prague", "stockholm", "vienna",
)  # fmt: skip


@dataclass(frozen=True)
class Segment:
    """One stretch of sound, recorded in parallel by `devices`; each stores its first `clips` seconds."""

    scene: str
    location: int
    number: int
    devices: tuple[str, ...]
    clips: tuple[int, ...]

    @property
    def identifier(self) -> str:
        """City and location, as in meta.csv."""
        return f"{CITIES[self.location % len(CITIES)]}-{self.location}"

    def filename(self, k: int, device: str) -> str:
        """Name of the k-th clip, relative to the data folder."""
        return f"audio/{self.scene}-{self.identifier}-{self.number}-{k}-{device}.wav"

    def rows(self) -> Iterator[tuple[str, str, str, str]]:
        """Its rows of meta.csv: filename, scene_label, identifier, source_label."""
        for device, clips in zip(self.devices, self.clips, strict=True):
            for k in range(clips):
                yield self.filename(k, device), self.scene, self.identifier, device


@dataclass(frozen=True)
class Plan:
    """All segments. `train` stands in the order in which the nested splits take them."""

    train: tuple[Segment, ...]
    test: tuple[Segment, ...]

    def split(self, share: float) -> tuple[Segment, ...]:
        """The first segments of the training list: at least one of each scene where there are 200 or more."""
        return self.train[: max(1, round(share * len(self.train)))]


def plan(clips: int, seed: int) -> Plan:
    """The segments of a data set of exactly `clips` clips; raises ValueError where that is too few."""
    if clips < MINIMUM:
        raise ValueError(f"Demo data needs at least {MINIMUM} clips (two segments of each scene), not {clips}.")
    length, parallel = _shape(clips)
    tests = max(len(SCENES), round(TEST_SHARE * clips / (length * parallel)))
    train_devices = _train_devices(clips - tests * length * parallel, length)
    train_scenes = _scene_order(len(train_devices), np.random.default_rng((seed, 0, 0)))
    train = tuple(_segments(train_devices, train_scenes, first_segment=0, first_location=0))
    test_devices = [(devices, (length,) * parallel) for devices in _test_devices(tests, parallel)]
    test_scenes = _scene_order(tests, np.random.default_rng((seed, 0, 1)))
    first_location = 1 + max(segment.location for segment in train)
    test = tuple(_segments(test_devices, test_scenes, len(train), first_location))
    return Plan(train, test)


def _shape(clips: int) -> tuple[int, int]:
    """Seconds of a segment and devices that record a test segment in parallel."""
    if clips < 600:
        return 2, 1
    return (4, 3) if clips < 20_000 else (10, 3)


Recorders = tuple[tuple[str, ...], tuple[int, ...]]
"""Devices of a segment, and how many clips each stores."""


def _train_devices(clips: int, length: int) -> list[Recorders]:
    """Devices of each training segment, together exactly `clips` clips; the last segment may be shorter."""
    companions_per_segment = (1.0 - SHARE_OF_A) / SHARE_OF_A
    found: list[Recorders] = []
    companions = 0
    while clips > 0:
        devices: tuple[str, ...] = ("a",)
        if (len(found) + 1) * companions_per_segment >= companions + 1:
            devices = ("a", COMPANIONS[companions % len(COMPANIONS)])
            companions += 1
        stored = tuple(min(length, max(0, clips - length * place)) for place in range(len(devices)))
        found.append((devices, stored))
        clips -= sum(stored)
    return found


def _test_devices(segments: int, parallel: int) -> list[tuple[str, ...]]:
    """Devices of each test segment, in turn: one, or one each of the real, the seen and the unseen ones."""
    if parallel == 1:
        return [(DEVICES[i % len(DEVICES)],) for i in range(segments)]
    return [(REAL[i % 3], SEEN[(i + i // 3) % 3], UNSEEN[(i + i // 9) % 3]) for i in range(segments)]


def _scene_order(count: int, rng: np.random.Generator) -> list[str]:
    """Scenes in rounds of ten, each round in another order: any stretch is balanced."""
    names = tuple(SCENES)
    rounds = math.ceil(count / len(names)) + 1
    return [names[i] for _ in range(rounds) for i in rng.permutation(len(names))][:count]


def _segments(
    recorders: Sequence[Recorders], scenes: Sequence[str], first_segment: int, first_location: int
) -> Iterator[Segment]:
    """Segments at locations of their own: twice the square root of a scene's segments, at most one a segment."""
    per_scene = max(1, math.ceil(len(scenes) / len(SCENES)))
    locations = min(per_scene, math.ceil(2 * math.sqrt(per_scene)))
    seen = dict.fromkeys(SCENES, 0)
    index = {scene: number for number, scene in enumerate(SCENES)}
    for number, ((devices, clips), scene) in enumerate(zip(recorders, scenes, strict=True), start=first_segment):
        location = first_location + index[scene] * locations + seen[scene] % locations
        seen[scene] += 1
        yield Segment(scene, location, number, devices, clips)


def write_lists(folder: Path, planned: Plan) -> None:
    """meta.csv, evaluation_setup/ and split_setup/ of the data set, tab separated, rows in the order of names."""
    meta = _rows((*planned.train, *planned.test))
    _write(folder / "meta.csv", ("filename", "scene_label", "identifier", "source_label"), meta)
    labelled = {name: _rows(planned.split(share)) for name, share in SPLITS.items()} | {"test": _rows(planned.test)}
    for name, rows in labelled.items():
        _write(folder / "split_setup" / f"{name}.csv", ("filename", "scene_label"), rows)
    official = folder / "evaluation_setup"
    _write(official / "fold1_train.csv", ("filename", "scene_label"), labelled["split100"])
    _write(official / "fold1_evaluate.csv", ("filename", "scene_label"), labelled["test"])
    _write(official / "fold1_test.csv", ("filename",), labelled["test"])


def _rows(segments: Iterable[Segment]) -> list[tuple[str, str, str, str]]:
    return sorted(row for segment in segments for row in segment.rows())


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["\t".join(row[: len(columns)]) for row in (columns, *rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
