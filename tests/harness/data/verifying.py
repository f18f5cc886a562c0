"""What the tests of `data verify` share: a small folder to spoil, and what is found in it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness import tracks
from harness.data import verification
from harness.data.verification import Report
from harness.tracks import Track
from tests import made
from tests.harness.data.stand_ins import silently

CLIPS = 4
"""Of a recording; one recording a scene, location and device."""


@dataclass(frozen=True)
class Ground:
    """A data folder and the track over it."""

    folder: Path
    track: Track

    @property
    def meta(self) -> Path:
        return self.folder / "meta.csv"

    def list_of(self, split: str) -> Path:
        return self.folder / "split_setup" / (f"{split}.csv" if split == "test" else f"split{split}.csv")

    def clip(self, name: str) -> Path:
        return self.folder / "audio" / f"{name}.wav"

    def lists_only(self) -> Report:
        return verification.verify(self.folder, self.track, (), None)

    def verified(self) -> Report:
        return verification.verify(self.folder, self.track, (), silently, workers=2)


def copied(template: Path, place: Path, *, with_audio: bool = True) -> Ground:
    """The folder of `made.tau_folder` below `place`, to be changed; without audio it holds the lists alone."""
    folder = place / "data"
    shutil.copytree(template, folder, ignore=None if with_audio else shutil.ignore_patterns("*.wav"))
    return Ground(folder, tracks.load(str(made.track_file(place / "tiny.toml", folder)))[0])


def edit(path: Path, change: Callable[[str], str]) -> None:
    """Another text in a list."""
    path.write_bytes(change(path.read_bytes().decode()).encode())


def without(words: str) -> Callable[[str], str]:
    """A list without the rows that hold `words`."""
    return lambda text: "".join(line for line in text.splitlines(keepends=True) if words not in line)


def faults(report: Report) -> dict[str, list[str]]:
    """The sentences of each check that found something."""
    found: dict[str, list[str]] = {}
    for check in report.checks:
        if check.faults:
            found[check.name] = [fault.sentence for fault in check.faults]
            assert {fault.check for fault in check.faults} == {check.name}
    return found


def fine(report: Report) -> set[str]:
    """The checks that found nothing."""
    return {check.name for check in report.checks if not check.faults}
