"""AudioSet in its own layout: lists of YouTube segments, and the audio that a copy has of them.

    class_labels_indices.csv                 index,mid,display_name of 527 classes
    balanced_train_segments.csv, unbalanced_train_segments.csv, eval_segments.csv
                                             # comments; then YTID, start, end, "mid,mid,…", seconds in between
    …/<YTID>.wav                             or .flac, .ogg: in one folder or many, at any depth

The lists and the table may lie in csv/ or metadata/ too. Names of audio may have a Y before the identifier, and the
start, or start and end, of the segment behind it, in seconds or milliseconds: Y--PJHxphWEs.wav, --PJHxphWEs_30_40.flac.
One that tells another start is a file of another segment. Google publishes no audio and videos vanish: every copy has
holes, which are counted. A location is a video. Nothing is known of devices.
Source: J. F. Gemmeke et al., Audio Set: An ontology and human-labeled dataset for audio events, ICASSP 2017.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import combinations
from pathlib import Path
from typing import NoReturn

from harness.data import class_table, folders, holes, lists, reading
from harness.data.dataset import UNKNOWN_DEVICE, Dataset
from harness.data.findings import Check, Fault
from harness.data.folders import Wanted
from harness.data.holes import Hole
from harness.data.listing import TEST, Listed, Listing, Meta, unknown_labels, unread
from harness.outcomes import Mistake
from harness.tracks import Track

CLASSES = "class_labels_indices.csv"
PLACES = ("", "csv/", "metadata/")
AND = " + "
"""Stands between the files of a list that has several."""

ALL = "the segments"
"""What lists all clips, in the words of a report."""

AUDIO_CHECK = "audio"

HEADER = "YTID,"
"""What the first line begins with in copies of the lists that have a header without #."""

VIDEO = re.compile(r"[A-Za-z0-9_-]{11}")
AUDIO = re.compile(
    rf"Y?(?P<video>{VIDEO.pattern})(?:_(?P<start>[0-9]+(?:\.[0-9]+)?)(?:_[0-9]+(?:\.[0-9]+)?)?)?\.(?:flac|ogg|wav)"
)

WANTED = Wanted(
    layout="AudioSet",
    parts={"classes": tuple(f"{place}{CLASSES}" for place in PLACES)},
    holds=f"{CLASSES}, the lists of segments, and audio files in any folder below",
)


