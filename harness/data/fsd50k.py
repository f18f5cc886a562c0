"""FSD50K in its own layout: clips with several labels, and the parts that its publisher made.

    FSD50K.ground_truth/dev.csv              fname,labels,mids,split; labels are quoted and separated by commas
    FSD50K.ground_truth/eval.csv             fname,labels,mids
    FSD50K.ground_truth/vocabulary.csv       index,label,mid of 200 classes, without a header
    FSD50K.dev_audio/<fname>.wav             0.3 to 30 s; a name is the clip's number at Freesound
    FSD50K.eval_audio/<fname>.wav
    FSD50K.metadata/dev_clips_info_FSD50K.json, eval_clips_info_FSD50K.json     who uploaded a clip; they may lack

A location is the person who uploaded a clip; the clip itself where nobody says who that is. Nothing is known of
devices. Source: E. Fonseca et al., FSD50K: An Open Dataset of Human-Labeled Sound Events, IEEE/ACM TASLP 30, 2022
(arXiv:2010.00475), and the README of the data set.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, compress
from pathlib import Path

from harness.data import class_table, folders, holes, lists, reading
from harness.data.class_table import INDEX, LABEL, MID
from harness.data.dataset import UNKNOWN_DEVICE, Dataset
from harness.data.findings import Check, Fault
from harness.data.folders import Wanted
from harness.data.holes import Hole
from harness.data.listing import (
    TEST,
    VALIDATION,
    Listed,
    Listing,
    Meta,
    table_faults,
    unknown_labels,
    unread,
)
from harness.data.lists import Table
from harness.data.unpacking import names_in
from harness.outcomes import Mistake, nearest
from harness.tracks import Track

DEV, EVAL = "dev", "eval"
PARTS = ("train", "val", DEV, EVAL)
"""What a track names in place of a list's file: values of the column split of dev.csv, all of that file, eval.csv."""

TRUTH = ("FSD50K.ground_truth", "ground_truth", "labels")
METADATA = ("FSD50K.metadata", "metadata")
AUDIO: Mapping[str, tuple[str, ...]] = {
    one: (f"FSD50K.{one}_audio", f"FSD50K.{one}_audio_16k", f"{one}_audio", f"clips/{one}") for one in (DEV, EVAL)
}
"""Folders of the two sets, the published one first; the others are names that copies have."""

ALL = "the ground truth"
"""What lists all clips, in the words of a report."""

UPLOADER = "freesound-user-"
"""What a location begins with where it is a person."""


def _files(name: str) -> tuple[str, ...]:
    return tuple(f"{place}/{name}" for place in TRUTH)


WANTED = Wanted(
    layout="FSD50K",
    parts={
        "meta": _files("dev.csv"),
        "test": _files("eval.csv"),
        "vocabulary": _files("vocabulary.csv"),
        "audio": tuple(f"{place}/" for place in AUDIO[DEV]),
        "audio-test": tuple(f"{place}/" for place in AUDIO[EVAL]),
    },
    holds="FSD50K.ground_truth/, FSD50K.dev_audio/ and FSD50K.eval_audio/",
)


@dataclass(frozen=True)
class _Clips:
    """The clips of dev.csv or eval.csv by columns; `parts` are the values of its column split, or its own name.

    `audio` is the folder of their files, `there` what lies in it: None where there is no such folder.
    """

    table: Table
    audio: str
    label_sets: Sequence[tuple[str, ...]]
    parts: Sequence[str]
    there: frozenset[str] | None

    @property
    def numbers(self) -> Sequence[str]:
        """The clips' numbers at Freesound."""
        return self.table.columns["fname"]

    @property
    def present(self) -> Sequence[bool]:
        """Of each clip whether its file is there; taken for granted where lists are all there is."""
        return [self.there is None or f"{number}.wav" in self.there for number in self.numbers]

    def name(self, number: str) -> str:
        """The file of a clip."""
        return f"{self.audio}/{number}.wav"


def read(folder: Path, track: Track, list_folders: Sequence[Path] = ()) -> Dataset:
    """The data set in `folder` with the parts that `track` names; raises as `reading.dataset` does."""
    folders.require(folder, track, WANTED)
    return reading.dataset(folder, track, listing(folder, track, list_folders))


def listing(folder: Path, track: Track, _list_folders: Sequence[Path] = ()) -> Listing:
    """The clips of both sets and the parts that the track names, faults included.

    One person's clips may be in two parts, as the publisher has them: that is told in a note.
    """
    vocabulary = class_table.read(_truth(folder, "vocabulary.csv"), (INDEX, LABEL, MID), track)
    dev, dev_check = _clips(folder, DEV, track)
    tested, test_check = _clips(folder, EVAL, track)
    if dev and tested:
        test_check = test_check.model_copy(update={"faults": (*test_check.faults, *_in_both(dev, tested))})
    sets = [one for one in (dev, tested) if one]
    meta = _meta(sets, _uploaders(folder))
    parts = {**track.splits, TEST: track.test, **({VALIDATION: track.validation} if track.validation else {})}
    listed = {split: _listed(split, part, sets, track) for split, part in parts.items()}
    lists_alone = Listing(
        meta,
        splits=tuple(listed[split][0] for split in track.splits),
        test=listed[TEST][0],
        left_out=(listed[VALIDATION][0],) if VALIDATION in listed else (),
        apart=(),
    )
    checks = (vocabulary.check, dev_check, test_check, *(check for _, check in listed.values()), _shared(lists_alone))
    return replace(lists_alone, checks=checks)


