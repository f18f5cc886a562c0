"""What a system said while it was timed, said again by the path that is scored and counted."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness import process
from harness.data.store import SCALES, Layout
from harness.files import replacing
from harness.job import LOGITS, TRAINED, Answer
from harness.nursery import Nursery
from harness.process import Allowance
from harness.throughput import honesty
from harness.throughput.mixing import Mixture
from harness.throughput.sitting import Mode
from harness.throughput.sittings import Sat, Timed

Floats = NDArray[np.float32]

SAMPLE: Mapping[Mode, tuple[int, int]] = {"one": (24, 1), "batch": (12, 4), "network": (4, 4)}
"""Requests of each mode of which clips are predicted again, and how many clips of each: whoever answers half of them
otherwise gets through once in four thousand times."""


@dataclass(frozen=True)
class Request:
    """One round: what was asked, and the logits (clips, classes) that came."""

    mode: Mode
    mixtures: tuple[Mixture, ...]
    logits: Floats

    def at(self, rows: Sequence[int]) -> Request:
        """Some of its clips."""
        return Request(self.mode, tuple(self.mixtures[row] for row in rows), self.logits[list(rows)])

    @property
    def known(self) -> bool:
        """Whether these are test clips as they are."""
        return all(one.known for one in self.mixtures)


def requests(sat: Sequence[Sat]) -> list[Request]:
    """Every round of the system."""
    return [
        Request(one.mode, one.mixtures, each.logits[one.start : one.start + len(one.mixtures)])
        for each in sat
        for one in each.record.answered
    ]


def require_scored(asked: Sequence[Request], scored: Path, *, exact: bool) -> None:
    """Raises `Mistake` where test clips did not get the logits that were scored."""
    kept = np.load(scored)
    for one in asked:
        if one.known and one.mode != "network":
            honesty.require_same(one.logits, kept[[each.one for each in one.mixtures]], "test clips", exact=exact)


def sampled(asked: Sequence[Request]) -> list[Request]:
    """Some clips of some requests of each mode that nobody could foresee."""
    drawing = random.SystemRandom()
    found = []
    for mode, (requests_of_it, clips) in SAMPLE.items():
        some = [one for one in asked if one.mode == mode and not one.known]
        for one in drawing.sample(some, min(requests_of_it, len(some))):
            count = len(one.mixtures)
            found.append(one.at(drawing.sample(range(count), min(clips, count))))
    return found


def again(asked: Sequence[Request], timed: Timed, folder: Path, nursery: Nursery, allowance: Allowance) -> Answer:
    """Predicts the clips of requests by the scored path, as a stage of its own; `expected` reads what it gave."""
    mixtures = [one for request in asked for one in request.mixtures]
    place = _store(mixtures, timed.clips, folder / "clips")
    trained = folder / TRAINED
    trained.unlink(missing_ok=True)
    trained.symlink_to(timed.trained)
    names = timed.job.test_devices
    heard_by = tuple(names[timed.heard_by[one.one]] for one in mixtures) if names and timed.heard_by else None
    job = timed.job.model_copy(
        update={"stage": "predict", "folder": folder, "test": place, "test_devices": heard_by, "edition": None}
    )
    return process.run(job, allowance, nursery)


def expected(asked: Sequence[Request], folder: Path) -> Iterator[tuple[Request, Floats]]:
    """Each request with the logits that the scored path gave."""
    logits, start = np.load(folder / LOGITS), 0
    for one in asked:
        yield one, logits[start : start + len(one.mixtures)]
        start += len(one.mixtures)


def _store(mixtures: Sequence[Mixture], clips: Layout, folder: Path) -> Layout:
    """The mixtures as a store of test clips."""
    place = clips.model_copy(update={"folder": folder, "clips": len(mixtures), "clips_per_shard": len(mixtures)})
    waveforms = clips.waveforms()
    with replacing(folder / place.shards[0].name) as stream:
        for one in mixtures:
            stream.write(one.mixed(waveforms).astype("<f4").tobytes())
    with replacing(folder / SCALES) as stream:
        stream.write(np.ones(len(mixtures), dtype="<f4").tobytes())
    return place
