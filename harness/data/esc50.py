"""ESC-50 in its own layout, for cross-validation over its folds, and ESC-10, the subset of ten classes.

    audio/<fold>-<recording>-<take>.wav      5 s; the first release of ESC-10 has Ogg files of other lengths too
    meta/esc50.csv                           filename,fold,target,category,esc10,src_file,take

The list may lie in the folder itself too, as esc50.csv, or as esc10.csv where it holds that subset alone. A location
is a Freesound recording, from which up to several clips were cut; the publisher keeps each within one fold. Nothing is
known of devices. Source: K. J. Piczak, ESC: Dataset for Environmental Sound Classification, ACM Multimedia 2015.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import compress
from pathlib import Path

from harness.data import folders, lists, reading
from harness.data.dataset import UNKNOWN_DEVICE, Dataset
from harness.data.findings import Check, Fault
from harness.data.folders import Wanted
from harness.data.listing import Listed, Listing, Meta, table_faults, unknown, unread
from harness.data.lists import Table, normal_name
from harness.outcomes import Mistake
from harness.tracks import Track, fold_list

COLUMNS = ("filename", "fold", "category", "src_file")
FOLDS = ("1", "2", "3", "4", "5")

WANTED = Wanted(
    layout="ESC-50",
    parts={"meta": ("meta/esc50.csv", "esc50.csv", "esc10.csv"), "audio": ("audio/",)},
    holds="audio/ and meta/esc50.csv",
)


def read(folder: Path, track: Track, list_folders: Sequence[Path] = ()) -> Dataset:
    """The data set in `folder` with a test list for each fold of the track; raises as `reading.dataset` does."""
    folders.require(folder, track, WANTED)
    return reading.dataset(folder, track, listing(folder, track, list_folders))


def listing(folder: Path, track: Track, _list_folders: Sequence[Path] = ()) -> Listing:
    """The clips of the track's subset and folds as the list has them, faults included."""
    path = lists.find(WANTED.parts["meta"], [folder]) or folder / WANTED.parts["meta"][0]
    columns = (*COLUMNS, *([track.subset] if track.subset else []))
    try:
        table = lists.read(path, columns, separator=",")
    except Mistake as mistake:
        fault = unread(path.name, path, mistake)
        return Listing(Meta(path.name), (), None, (Check(name=path.name, looked_at=0, unit="clips", faults=(fault,)),))
    chosen = _chosen(table, track)
    meta = _meta(table, chosen)
    faults = (
        *table_faults(path.name, table, [normal_name(name) for name in table.columns["filename"]]),
        *_unknown_folds(table, track),
        *unknown(meta, meta.labels, track.labels, "label"),
    )
    check = Check(name=path.name, looked_at=len(meta.names), unit="clips", faults=faults)
    folds = tuple(_fold(meta, table.take(chosen).columns["fold"], fold) for fold in track.folds)
    splits = tuple(_others(fold, folds, track) for fold in folds)
    return Listing(meta, splits, None, (check, *(_fold_check(fold, meta, track) for fold in folds)), folds=folds)


def _chosen(table: Table, track: Track) -> list[bool]:
    """Which rows are in the track's subset and folds; what is said of others does not matter."""
    inside = [value == "True" for value in table.columns[track.subset]] if track.subset else [True] * len(table)
    return [inner and fold in track.folds for inner, fold in zip(inside, table.columns["fold"], strict=True)]


def _meta(table: Table, chosen: Sequence[bool]) -> Meta:
    every = [normal_name(name) for name in table.columns["filename"]]
    part = table.take(chosen)
    names = tuple(compress(every, chosen))
    return Meta(
        name=table.path.name,
        names=names,
        labels=tuple(part.columns["category"]),
        identifiers=tuple(f"freesound-{recording}" for recording in part.columns["src_file"]),
        devices=(UNKNOWN_DEVICE,) * len(names),
        segments=names,
        lines=part.lines,
        others=frozenset(every).difference(names),
    )


def _unknown_folds(table: Table, track: Track) -> Iterator[Fault]:
    known, name = {*FOLDS, *track.folds}, table.path.name
    for value, line in zip(table.columns["fold"], table.lines, strict=True):
        if value not in known:
            yield Fault(check=name, subject=name, sentence=f'{name}, line {line}: "{value}" is no fold of ESC-50.')


def _fold(meta: Meta, values: Sequence[str], fold: str) -> Listed:
    inside = [value == fold for value in values]
    names, lines = tuple(compress(meta.names, inside)), list(compress(meta.lines, inside))
    return Listed(fold, fold_list(fold), names, None, lines, fold=True)


def _others(left_out: Listed, folds: Sequence[Listed], track: Track) -> Listed:
    """The training list of a split: the clips of all folds but one, in the order of the folds."""
    names = tuple(name for fold in folds if fold is not left_out for name in fold.names)
    return Listed(left_out.split, track.splits[left_out.split], names, None, range(len(names)))


def _fold_check(fold: Listed, meta: Meta, track: Track) -> Check:
    sentence = f"{meta.name} lists no clip of fold {fold.split}, which track {track.name} tests on."
    faults = () if fold.names else (Fault(check=fold.shown, subject=meta.name, sentence=sentence),)
    return Check(name=fold.shown, looked_at=len(fold.names), unit="clips", faults=faults)
