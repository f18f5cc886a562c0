"""The data set that a listing describes, for layouts whose lists are read in one way, to train on and to verify."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.data import apart
from harness.data.dataset import Dataset, Labels, Rows
from harness.data.findings import Fault
from harness.data.listing import Listed, Listing, Meta
from harness.outcomes import Mistake
from harness.tracks import Track

REMEDY = "Use the data set as it was published, or a track that asks for less of it; data verify lists every fault."


def dataset(folder: Path, track: Track, listing: Listing) -> Dataset:
    """All clips of a listing and the rows of its lists.

    Raises `Mistake` with the first thing that is wrong with the lists, leaks among it, in the words of `data verify`.
    """
    for check in (*listing.checks, *apart.checks(listing)):
        for fault in check.faults:
            raise _refusal(fault)
    meta = listing.meta
    tests = {one.split: _rows(listing, one) for one in listing.folds}
    everything = np.unique(np.concatenate(list(tests.values()))) if tests else None
    return Dataset(
        audio=folder,
        names=meta.names,
        labels=_labels(meta, track),
        devices=np.array(meta.devices),
        segments=np.array(meta.segments),
        locations=np.array(meta.identifiers),
        splits={one.split: _rows(listing, one) for one in listing.splits},
        test=_rows(listing, listing.test) if everything is None else everything,
        tests=tests,
        length=track.length,
        validation=_rows(listing, listing.validation) if track.validation else None,
        missing={one.shown: one.missing for one in listing.lists} if track.missing_share else {},
    )


def _labels(meta: Meta, track: Track) -> Labels:
    index = {label: number for number, label in enumerate(track.labels)}
    if not track.multi_label:
        return np.array([index[label] for label in meta.labels], dtype=np.int64)
    found = np.zeros((len(meta.names), len(index)), dtype=np.bool_)
    rows = np.repeat(np.arange(len(meta.names)), [len(labels) for labels in meta.label_sets])
    found[rows, [index[label] for labels in meta.label_sets for label in labels]] = True
    return found


def _refusal(fault: Fault) -> Mistake:
    rule = "data.leak" if fault.check.startswith("leak") else "data.list"
    return Mistake(rule, fault.sentence, REMEDY)


def _rows(listing: Listing, listed: Listed | None) -> Rows:
    return np.array(listing.rows(listed) if listed else [], dtype=np.int64)
