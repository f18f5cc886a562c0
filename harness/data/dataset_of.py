"""Where the data of a track lie, and the data set read from there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from harness.console import Reporter
from harness.data import audioset, demo_folder, esc50, fsd50k, published, speech_commands, tau, tau_listing
from harness.data.dataset import Dataset, Rows
from harness.data.folders import Wanted
from harness.data.listing import Listing
from harness.data.published import PublishedList
from harness.outcomes import Mistake
from harness.tracks import Track, fold_list


@dataclass(frozen=True)
class Layout:
    """What folders of a layout must hold, and how they are read: to train on, and with all that is wrong with them."""

    wanted: Wanted
    read: Callable[[Path, Track, Sequence[Path]], Dataset]
    listing: Callable[[Path, Track, Sequence[Path]], Listing]


TAU = Layout(tau.WANTED, tau.read, tau_listing.read)
LAYOUTS: Mapping[str, Layout] = {
    "tau2022": TAU,
    "demo": TAU,
    "esc50": Layout(esc50.WANTED, esc50.read, esc50.listing),
    "speech-commands": Layout(speech_commands.WANTED, speech_commands.read, speech_commands.listing),
    "fsd50k": Layout(fsd50k.WANTED, fsd50k.read, fsd50k.listing),
    "audioset": Layout(audioset.WANTED, audioset.read, audioset.listing),
}
"""By what a track calls its `dataset`."""


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
    reporter.say(
        f"planned by the published sizes of its lists; with --data DIR: which cells of {track.name} are finished"
    )
    return _of_published_sizes(track, published.load(track.published).lists)


def _of_published_sizes(track: Track, known: Mapping[str, PublishedList]) -> Dataset:
    tests = {fold: _as_long_as(fold_list(fold), known) for fold in track.folds}
    clips = sum(map(len, tests.values()))
    folds = {fold: np.arange(clips - len(test)) for fold, test in tests.items()}
    named = {name: _as_long_as(file, known) for name, file in track.splits.items() if file in known}
    nothing, nobody = np.array([], dtype=np.int64), np.array([], dtype=np.str_)
    return Dataset(
        audio=Path(), names=(), labels=nothing, devices=nobody, segments=nobody, locations=nobody,
        splits=folds or named, test=np.arange(clips) if folds else _as_long_as(track.test, known), here=False,
        tests=tests, validation=_as_long_as(track.validation, known) if track.validation else None,
    )  # fmt: skip


def _as_long_as(name: str, known: Mapping[str, PublishedList]) -> Rows:
    """So many rows as the published list has; none where nothing is known of it."""
    return np.arange(known[name].count if name in known else 0)


def list_folders(lists: Path | None, track_folder: Path) -> tuple[Path, ...]:
    """Folders in which lists are looked for before the data folder: what was given with --splits, beside the track."""
    return tuple(place for place in (lists, track_folder) if place)


def read(
    track: Track, track_folder: Path, data: Path | None, lists: Path | None, cache: Path, reporter: Reporter
) -> Dataset:
    """The data set of a track; raises `Mistake` as the reader of its layout does."""
    place = folder(track, track_folder, data, cache, reporter)
    return LAYOUTS[track.dataset].read(place, track, list_folders(lists, track_folder))
