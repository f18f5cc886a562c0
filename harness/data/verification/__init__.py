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

from harness.data import apart, dataset_of, folders, published, store, test_clips
from harness.data.dataset import UNKNOWN_DEVICE
from harness.data.findings import Check, Counts, Fault, Report
from harness.data.listing import Listed, Listing
from harness.data.verification import agreement, copies, manifest, sound
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
    list of its clips in it, and for digests that cannot be read or written.
    """
    start = time.monotonic()
    digests = digests or Digests()
    expected = manifest.read(digests.compared) if digests.compared else None
    layout = dataset_of.LAYOUTS[track.dataset]
    folders.require(folder, track, layout.wanted, with_audio=step is not None)
    known = published.load(track.published) if track.published else None
    found = layout.listing(folder, track, list_folders)
    checks = [*found.checks, *([agreement.check(found, known)] if known else []), *apart.checks(found)]
    data: dict[str, str] = {}
    if step is not None:
        heard = sound.listen(folder, found.meta.names, step, workers)
        checks += sound.checks(folder, found.meta, heard, known.audio if known else None, track)
        checks += [manifest.check(expected, found.meta, heard)] if expected is not None else []
        checks += copies.checks(folder, found, heard, step)
        if digests.written:
            manifest.write(digests.written, found.meta, heard)
        data = _fingerprints(found, heard, track)
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
    yield found.meta.name, found.counts(range(len(found.meta.names)))
    for listed in found.lists:
        yield listed.shown, found.counts(found.rows(listed))


def _described(check: Check, counts: dict[str, Counts]) -> Check:
    """The check of a list, saying what the list holds."""
    if check.name not in counts:
        return check
    held = counts[check.name]
    devices = ", ".join(f"{device} {count:,}" for device, count in held.devices.items() if device != UNKNOWN_DEVICE)
    says = f"{held.recordings:,} recordings, {held.segments:,} segments, {held.locations:,} locations"
    says += f"; {devices}" if devices else ""
    return check.model_copy(update={"says": says})


def _fingerprints(found: Listing, heard: Heard, track: Track) -> dict[str, str]:
    """What results that are computed on these files will have as `digests.data`, by split."""
    tested = {one.split: digest for one in found.lists_for_test if (digest := _tested(found, one, heard)) is not None}
    if not found.splits:
        return {NO_SPLIT: store.data_digest(*tested.values())} if tested else {}
    digests = {}
    chosen = [found.validation] if found.validation and track.validation else []
    for listed in found.splits:
        rows = np.concatenate([_in_order(found, one) for one in (listed, *chosen)])
        test = found.test_of(listed)
        if len(rows) and heard.usable[rows].all() and test and test.split in tested:
            digests[listed.split] = store.data_digest(store.fingerprint(heard.digests[rows]), tested[test.split])
    return digests


def _tested(found: Listing, test: Listed, heard: Heard) -> str | None:
    """The fingerprint of the clips of a test list; None where not all of them can be read."""
    rows = _in_order(found, test)
    if not len(rows) or not heard.usable[rows].all():
        return None
    order = test_clips.order([found.meta.names[row] for row in rows])
    return store.fingerprint(heard.digests[rows[order]])


def _in_order(found: Listing, listed: Listed) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(found.rows(listed), dtype=np.int64)
