"""Fills a waveform store: decodes, resamples and writes clips in parallel; what is packed is never packed twice.

A store that was interrupted goes on where it stopped, and a source file that has changed since is packed again. A clip
counts as packed by its scale, which is taken away first and given last, after its samples have reached the disk.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import as_completed
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.data import audio_files
from harness.data.audio_files import Unusable
from harness.data.dataset import Dataset, Rows
from harness.data.store import (
    DIGESTS,
    FACT_BYTES,
    HEADER,
    SCALES,
    STAMPS,
    STEP_TYPES,
    Layout,
    holds,
    is_whole,
    missing,
    stamp,
)
from harness.data.workers import cores, pool
from harness.files import disk_mistake, write_json
from harness.outcomes import Mistake

Progress = Callable[[int, int], None]
Packing = Callable[[], AbstractContextManager[Progress]]
"""Entered when there is something to pack; yields what is told how far it is."""

CLIPS_PER_JOB = 128
SHOWN_FAULTS = 5


def pack(place: Layout, dataset: Dataset, rows: Rows, packing: Packing, workers: int | None = None) -> None:
    """Sees to it that the store holds the clips of `rows`.

    Raises `Mistake` that counts and names the files which are missing, are no audio or have another length, and when
    the disk is full; what was packed before stays.
    """
    try:
        if holds(place, dataset, rows):
            return
        with _alone(place.folder):
            if not is_whole(place):
                _create(place)
            stale = missing(place, dataset, rows)
            if len(stale):
                with packing() as progress:
                    _pack_rows(place, dataset, stale, workers or cores(), progress)
    except OSError as error:
        raise disk_mistake(error, f"The waveform store {place.folder}") from None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One command packs at a time; another waits and then finds the clips there."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _create(place: Layout) -> None:
    """Empty (sparse) files; the header last, so that a store that was not made whole is known for one."""
    (place.folder / HEADER).unlink(missing_ok=True)
    for name, size in place.files.items():
        with (place.folder / name).open("wb") as stream:
            stream.truncate(size)
    write_json(place.folder / HEADER, place.header)


def _pack_rows(place: Layout, dataset: Dataset, rows: Rows, workers: int, progress: Progress) -> None:
    faults: list[str] = []
    done = 0
    jobs = [rows[start : start + CLIPS_PER_JOB].tolist() for start in range(0, len(rows), CLIPS_PER_JOB)]
    with pool(min(workers, len(jobs)), "packs waveforms") as processes:
        futures = [
            processes.submit(_pack_job, place, dataset.audio, job, [dataset.names[row] for row in job]) for job in jobs
        ]
        for future in as_completed(futures):
            packed, found = future.result()
            faults += found
            done += packed
            progress(done, len(rows))
    if faults:
        raise _faulty(faults, len(rows))


def _faulty(faults: Sequence[str], total: int) -> Mistake:
    shown = "; ".join(sorted(faults)[:SHOWN_FAULTS])
    more = f"; and {len(faults) - SHOWN_FAULTS:,} more" if len(faults) > SHOWN_FAULTS else ""
    problem = f"{len(faults):,} of {total:,} clips cannot be used: {shown}{more}."
    remedy = "Unpack these files again (data verify lists them all); the clips that are fine are packed and stay so."
    return Mistake("data.clips", problem, remedy)


@dataclass(frozen=True)
class _Clip:
    """One decoded clip on its way into row `row`."""

    row: int
    waveform: NDArray[np.float32]
    sample_rate: int
    digest: bytes
    stamp: tuple[int, int]


def _pack_job(place: Layout, folder: Path, rows: Sequence[int], names: Sequence[str]) -> tuple[int, list[str]]:
    """Packs clips of one job; (number of clips looked at, sentences about those that cannot be used)."""
    faults: list[str] = []
    by_rate: dict[int, list[_Clip]] = {}
    for row, name in zip(rows, names, strict=True):
        try:
            clip = _read(row, folder / name, place)
        except Unusable as fault:
            faults.append(f"{name.removeprefix('audio/')} {fault}")
            continue
        by_rate.setdefault(clip.sample_rate, []).append(clip)
    with _opened(place) as files:
        for clips in by_rate.values():
            _write(place, files, clips)
    return len(rows), faults


def _read(row: int, path: Path, place: Layout) -> _Clip:
    """The clip in `path`, stamped before it is read: a file that changes meanwhile is packed again."""
    before = stamp(str(path))
    file = audio_files.read(path)
    waveform = audio_files.mono(file, place.clip_seconds, place.length)
    return _Clip(row, waveform, file.sample_rate, file.digest, before)


def _resampled(clips: Sequence[_Clip], place: Layout) -> NDArray[np.float32]:
    """(n, samples) at the store's rate: torchaudio's resampler with its defaults, as in the official baselines."""
    waveforms = np.stack([clip.waveform for clip in clips])
    rate = clips[0].sample_rate
    if rate == place.sample_rate:
        return waveforms
    import torch  # noqa: PLC0415 - only these processes need it
    from torchaudio.functional import resample  # noqa: PLC0415

    torch.set_num_threads(1)
    resampled: NDArray[np.float32] = resample(torch.from_numpy(waveforms), rate, place.sample_rate).numpy()
    missing = max(0, place.samples - resampled.shape[1])
    return np.pad(resampled[:, : place.samples], ((0, 0), (0, missing)))


@dataclass(frozen=True)
class _File:
    """An open file of the store."""

    name: str
    handle: int


@contextmanager
def _opened(place: Layout) -> Iterator[dict[str, _File]]:
    """The store's files by name, open for writing."""
    files: dict[str, _File] = {}
    try:
        for name in place.files:
            files[name] = _File(name, os.open(place.folder / name, os.O_WRONLY))
        yield files
    finally:
        for file in files.values():
            os.close(file.handle)


