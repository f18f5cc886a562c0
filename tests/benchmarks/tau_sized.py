"""Folders with as many files as TAU 2022 Mobile has, made of few sounds: names are links to the same demo clips."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from harness.data import demo
from harness.data.demo.layout import Segment, plan, write_lists

CLIPS = 230_350


def folder(place: Path, sounds: Path, clips: int = CLIPS) -> Path:
    """`clips` names in the TAU layout, linked to the files of the demo data in `sounds`.

    Sounds of the test side and of the training side are different ones, or every clip would be a leak.
    """
    planned = plan(clips, seed=1)
    (place / "audio").mkdir(parents=True)
    _link(place, planned.train, _listed(sounds, "split100.csv"))
    _link(place, planned.test, _listed(sounds, "test.csv"))
    write_lists(place, planned)
    return place


def made_sounds(place: Path, clips: int = 2000) -> Path:
    """Demo data to link to."""
    demo.make(place, clips=clips)
    return place


def _listed(sounds: Path, name: str) -> Iterator[Path]:
    lines = (sounds / "split_setup" / name).read_text().splitlines()[1:]
    return itertools.cycle([sounds / line.split("\t")[0] for line in lines])


def _link(place: Path, segments: Sequence[Segment], sounds: Iterator[Path]) -> None:
    for segment in segments:
        for row in segment.rows():
            os.link(next(sounds), place / row[0])


def filled_store(place: Path, clips: int, samples: int) -> None:
    """Waveforms of a store as they would lie there: noise, not packed from files."""
    generator = np.random.default_rng(0)
    block = generator.integers(-20_000, 20_000, (1000, samples), dtype=np.int16).tobytes()
    with place.open("wb") as stream:
        for _ in range(clips // 1000):
            stream.write(block)