@dataclass
class _Segments:
    """The segments of a file in its order: `lines` by video, `starts` in seconds, `label_sets`.

    A label that nobody knows is called by its mid; `faults` are what is wrong with the file.
    """

    file: str
    lines: dict[str, int] = field(default_factory=dict)
    starts: list[float] = field(default_factory=list)
    label_sets: list[tuple[str, ...]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def blame(self, line: int, words: str) -> None:
        """Keeps what is wrong with a line."""
        self.faults.append(Fault(check=self.file, subject=self.file, sentence=f"{self.file}, line {line}{words}."))


@dataclass(frozen=True)
class _Audio:
    """The file of each video of which there is one; `found` is None where there is no audio at all."""

    found: Mapping[str, str] | None
    check: Check

    def name(self, video: str) -> str | None:
        """The file of a video; one that may come to be where lists are all there is."""
        return f"{video}.wav" if self.found is None else self.found.get(video)


def read(folder: Path, track: Track, list_folders: Sequence[Path] = ()) -> Dataset:
    """The data set in `folder` with the lists that `track` names; raises as `reading.dataset` does."""
    folders.require(folder, track, WANTED)
    found = listing(folder, track, list_folders)
    if not any(check.looked_at for check in found.checks if check.name == AUDIO_CHECK):
        problem = f"{folder} holds no audio of the segments that {track.name} needs."
        raise Mistake(
            "data.audio", problem, "Put it there, or give --data DIR, the folder that holds it and the lists."
        )
    return reading.dataset(folder, track, found)


def listing(folder: Path, track: Track, list_folders: Sequence[Path] = ()) -> Listing:
    """The segments that this copy has of the track's lists, faults included.

    Each list has one segment of a video: what is on both sides is the clip itself, and nothing else need be compared.
    """
    classes = class_table.read(_find(CLASSES, (folder,)), None, track)
    wanted = {**track.splits, TEST: track.test}
    files = tuple(dict.fromkeys(file for names in wanted.values() for file in names.split(AND)))
    read_files = {file: _segments(_find(file, (*list_folders, folder)), classes.labels) for file in files}
    audio = _audio(folder, list(read_files.values()))
    listed = {split: _listed(split, names, read_files, audio) for split, names in wanted.items()}
    return Listing(
        _meta(list(read_files.values()), audio),
        splits=tuple(listed[split] for split in track.splits),
        test=listed[TEST],
        checks=(
            classes.check,
            *(_file_check(one) for one in read_files.values()),
            *(_lacks(one, read_files, audio, track) for one in listed.values()),
            audio.check,
        ),
        apart=(),
    )


def _find(file: str, places: Sequence[Path]) -> Path:
    return lists.find([f"{place}{file}" for place in PLACES], places) or places[-1] / file


def _segments(path: Path, labels: Mapping[str, str]) -> _Segments:
    """The segments that a file lists, each video once; two million lines are read in seconds."""
    found = _Segments(path.name)
    unknown: dict[str, list[int]] = {}
    seconds, label_set = cache(_seconds), cache(partial(_label_set, labels))
    try:
        for number, line in lists.numbered_lines(path):
            if line.startswith(("#", HEADER)) or line.isspace():
                continue
            video, start, end, mids = _values(line)
            begins = seconds(start)
            if not mids:
                found.blame(number, " has too few columns")
            elif not VIDEO.fullmatch(video):
                found.blame(number, f': "{video}" is no identifier of a video')
            elif begins is None or seconds(end) is None:
                found.blame(number, f": {start} to {end} is no time in seconds")
            elif video in found.lines:
                found.blame(number, f": {video} stands in line {found.lines[video]} too")
            else:
                found.lines[video] = number
                found.starts.append(begins)
                known, others = label_set(mids)
                found.label_sets.append(known)
                for mid in others:
                    unknown.setdefault(mid, []).append(number)
    except Mistake as mistake:
        found.faults.append(unread(path.name, path, mistake))
    found.faults += unknown_labels(path.name, unknown, labels, f"not in {CLASSES}")
    return found


def _values(line: str) -> tuple[str, str, str, str]:
    """Video, start, end and mids of a line; empty where it has fewer values."""
    video, start, end, mids = (*line.split(",", 3), "", "", "")[:4]
    return video.strip(), start.strip(), end.strip(), mids.strip().strip('"')


def _seconds(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _label_set(labels: Mapping[str, str], mids: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The labels of a line, and those of its mids that no class has."""
    each = tuple(mids.split(","))
    return tuple(labels.get(mid, mid) for mid in each), tuple(mid for mid in each if mid not in labels)


def _file_check(one: _Segments) -> Check:
    faults = tuple(one.faults)
    if not (one.lines or faults):
        faults = (Fault(check=one.file, subject=one.file, sentence=f"{one.file} lists no clip."),)
    return Check(name=one.file, looked_at=len(one.lines), unit="segments", faults=faults)


def _audio(folder: Path, segments: Sequence[_Segments]) -> _Audio:
    """The audio of the segments, wherever it lies in the folder."""
    starts = {video: start for one in segments for video, start in zip(one.lines, one.starts, strict=True)}
    found: dict[str, str] = {}
    others: list[str] = []
    for prefix, names in _files_below(folder):
        for name in names:
            video = _video(name, starts)
            if video in found:
                others.append(f"{found[video]} and {prefix}{name}")
            elif video:
                found[video] = f"{prefix}{name}"
    which = "1 file is of a segment" if len(others) == 1 else f"{len(others):,} files are of segments"
    sentence = f"{which} that another file is of too: {min(others, default='')}."
    faults = (Fault(check=AUDIO_CHECK, subject=AUDIO_CHECK, sentence=sentence),) if others else ()
    notes = () if found else ("No audio of the segments lies in the folder: only the lists were read.",)
    return _Audio(
        found or None, Check(name=AUDIO_CHECK, looked_at=len(found), unit="files", faults=faults, notes=notes)
    )


def _files_below(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """The files of each folder, and the path that goes before their names; hidden folders are not looked into.

    Audio often lies on another disk, so links are followed, and no folder is looked into twice.
    """
    seen: set[str] = set()
    for place, inner, names in os.walk(folder, onerror=_refuse, followlinks=True):
        real = os.path.realpath(place)
        inner[:] = [] if real in seen else sorted(name for name in inner if not name.startswith("."))
        if real not in seen:
            yield ("" if place == str(folder) else f"{os.path.relpath(place, folder)}/"), names
        seen.add(real)


def _refuse(error: OSError) -> NoReturn:
    """A folder that is passed over would look like a hole in this copy."""
    raise folders.closed(error.filename) from None


def _video(name: str, starts: Mapping[str, float]) -> str | None:
    """The video of which a file holds the segment; None where it is of no list, or of another segment."""
    match = AUDIO.fullmatch(name)
    if not match or match["video"] not in starts:
        return None
    told, start = match["start"], starts[match["video"]]
    return match["video"] if told is None or float(told) in {start, 1000 * start} else None


def _meta(segments: Sequence[_Segments], audio: _Audio) -> Meta:
    """The segments whose audio is there, each once, in the order of the files."""
    label_sets: dict[str, tuple[str, ...]] = {}
    for one in segments:
        for video, labels in zip(one.lines, one.label_sets, strict=True):
            if audio.name(video):
                label_sets.setdefault(video, labels)
    videos = tuple(label_sets)
    return Meta(
        name=ALL,
        names=tuple(name for video in videos if (name := audio.name(video))),
        identifiers=videos,
        devices=(UNKNOWN_DEVICE,) * len(videos),
        segments=videos,
        lines=range(len(videos)),
        label_sets=tuple(label_sets.values()),
    )


def _listed(split: str, name: str, read_files: Mapping[str, _Segments], audio: _Audio) -> Listed:
    """The segments of a list; one that stands in two of its files is told by `_twice`."""
    names = [audio.name(video) for file in name.split(AND) for video in read_files[file].lines]
    there = tuple(filter(None, names))
    return Listed(split, name, there, None, range(len(there)), missing=len(names) - len(there))


def _lacks(listed: Listed, read_files: Mapping[str, _Segments], audio: _Audio, track: Track) -> Check:
    """The check of a list: what of it is not there, and what stands in two of its files."""
    files = [read_files[file] for file in listed.name.split(AND)]
    gone = (Hole(video, one.file, line) for one in files for video, line in one.lines.items() if not audio.name(video))
    found = holes.check(listed.shown, len(listed.names) + listed.missing, listed.missing, gone, track)
    return found.model_copy(update={"faults": (*found.faults, *_twice(listed.shown, files))})


def _twice(check: str, files: Sequence[_Segments]) -> Iterator[Fault]:
    for before, after in combinations(files, 2):
        for video in filter(before.lines.__contains__, after.lines):
            where = f"{after.file}, line {after.lines[video]}: {video} stands in {before.file} too"
            sentence = f"{where}, line {before.lines[video]}."
            yield Fault(check=check, subject=after.file, sentence=sentence)