def _truth(folder: Path, name: str) -> Path:
    return lists.find(_files(name), [folder]) or folder / _files(name)[0]


def _clips(folder: Path, one: str, track: Track) -> tuple[_Clips | None, Check]:
    path = _truth(folder, f"{one}.csv")
    file = path.name
    try:
        table = lists.read_quoted(path, ("fname", "labels", *(["split"] if one == DEV else [])))
    except Mistake as mistake:
        return None, Check(name=file, looked_at=0, unit="clips", faults=(unread(file, path, mistake),))
    sets = {text: tuple(text.split(",")) for text in set(table.columns["labels"])}
    audio = next((place for place in AUDIO[one] if (folder / place).is_dir()), None)
    clips = _Clips(
        table=table,
        audio=audio or AUDIO[one][0],
        label_sets=[sets[text] for text in table.columns["labels"]],
        parts=table.columns["split"] if one == DEV else [EVAL] * len(table),
        there=_names_in(folder / audio) if audio else None,
    )
    faults = (
        *table_faults(file, table, clips.numbers),
        *unknown_labels(file, _unknown_labels(clips, track), track.labels, "no label of this track"),
        *(_unknown_parts(clips) if one == DEV else ()),
    )
    return clips, Check(name=file, looked_at=len(table), unit="clips", faults=faults)


def _names_in(folder: Path) -> frozenset[str]:
    try:
        return names_in(folder)
    except PermissionError:
        raise folders.closed(folder) from None


def _unknown_labels(clips: _Clips, track: Track) -> dict[str, list[int]]:
    """The lines of each label that the track does not have."""
    where: dict[str, list[int]] = {}
    known = frozenset(track.labels)
    for labels, line in zip(clips.label_sets, clips.table.lines, strict=True):
        for label in labels:
            if label not in known:
                where.setdefault(label, []).append(line)
    return where


def _unknown_parts(dev: _Clips) -> Iterator[Fault]:
    file, known = dev.table.path.name, PARTS[:2]
    for part, line in zip(dev.parts, dev.table.lines, strict=True):
        if part not in known:
            sentence = f'{file}, line {line}: "{part}" is no part of the set. {nearest(part, known)}'
            yield Fault(check=file, subject=file, sentence=sentence)


def _in_both(dev: _Clips, tested: _Clips) -> Iterator[Fault]:
    """Clips that stand in dev.csv and in eval.csv."""
    file, other = tested.table.path.name, dev.table.path.name
    first = dict(zip(reversed(dev.numbers), reversed(dev.table.lines), strict=True))
    for number, line in zip(tested.numbers, tested.table.lines, strict=True):
        if number in first:
            sentence = f"{file}, line {line}: {number} is a clip of {other} too, line {first[number]}."
            yield Fault(check=file, subject=file, sentence=sentence)


def _uploaders(folder: Path) -> dict[str, str]:
    """Who uploaded each clip, by its number; nobody where the files that say so are not there or are damaged."""
    found: dict[str, str] = {}
    for one in (DEV, EVAL):
        path = lists.find([f"{place}/{one}_clips_info_FSD50K.json" for place in METADATA], [folder])
        try:
            told = json.loads(path.read_text(encoding="utf-8")) if path else {}
            found |= {number: str(clip["uploader"]) for number, clip in told.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return found


def _meta(sets: Sequence[_Clips], uploaders: Mapping[str, str]) -> Meta:
    """The clips whose files are there, those of dev.csv first."""
    numbers = [number for one in sets for number in compress(one.numbers, one.present)]
    names = tuple(one.name(number) for one in sets for number in compress(one.numbers, one.present))
    people = (f"{UPLOADER}{uploaders[number]}" if number in uploaders else f"freesound-{number}" for number in numbers)
    return Meta(
        name=ALL,
        names=names,
        identifiers=tuple(people),
        devices=(UNKNOWN_DEVICE,) * len(names),
        segments=names,
        lines=range(len(names)),
        label_sets=tuple(labels for one in sets for labels in compress(one.label_sets, one.present)),
    )


def _listed(split: str, part: str, sets: Sequence[_Clips], track: Track) -> tuple[Listed, Check]:
    """The clips of a part, and the check of what it lacks."""
    names: list[str] = []
    gone: list[Hole] = []
    for one in sets:
        for number, own, there, line in zip(one.numbers, one.parts, one.present, one.table.lines, strict=True):
            if part not in {own, one.table.path.stem}:
                continue
            if there:
                names.append(one.name(number))
            else:
                gone.append(Hole(one.name(number), one.table.path.name, line))
    listed = Listed(split, part, tuple(names), None, range(len(names)), missing=len(gone))
    check = holes.check(listed.shown, len(names) + len(gone), len(gone), gone, track)
    if part not in PARTS:
        sentence = f'Track {track.name} names the part "{part}". {nearest(part, PARTS)}'
        fault = Fault(check=listed.shown, subject=part, sentence=sentence)
        check = check.model_copy(update={"faults": (fault,)})
    return listed, check


def _shared(found: Listing) -> Check:
    """How many people uploaded clips of two lists: no fault, for the publisher's parts are what papers use."""
    people = {
        one.shown: {name for row in found.rows(one) if (name := found.meta.identifiers[row]).startswith(UPLOADER)}
        for one in found.lists
    }
    notes = tuple(
        f"{len(both):,} {'people' if len(both) > 1 else 'person'} uploaded clips of the {one} and of the {other}."
        for one, other in combinations(people, 2)
        if (both := people[one] & people[other])
    )
    known = len(set().union(*people.values()))
    return Check(name="uploaders", looked_at=known, unit="people", notes=notes)
