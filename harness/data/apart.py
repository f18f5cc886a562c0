"""What must be apart is apart, by the lists alone: clips, segments, locations; smaller splits are in larger ones.

DCASE 2024 Task 1: the splits are nested, a 10 s recording is in a list as a whole or not at all, and no recording
location is on both sides. ESC-50: no source recording is in two folds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from harness.data.findings import Check, Fault
from harness.data.listing import LOCATION, SEGMENT, Listed, Listing


def checks(listing: Listing) -> Iterator[Check]:
    """The checks that need no audio; folds are neither nested nor percentages."""
    if listing.folds:
        yield from (_between_folds(listing, *kind) for kind in _kinds(listing))
        return
    known = (one for one in listing.splits if one.split.isdigit() and one.names)
    percentages = sorted(known, key=lambda one: int(one.split))
    yield _nested(percentages)
    yield _whole_recordings(listing, percentages)
    if listing.test:
        yield from _leaks(listing, listing.test)


def _kinds(listing: Listing) -> tuple[tuple[str, Sequence[str]], ...]:
    """What clips share that were recorded together and must be apart, and that value of each clip."""
    values = {SEGMENT: listing.meta.segments, LOCATION: listing.meta.identifiers}
    return tuple((kind, values[kind]) for kind in listing.apart)


def _between_folds(listing: Listing, kind: str, values: Sequence[str]) -> Check:
    """What is in two folds is in the training and the test list of both."""
    first: dict[str, tuple[Listed, int]] = {}
    shared: dict[str, Fault] = {}
    for fold in listing.folds:
        for row in listing.rows(fold):
            value, name = values[row], listing.meta.names[row]
            before, other = first.setdefault(value, (fold, row))
            if before is not fold and value not in shared:
                where = f"{before.shown} (with {listing.meta.names[other]}) and in {fold.shown} (with {name})"
                shared[value] = _fault(f"leak: {kind}", fold, f"The {kind} {value} is in {where}.")
    faults = tuple(shared.values())
    return Check(name=f"leak: {kind}", looked_at=len(first), unit=f"{kind}s of all folds", faults=faults)


def _nested(splits: Sequence[Listed]) -> Check:
    faults = []
    for smaller, larger in pairwise(splits):
        held = set(larger.names)
        faults += [
            _fault("nesting", smaller, f"{name} is in split {smaller.split} and not in split {larger.split}.")
            for name in smaller.names
            if name not in held
        ]
    return Check(name="nesting", looked_at=len(splits), unit="splits", faults=tuple(faults))


def _fault(check: str, listed: Listed, sentence: str) -> Fault:
    return Fault(check=check, subject=listed.name, sentence=sentence)


def _whole_recordings(listing: Listing, splits: Sequence[Listed]) -> Check:
    """A recording is what one device took of one segment."""
    if not splits:
        return Check(name="whole recordings", looked_at=0, unit="recordings")
    meta = listing.meta
    recordings = list(zip(meta.segments, meta.devices, strict=True))
    clips: dict[tuple[str, str], int] = {}
    for row in meta.rows.values():
        clips[recordings[row]] = clips.get(recordings[row], 0) + 1
    faults, looked_at = [], 0
    for listed in splits:
        held: dict[tuple[str, str], int] = {}
        for row in set(listing.rows(listed)):
            held[recordings[row]] = held.get(recordings[row], 0) + 1
        looked_at += len(held)
        faults += [
            _fault(
                "whole recordings",
                listed,
                f"Split {listed.split} holds {count} of the {clips[found]} clips of {'-'.join(found)}.",
            )
            for found, count in held.items()
            if count < clips[found]
        ]
    return Check(name="whole recordings", looked_at=looked_at, unit="recordings", faults=tuple(faults))


def _leaks(listing: Listing, test: Listed) -> Iterator[Check]:
    """Each leak is named by what it is: a clip that leaks takes its segment and its location with it, silently."""
    meta = listing.meta
    training = {name: listed for listed in reversed(listing.splits) for name in listed.names}
    both = [name for name in dict.fromkeys(test.names) if name in training]
    told = set(both)
    yield Check(
        name="leak: clip",
        looked_at=len(training),
        unit="training clips",
        faults=tuple(_leak("clip", training[name], f"{name} is a test clip and in split") for name in both),
    )
    kinds = _kinds(listing)
    if not kinds:
        return
    rows = {row for row in listing.rows(test) if meta.names[row] not in training}
    rest = {name: listed for name, listed in training.items() if name not in told and name in meta.rows}
    for kind, values in kinds:
        tested = {values[row] for row in rows}
        shared: dict[str, tuple[str, Listed]] = {}
        for name, listed in rest.items():
            value = values[meta.rows[name]]
            if value in tested:
                shared.setdefault(value, (name, listed))
        yield Check(
            name=f"leak: {kind}",
            looked_at=len(tested),
            unit=f"test {kind}s",
            faults=tuple(
                _leak(kind, listed, f"The {kind} {value} is in the test list and, with {name}, in split")
                for value, (name, listed) in shared.items()
            ),
        )
        rest = {name: listed for name, listed in rest.items() if values[meta.rows[name]] not in shared}


def _leak(kind: str, listed: Listed, words: str) -> Fault:
    return _fault(f"leak: {kind}", listed, f"{words} {listed.split}.")
