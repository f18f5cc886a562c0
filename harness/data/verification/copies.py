"""The same sound under two names, on both sides: identical files by their digests, re-encoded ones by their prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.data import audio_files
from harness.data.audio_files import Unusable
from harness.data.dataset import Rows
from harness.data.verification import prints
from harness.data.verification.listing import Listing
from harness.data.verification.report import Check, Fault
from harness.data.verification.sound import Heard, Step

ALIKE = 0.85
"""Product of two prints from which on the waveforms are compared."""

SAME = 0.8
"""Correlation of two waveforms from which on one is called a copy of the other."""

CANDIDATES = 4
"""Training clips compared with a test clip at most: those whose prints are most alike."""

BLOCK = 4096


def checks(folder: Path, listing: Listing, heard: Heard, step: Step) -> Iterator[Check]:
    """Leaks by content, which no list shows; copies on one side are notes."""
    if not listing.test:
        return
    test = np.unique(np.array(listing.rows(listing.test), dtype=np.int64))
    trained = np.array([row for listed in listing.splits for row in listing.rows(listed)], dtype=np.int64)
    training = np.setdiff1d(trained, test)
    usable = heard.usable
    test, training = test[usable[test]], training[usable[training]]
    names, split_of = listing.meta.names, _smallest_split(listing)
    identical = _identical(test, training, heard)
    words = "is the same file as the test clip"
    yield Check(
        name="leak: identical file",
        looked_at=len(test),
        unit="test clips",
        faults=tuple(
            _leak("leak: identical file", names[there], f"of split {split_of[there]} {words} {names[here]}")
            for here, there in identical
        ),
        notes=_repeated(listing, heard),
    )
    known = {there for _, there in identical}
    words = "is a re-encoded copy of the test clip"
    yield Check(
        name="leak: copy",
        looked_at=len(test),
        unit="test clips",
        faults=tuple(
            _leak("leak: copy", names[there], f"of split {split_of[there]} {words} {names[here]} ({same:.2f} alike)")
            for here, there, same in _copies(folder, names, _candidates(test, training, heard.prints, step))
            if there not in known
        ),
    )


def _leak(check: str, name: str, words: str) -> Fault:
    return Fault(check=check, subject=name, sentence=f"{name} {words}.")


def _smallest_split(listing: Listing) -> dict[int, str]:
    return {row: listed.split for listed in reversed(listing.splits) for row in listing.rows(listed)}


def _identical(test: Rows, training: Rows, heard: Heard) -> list[tuple[int, int]]:
    """(test row, training row) of files with one digest; each training clip once. Silence is no content."""
    tested = {heard.digests[row].tobytes(): row for row in reversed(test.tolist()) if heard.peaks[row] > 0}
    pairs = ((tested.get(heard.digests[row].tobytes()), row) for row in training.tolist())
    return [(here, there) for here, there in pairs if here is not None]


def _repeated(listing: Listing, heard: Heard) -> tuple[str, ...]:
    """Files that stand under two names on one side: no leak, but they count twice."""
    notes = []
    for side, lists in (("test list", listing.lists[-1:]), ("training lists", listing.splits)):
        rows = {row for listed in lists for row in listing.rows(listed) if heard.usable[row] and heard.peaks[row] > 0}
        counts = Counter(heard.digests[row].tobytes() for row in rows)
        twice = sum(count - 1 for count in counts.values())
        if twice:
            notes.append(f"{twice:,} clips of the {side} are files that stand there under another name too.")
    return tuple(notes)


def _copies(folder: Path, names: Sequence[str], pairs: Iterable[tuple[int, int]]) -> list[tuple[int, int, float]]:
    """(test row, training row, correlation) of clips that sound the same."""
    found = []
    for here, there in pairs:
        try:
            one, other = (audio_files.read(folder / names[row]) for row in (here, there))
        except Unusable:  # it could be read before: somebody is changing the folder
            continue
        rates = (one.sample_rate, other.sample_rate)
        same = prints.same_sound(prints.mono(one.waveform), prints.mono(other.waveform), rates)
        if same >= SAME:
            found.append((here, there, same))
    return found


def _candidates(test: Rows, training: Rows, every: NDArray[np.float16], step: Step) -> Iterator[tuple[int, int]]:
    """(test row, training row) whose prints are alike, block by block: 4 billion products for the whole TAU set."""
    if not len(test) or not len(training):
        return
    with step("comparing sounds") as progress:
        for start in range(0, len(test), BLOCK):
            rows = test[start : start + BLOCK]
            for here, alike in _most_alike(every[rows], training, every).items():
                yield from ((int(rows[here]), there) for _, there in alike)
            progress(start + len(rows), len(test))


def _most_alike(
    mine: NDArray[np.float16], training: Rows, every: NDArray[np.float16]
) -> dict[int, list[tuple[float, int]]]:
    """For the place of each test print that has any: (less their product, training row) of those most alike."""
    best: dict[int, list[tuple[float, int]]] = {}
    for first in range(0, len(training), BLOCK):
        others = training[first : first + BLOCK]
        products = mine.astype(np.float32) @ every[others].astype(np.float32).T
        for here in np.flatnonzero((products > ALIKE).any(axis=1)).tolist():
            columns = np.flatnonzero(products[here] > ALIKE)
            if len(columns) > CANDIDATES:
                columns = columns[np.argpartition(-products[here, columns], CANDIDATES)[:CANDIDATES]]
            found = zip((-products[here, columns]).tolist(), others[columns].tolist(), strict=True)
            best[here] = sorted([*best.get(here, []), *found])[:CANDIDATES]
    return best
