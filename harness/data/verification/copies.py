"""The same sound under two names, on both sides: identical files by their digests, re-encoded ones by their prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.data import audio_files
from harness.data.audio_files import Unusable
from harness.data.dataset import Rows
from harness.data.findings import Check, Fault
from harness.data.listing import Listing
from harness.data.verification import prints
from harness.data.verification.sound import Heard, Step

ALIKE = 0.85
"""Product of two prints from which on the waveforms are compared."""

SAME = 0.8
"""Correlation of two waveforms from which on one is called a copy of the other."""

CANDIDATES = 4
"""Training clips compared with a test clip at most: those whose prints are most alike."""

BLOCK = 4096

Side = tuple[Rows, Rows]
"""Test rows, and the training rows that they are compared with."""


def checks(folder: Path, listing: Listing, heard: Heard, step: Step) -> Iterator[Check]:
    """Leaks by content, which no list shows; copies on one side are notes."""
    if not listing.lists_for_test:
        return
    sides = [_usable(side, heard.usable) for side in _sides(listing)]
    looked_at = sum(len(test) for test, _ in sides)
    names, split_of = listing.meta.names, _splits(listing)
    identical = [pair for test, training in sides for pair in _identical(test, training, heard)]
    words = "is the same file as the test clip"
    yield Check(
        name="leak: identical file",
        looked_at=looked_at,
        unit="test clips",
        faults=tuple(
            _leak("leak: identical file", names[there], f"of split {split_of(here, there)} {words} {names[here]}")
            for here, there in identical
        ),
        notes=_repeated(listing, heard),
    )
    known = {there for _, there in identical}
    words = "is a re-encoded copy of the test clip"
    yield Check(
        name="leak: copy",
        looked_at=looked_at,
        unit="test clips",
        faults=tuple(
            _leak(
                "leak: copy", names[there], f"of split {split_of(here, there)} {words} {names[here]} ({same:.2f} alike)"
            )
            for here, there, same in _copies(folder, names, _candidates(sides, heard.prints, step))
            if there not in known
        ),
    )


def _sides(listing: Listing) -> Iterator[Side]:
    """The test clips with the training clips; each fold with those behind it, so that no pair is compared twice."""
    if listing.test:
        test = np.unique(np.array(listing.rows(listing.test), dtype=np.int64))
        trained = np.array([row for listed in listing.splits for row in listing.rows(listed)], dtype=np.int64)
        yield test, np.setdiff1d(trained, test)
    folds = [np.array(listing.rows(fold), dtype=np.int64) for fold in listing.folds]
    yield from ((fold, np.concatenate([*folds[place:], fold[:0]])) for place, fold in enumerate(folds, start=1))


def _usable(side: Side, usable: NDArray[np.bool_]) -> Side:
    test, training = side
    return test[usable[test]], training[usable[training]]


def _splits(listing: Listing) -> Callable[[int, int], str]:
    """The split in which a test row and a training row meet; where there are several, the first."""
    smallest = {row: listed.split for listed in reversed(listing.splits) for row in listing.rows(listed)}
    tested = {row: fold.split for fold in listing.folds for row in listing.rows(fold)}
    return lambda here, there: tested.get(here) or smallest[there]


def _leak(check: str, name: str, words: str) -> Fault:
    return Fault(check=check, subject=name, sentence=f"{name} {words}.")


def _identical(test: Rows, training: Rows, heard: Heard) -> list[tuple[int, int]]:
    """(test row, training row) of files with one digest; each training clip once. Silence is no content."""
    tested = {heard.digests[row].tobytes(): row for row in reversed(test.tolist()) if heard.peaks[row] > 0}
    pairs = ((tested.get(heard.digests[row].tobytes()), row) for row in training.tolist())
    return [(here, there) for here, there in pairs if here is not None]


def _repeated(listing: Listing, heard: Heard) -> tuple[str, ...]:
    """Files that stand under two names on one side: no leak, but they count twice."""
    notes = []
    for side, lists in listing.sides:
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


def _candidates(sides: Sequence[Side], every: NDArray[np.float16], step: Step) -> Iterator[tuple[int, int]]:
    """(test row, training row) whose prints are alike, block by block: 4 billion products for the whole TAU set."""
    blocks = [
        (test[start : start + BLOCK], training)
        for test, training in sides if len(training) for start in range(0, len(test), BLOCK)
    ]  # fmt: skip
    if not blocks:
        return
    done, total = 0, sum(len(rows) for rows, _ in blocks)
    with step("comparing sounds") as progress:
        for rows, training in blocks:
            for here, alike in _most_alike(every[rows], training, every).items():
                yield from ((int(rows[here]), there) for _, there in alike)
            done += len(rows)
            progress(done, total)


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