def _write(place: Layout, files: dict[str, _File], clips: Sequence[_Clip]) -> None:
    """Clips of one rate: their scales away, all else down to the disk, their scales there again."""
    steps, scales = _steps(_resampled(clips, place), place)
    for clip in clips:
        _put_fact(files, SCALES, clip.row, bytes(FACT_BYTES[SCALES]))
    _settle([files[SCALES]])
    written: dict[str, _File] = {}
    shards = place.shards
    for clip, values in zip(clips, steps, strict=True):
        shard = shards[clip.row // place.clips_per_shard]
        written[shard.name] = files[shard.name]
        _put(files[shard.name], (clip.row - shard.start) * place.clip_bytes, values.tobytes())
        _put_fact(files, DIGESTS, clip.row, clip.digest)
        _put_fact(files, STAMPS, clip.row, np.array(clip.stamp, dtype="<i8").tobytes())
    _settle([*written.values(), files[DIGESTS], files[STAMPS]])
    for clip, scale in zip(clips, scales, strict=True):
        _put_fact(files, SCALES, clip.row, scale.tobytes())


def _steps(waveforms: NDArray[np.float32], place: Layout) -> tuple[NDArray[np.generic], NDArray[np.float32]]:
    """Steps (n, samples) of the store's type, and what a step of each clip is worth."""
    if place.kind == "float32":
        return waveforms.astype(STEP_TYPES[place.kind], copy=False), np.ones(len(waveforms), dtype="<f4")
    peaks = np.maximum(np.abs(waveforms).max(axis=1).astype(np.float64), 1e-12)
    scales = (peaks / 32767).astype("<f4")
    steps = np.rint(waveforms / scales[:, None]).clip(-32767, 32767)
    return steps.astype(STEP_TYPES[place.kind]), scales


def _settle(files: Iterable[_File]) -> None:
    for file in files:
        os.fdatasync(file.handle)


def _put_fact(files: dict[str, _File], name: str, row: int, content: bytes) -> None:
    _put(files[name], row * FACT_BYTES[name], content)


def _put(file: _File, offset: int, content: bytes) -> None:
    """Writes through the file, not through a map: a full disk is then an error and not a signal."""
    written = 0
    while written < len(content):  # a disk that is nearly full takes a part
        written += os.pwrite(file.handle, content[written:], offset + written)
