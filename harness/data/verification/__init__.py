"""Whether a data folder is what it should be: lists, names, counts, files, formats, and leaks between the two sides.

A board is as true as its splits: a test clip in a training list, a recording location on both sides or a copy under
another name makes every figure on it wrong. Nothing here stops at the first fault.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from harness.data import published, store, tau, test_clips
from harness.data.verification import agreement, apart, copies, listing, manifest, sound
from harness.data.verification.listing import Listed, Listing
from harness.data.verification.report import Check, Counts, Fault, Report
from harness.data.verification.sound import Heard, Step
from harness.tracks import NO_SPLIT, Track

__all__ = ["Check", "Counts", "Digests", "Fault", "Report", "verify"]


@dataclass(frozen=True)
class Digests:
    """Files of digests: one to compare with, one to write."""

    compared: Path | None = None
    written: Path | None = None


def verify(
    folder: Path,
    track: Track,
    list_folders: Sequence[Path],
    step: Step | None,
    workers: int | None = None,
    digests: Digests | None = None,
) -> Report:
    """Everything that is wrong with the data in `folder`, for `track`.

    `step` is entered when the audio files are opened and when they are compared; None: names and lists only. `digests`
    names files of digests to compare with and to write. Raises `Mistake` only where there is no such folder or no
    meta.csv in it, and for digests that cannot be read or written.
    """
    start = time.monotonic()
    digests = digests or Digests()
    expected = manifest.read(digests.compared) if digests.compared else None
    tau.require_folder(folder, track, with_audio=step is not None)
    known = published.load(track.published) if track.published else None
    found = listing.read(folder, track, list_folders)
    checks = [*found.checks, *([agreement.check(found, known)] if known else []), *apart.checks(found)]
    data: dict[str, str] = {}
    if step is not None:
        heard = sound.listen(folder, found.meta.names, step, workers)
        checks += sound.checks(folder, found.meta, heard, known.audio if known else None, track.clip_seconds)
        checks += [manifest.check(expected, found.meta, heard)] if expected is not None else []
        checks += copies.checks(folder, found, heard, step)
        if digests.written:
            manifest.write(digests.written, found.meta, heard)
        data = _fingerprints(found, heard)
    counts = dict(_counts(found))
    return Report(
        created=datetime.now(UTC),
        track=track.name,
        track_version=track.version,
        folder=folder.resolve().name,
        clips=len(found.meta.names),
        seconds=round(time.monotonic() - start, 2),
        counts=counts,
        checks=tuple(_described(check, counts) for check in checks),
        data=data,
    )


def _counts(found: Listing) -> Iterator[tuple[str, Counts]]:
    yield found.meta.path.name, found.counts(range(len(found.meta.names)))
    for listed in found.lists:
        yield listed.shown, found.counts(found.rows(listed))


def _described(check: Check, counts: dict[str, Counts]) -> Check:
    """The check of a list, saying what the list holds."""
    if check.name not in counts:
        return check
    held = counts[check.name]
    devices = ", ".join(f"{device} {count:,}" for device, count in held.devices.items())
    says = f"{held.recordings:,} recordings, {held.segments:,} segments, {held.locations:,} locations; {devices}"
    return check.model_copy(update={"says": says})


def _fingerprints(found: Listing, heard: Heard) -> dict[str, str]:
    """What results that are computed on these files will have as `digests.data`, by split."""
    if found.test is None:
        return {}
    tested = _in_order(found, found.test)
    order = test_clips.order([found.meta.names[row] for row in tested])
    last = store.fingerprint(heard.digests[tested[order]])
    usable = heard.usable
    if not len(tested) or not usable[tested].all():
        return {}
    if not found.splits:
        return {NO_SPLIT: store.data_digest(last)}
    trained = {listed.split: _in_order(found, listed) for listed in found.splits}
    return {
        split: store.data_digest(store.fingerprint(heard.digests[rows]), last)
        for split, rows in trained.items()
        if len(rows) and usable[rows].all()
    }


def _in_order(found: Listing, listed: Listed) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(found.rows(listed), dtype=np.int64)
