"""Every audio file of a folder, opened and listened to in parallel: format, level, digest, and a print of its sound."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.data import audio_files
from harness.data.audio_files import DIGEST_BYTES, Unusable
from harness.data.findings import Check, Fault
from harness.data.listing import Meta
from harness.data.published import AudioFormat
from harness.data.verification import prints
from harness.data.workers import cores, pool
from harness.tracks import Track

Progress = Callable[[int, int], None]
Step = Callable[[str], AbstractContextManager[Progress]]
"""Entered with what is done, when it begins; yields what is told how far it is."""

FILES_PER_JOB = 128
SHOWN_STRAYS = 3


@dataclass
class Heard:
    """What the files of a folder hold, one row a clip; `unusable` says why some rows have nothing else.

    `bits` is 0 where the format has no such thing; `prints` (clips, n) float16, see `prints`.
    """

    sample_rates: NDArray[np.int32]
    samples: NDArray[np.int32]
    channels: NDArray[np.int32]
    bits: NDArray[np.int16]
    peaks: NDArray[np.float32]
    finite: NDArray[np.bool_]
    digests: NDArray[np.uint8]
    prints: NDArray[np.float16]
    unusable: dict[int, str] = field(default_factory=dict)

    @classmethod
    def nothing(cls, clips: int) -> Heard:
        """Room for `clips` files."""
        return cls(
            sample_rates=np.zeros(clips, np.int32),
            samples=np.zeros(clips, np.int32),
            channels=np.zeros(clips, np.int32),
            bits=np.zeros(clips, np.int16),
            peaks=np.zeros(clips, np.float32),
            finite=np.ones(clips, np.bool_),
            digests=np.zeros((clips, DIGEST_BYTES), np.uint8),
            prints=np.zeros((clips, prints.SIZE), np.float16),
        )

    @property
    def usable(self) -> NDArray[np.bool_]:
        """(clips,) where there is a file that can be read."""
        return self.sample_rates > 0

    def take(self, rows: Sequence[int], part: Heard) -> None:
        """Puts what was heard of some files into their rows."""
        for name, values in vars(part).items():
            if name != "unusable":
                getattr(self, name)[rows] = values
        self.unusable |= {rows[place]: why for place, why in part.unusable.items()}


def listen(folder: Path, names: Sequence[str], step: Step, workers: int | None = None) -> Heard:
    """What every file holds; a file that cannot be used is no error here."""
    heard = Heard.nothing(len(names))
    jobs = [range(start, min(start + FILES_PER_JOB, len(names))) for start in range(0, len(names), FILES_PER_JOB)]
    if not jobs:
        return heard
    with (
        pool(min(workers or cores(), len(jobs)), "checks audio files") as processes,
        step("checking audio files") as progress,
    ):
        futures = {processes.submit(_listen_job, folder, names[job.start : job.stop]): job for job in jobs}
        done = 0
        for future in as_completed(futures):
            heard.take(futures[future], future.result())
            done += len(futures[future])
            progress(done, len(names))
    return heard


def _listen_job(folder: Path, names: Sequence[str]) -> Heard:
    heard = Heard.nothing(len(names))
    for place, name in enumerate(names):
        try:
            file = audio_files.read(folder / name)
        except Unusable as why:
            heard.unusable[place] = str(why)
            continue
        waveform = file.waveform
        heard.sample_rates[place] = file.sample_rate
        heard.samples[place], heard.channels[place] = waveform.shape
        heard.bits[place] = file.bits or 0
        heard.peaks[place] = np.abs(waveform).max(initial=0)
        heard.finite[place] = np.isfinite(heard.peaks[place])
        heard.digests[place] = np.frombuffer(file.digest, np.uint8)
        heard.prints[place] = prints.taken(prints.mono(waveform), file.sample_rate)
    return heard


def checks(folder: Path, meta: Meta, heard: Heard, expected: AudioFormat | None, track: Track) -> Iterator[Check]:
    """Files that are there and readable, of one format, and not silent; `expected` None: what most files have."""
    faults = tuple(
        _fault("files", meta.names[row], f"{meta.names[row]} {why}.") for row, why in sorted(heard.unusable.items())
    )
    yield Check(name="files", looked_at=len(meta.names), unit="files", faults=faults, notes=_strays(folder, meta))
    yield _format(meta, heard, expected or _usual(heard), track)
    yield _level(meta, heard)


def _fault(check: str, name: str, sentence: str) -> Fault:
    return Fault(check=check, subject=name, sentence=sentence)


def _strays(folder: Path, meta: Meta) -> tuple[str, ...]:
    """Files in audio/ that no list names."""
    try:
        with os.scandir(folder / "audio") as entries:
            present = {f"audio/{entry.name}" for entry in entries if not entry.is_dir()}
    except OSError:
        return ()
    strays = sorted(present - set(meta.names) - meta.others)
    if not strays:
        return ()
    shown = ", ".join(strays[:SHOWN_STRAYS]) + (" …" if len(strays) > SHOWN_STRAYS else "")
    files = "files in audio/ are" if len(strays) > 1 else "file in audio/ is"
    return (f"{len(strays):,} {files} not in {meta.name}: {shown}.",)


def _usual(heard: Heard) -> AudioFormat:
    """The format that most files have."""
    there = heard.usable
    found = Counter(zip(heard.sample_rates[there].tolist(), heard.bits[there].tolist(), strict=True))
    rate, bits = found.most_common(1)[0][0] if found else (0, 0)
    return AudioFormat(sample_rate=rate, bits=bits)


def _format(meta: Meta, heard: Heard, expected: AudioFormat, track: Track) -> Check:
    faults = []
    lengths = np.round(track.clip_seconds * heard.sample_rates).astype(np.int64)
    wrong_length = (heard.samples != lengths) & ((heard.samples == 0) | (track.length == "exact"))
    odd = (heard.sample_rates != expected.sample_rate) | wrong_length
    odd |= (heard.channels != 1) | (heard.bits != expected.bits)
    if track.length == "any":
        odd = wrong_length
    for row in np.flatnonzero(heard.usable & odd).tolist():
        rate, samples, wanted = int(heard.sample_rates[row]), int(heard.samples[row]), int(lengths[row])
        wrong = [
            words
            for words, is_wrong in (
                (f"has {rate:,} Hz instead of {expected.sample_rate:,}", rate != expected.sample_rate),
                (f"has {samples:,} samples instead of {wanted:,}", bool(wrong_length[row])),
                (f"has {heard.channels[row]} channels instead of one", heard.channels[row] != 1),
                (f"has {heard.bits[row]} bits a sample instead of {expected.bits}", heard.bits[row] != expected.bits),
            )
            if is_wrong
        ]
        faults.append(_fault("format", meta.names[row], f"{meta.names[row]} {' and '.join(wrong)}."))
    bits = f", {expected.bits} bit" if expected.bits else ""
    lasting = f"{'' if track.length == 'exact' else 'cut or padded to '}{track.clip_seconds:g} s"
    usual = f"{expected.sample_rate:,} Hz{bits}, mono"
    says = f"{'any format' if track.length == 'any' else usual}, {lasting}"
    return Check(
        name="format",
        looked_at=int(heard.usable.sum()),
        unit="files",
        faults=tuple(faults),
        says=says,
        notes=_cut_or_padded(heard, lengths) if track.length != "exact" else (),
    )


def _cut_or_padded(heard: Heard, lengths: NDArray[np.int64]) -> tuple[str, ...]:
    """How many files are longer or shorter than a clip, where that is no fault."""
    others = heard.usable & (heard.samples != lengths) & (heard.samples > 0)
    if not others.any():
        return ()
    seconds = heard.samples[others] / heard.sample_rates[others]
    longer = int((heard.samples[others] > lengths[others]).sum())
    shorter = int(others.sum()) - longer
    reach = f"{seconds.min():.2f} to {seconds.max():.2f} s"
    return (f"{int(others.sum()):,} files have another length ({reach}): {longer:,} are cut, {shorter:,} padded.",)


def _level(meta: Meta, heard: Heard) -> Check:
    faults = []
    for row in np.flatnonzero(heard.usable & (heard.samples > 0) & (~heard.finite | (heard.peaks == 0))).tolist():
        words = "is silent: all its samples are zero" if heard.finite[row] else "holds values that are not numbers"
        faults.append(_fault("level", meta.names[row], f"{meta.names[row]} {words}."))
    return Check(name="level", looked_at=int(heard.usable.sum()), unit="files", faults=tuple(faults))
