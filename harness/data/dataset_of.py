"""Where the data of a track lie, and the data set read from there."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from harness.console import Reporter
from harness.data import demo_folder, published, tau
from harness.data.dataset import Dataset
from harness.outcomes import Mistake
from harness.tracks import Track


def folder(track: Track, track_folder: Path, data: Path | None, cache: Path, reporter: Reporter) -> Path:
    """The folder that was given with --data, else the track's own; the demo data are made when they are not there."""
    if data is not None:
        return data
    if track.data is not None:
        return track_folder / track.data
    if track.dataset == "demo":
        return demo_folder.made(cache, partial(reporter.step, "making the demo data"))
    source = track.source
    what = f" Download {source.record}; then" if source else " Then"
    raise Mistake("data.missing", f"Track {track.name} needs --data DIR.{what}", "give its folder with --data.")


def to_plan_with(
    track: Track, track_folder: Path, data: Path | None, lists: Path | None, cache: Path, reporter: Reporter
) -> Dataset:
    """The data set of a track; where nobody said where it lies, one with lists of the published sizes and no clips."""
    missing = data is None and track.data is None and track.dataset != "demo"
    if not missing or track.published is None:
        return read(track, track_folder, data, lists, cache, reporter)
    known = published.load(track.published).lists
    rows = {name: np.arange(known[file].count) for name, file in track.splits.items() if file in known}
    test = np.arange(known[track.test].count if track.test in known else 0)
    reporter.say(
        f"planned by the published sizes of its lists; with --data DIR: which cells of {track.name} are finished"
    )
    nothing, nobody = np.array([], dtype=np.int64), np.array([], dtype=np.str_)
    return Dataset(
        audio=Path(), names=(), labels=nothing, devices=nobody, segments=nobody, locations=nobody,
        splits=rows, test=test, here=False,
    )  # fmt: skip


def list_folders(lists: Path | None, track_folder: Path) -> tuple[Path, ...]:
    """Folders in which lists are looked for before the data folder: what was given with --splits, beside the track."""
    return tuple(place for place in (lists, track_folder) if place)


def read(
    track: Track, track_folder: Path, data: Path | None, lists: Path | None, cache: Path, reporter: Reporter
) -> Dataset:
    """The data set of a track; raises `Mistake` as `tau.read` does."""
    return tau.read(folder(track, track_folder, data, cache, reporter), track, list_folders(lists, track_folder))
