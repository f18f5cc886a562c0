"""The packed waveform store: every clip decoded and resampled once, in one memory-mapped file.

    <folder>/header.json      version, rate, samples a clip, kind, digest of the clip names
    <folder>/waveforms.bin    n x samples, little endian; a sparse file: only clips that were asked for take space
    <folder>/scales.f32       n; a waveform is its steps * scale; 0 where a clip is not packed yet
    <folder>/stamps.i64       n x 2; size and modification time (ns) of the source file
    <folder>/digests.u8       n x 16; BLAKE2b of the source file

Training clips are int16 with a scale of their own: a clip's peak becomes 32,767, so a quiet 24-bit clip keeps its
resolution. Test clips are float32: 16 bits move a logit by up to 0.015 (measured on real clips whose upper bands are
empty), and a score should be what the network says about the recording itself. A store that was interrupted goes on
where it stopped; a source file that has changed since is packed again, any other never twice.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.data.dataset import Dataset, Rows
from harness.files import digest_of_value, disk_mistake, write_json
from harness.lifeline import die_with_parent
from harness.outcomes import Mistake
from harness.validated import Record

Kind = Literal["int16", "float32"]
Progress = Callable[[int, int], None]
Packing = Callable[[], AbstractContextManager[Progress]]
"""Entered when there is something to pack; yields what is told how far it is."""

VERSION = 1
CLIPS_PER_JOB = 128
STEP_TYPES: dict[Kind, str] = {"int16": "<i2", "float32": "<f4"}
STEP_BYTES: dict[Kind, int] = {"int16": 2, "float32": 4}
SHOWN_FAULTS = 5


class Layout(Record):
    """Where a store lies and what shape it has; `samples` is the length of a clip at `sample_rate` Hz."""

    folder: Path
    sample_rate: int
    samples: int
    clips: int
    kind: Kind

    @property
    def files(self) -> dict[str, int]:
        """Names of the store's files, each with its bytes a clip."""
        waveform = self.samples * STEP_BYTES[self.kind]
        return {"waveforms.bin": waveform, "scales.f32": 4, "stamps.i64": 16, "digests.u8": 16}

    def open(self, name: str, kind: str, columns: int) -> NDArray[Any]:
        """One of the store's files as a read-only memory map (clips, columns)."""
        return np.memmap(self.folder / name, dtype=kind, mode="r", shape=(self.clips, columns))

    def waveforms(self) -> NDArray[Any]:
        """(clips, samples) int16 or float32, memory mapped."""
        return self.open("waveforms.bin", STEP_TYPES[self.kind], self.samples)

    def scales(self) -> NDArray[np.float32]:
        """(clips,) float32: what a step is worth; 0 where a clip is not packed."""
        return self.open("scales.f32", "<f4", 1)[:, 0]

    def fingerprint(self, rows: Rows) -> str:
        """A digest of what the source files of `rows` hold, in this order."""
        return hashlib.sha256(self.open("digests.u8", "u1", 16)[rows].tobytes()).hexdigest()


def layout(dataset: Dataset, sample_rate: int, clip_seconds: float, kind: Kind, cache: Path) -> Layout:
    """The place and shape of the store of `dataset`; it need not exist yet."""
    samples = round(clip_seconds * sample_rate)
    names = digest_of_value(dataset.names)
    identity = [VERSION, str(dataset.audio.resolve()), sample_rate, samples, kind, names]
    folder = cache / "stores" / digest_of_value(identity)[:16]
    return Layout(folder=folder, sample_rate=sample_rate, samples=samples, clips=len(dataset.names), kind=kind)


def pack(place: Layout, dataset: Dataset, rows: Rows, packing: Packing, workers: int | None = None) -> None:
    """Sees to it that the store holds the clips of `rows`.

    Raises `Mistake` that counts and names the files which are missing, are no audio or have another length, and when
    the disk is full; what was packed before stays.
    """
    try:
        if holds(place, dataset, rows):
            return
        with _alone(place.folder):
            if not _is_whole(place):
                _create(place)
            missing = _missing(place, dataset, rows)
            if len(missing):
                with packing() as progress:
                    _pack_rows(place, dataset, missing, workers or _cores(), progress)
    except OSError as error:
        raise disk_mistake(error, f"The waveform store {place.folder}") from None


def holds(place: Layout, dataset: Dataset, rows: Rows) -> bool:
    """Whether the store already holds every clip of `rows`; nothing is written."""
    return _is_whole(place) and not len(_missing(place, dataset, rows))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One command packs at a time; another waits and then finds the clips there."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _header(place: Layout) -> dict[str, object]:
    return {"version": VERSION, **place.model_dump(exclude={"folder"})}


def _create(place: Layout) -> None:
    """Empty (sparse) files."""
    for name, size in place.files.items():
        with (place.folder / name).open("wb") as stream:
            stream.truncate(size * place.clips)
    write_json(place.folder / "header.json", _header(place))


def _is_whole(place: Layout) -> bool:
    """Whether every file is there, of this version and of the size it should have."""
    try:
        header = json.loads((place.folder / "header.json").read_text())
        sizes = {name: (place.folder / name).stat().st_size for name in place.files}
    except (OSError, ValueError):
        return False
    return bool(header == _header(place) and sizes == {name: size * place.clips for name, size in place.files.items()})


def _missing(place: Layout, dataset: Dataset, rows: Rows) -> Rows:
    """Those of `rows` that are not packed, or whose file has changed since."""
    packed = place.scales()[rows] > 0
    known = place.open("stamps.i64", "<i8", 2)[rows]
    now = np.array([_stamp(dataset.audio / dataset.names[row]) for row in rows], dtype=np.int64).reshape(-1, 2)
    stale: Rows = rows[~packed | (known != now).any(axis=1)]
    return stale


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return (-1, -1)
    return (status.st_size, status.st_mtime_ns)


def _pack_rows(place: Layout, dataset: Dataset, rows: Rows, workers: int, progress: Progress) -> None:
    faults: list[str] = []
    done = 0
    jobs = [rows[start : start + CLIPS_PER_JOB] for start in range(0, len(rows), CLIPS_PER_JOB)]
    with _pool(min(workers, len(jobs))) as pool:
        futures = [
            pool.submit(_pack_job, place, [int(row) for row in job], [_path(dataset, row) for row in job])
            for job in jobs
        ]
        for future in as_completed(futures):
            packed, found = future.result()
            faults += found
            done += packed
            progress(done, len(rows))
    if faults:
        raise _faulty(faults, len(rows))


def _path(dataset: Dataset, row: int) -> Path:
    return dataset.audio / dataset.names[row]


def _faulty(faults: Sequence[str], total: int) -> Mistake:
    shown = "; ".join(sorted(faults)[:SHOWN_FAULTS])
    more = f"; and {len(faults) - SHOWN_FAULTS} more" if len(faults) > SHOWN_FAULTS else ""
    problem = f"{len(faults)} of {total} clips cannot be used: {shown}{more}."
    return Mistake("data.clips", problem, "Unpack these files again; the clips that are fine are packed and stay so.")


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Processes of one thread each that end with this one, however it ends."""
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=die_with_parent)
    try:
        yield pool
    except BrokenProcessPool:
        problem = "A process that packs waveforms was killed."
        raise Mistake("data.worker", problem, "Free some memory and run again; what is packed stays.") from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _pack_job(place: Layout, rows: list[int], paths: list[Path]) -> tuple[int, list[str]]:
    """Packs clips of one job; (number of clips looked at, sentences about those that cannot be used)."""
    faults: list[str] = []
    by_rate: dict[int, list[tuple[int, NDArray[np.float32], bytes, tuple[int, int]]]] = {}
    for row, path in zip(rows, paths, strict=True):
        stamp = _stamp(path)
        try:
            waveform, rate, digest = _read(path, place.samples / place.sample_rate)
        except ValueError as fault:
            faults.append(f"{path.name} {fault}")
            continue
        by_rate.setdefault(rate, []).append((row, waveform, digest, stamp))
    for rate, clips in by_rate.items():
        waveforms = _resampled(np.stack([clip[1] for clip in clips]), rate, place)
        for (row, _, digest, stamp), waveform in zip(clips, waveforms, strict=True):
            _write(place, row, waveform, digest, stamp)
    return len(rows), faults


def _read(path: Path, seconds: float) -> tuple[NDArray[np.float32], int, bytes]:
    """(waveform in -1…1, rate in Hz, digest of the file); a ValueError goes on from the file's name."""
    import soundfile  # noqa: PLC0415 - only these processes need it

    try:
        content = path.read_bytes()
        waveform, rate = soundfile.read(BytesIO(content), dtype="float32", always_2d=True)
    except FileNotFoundError:
        raise ValueError("does not exist") from None
    except (OSError, RuntimeError) as error:
        raise ValueError(f"cannot be read as audio ({str(error).splitlines()[-1].strip().rstrip('.')})") from None
    expected = round(seconds * rate)
    if waveform.shape[1] != 1:
        raise ValueError(f"has {waveform.shape[1]} channels instead of one")
    if len(waveform) != expected:
        raise ValueError(f"has {len(waveform)} samples instead of {expected}")
    if not np.isfinite(waveform).all():
        raise ValueError("holds values that are not numbers")
    return waveform[:, 0], rate, hashlib.blake2b(content, digest_size=16).digest()


def _resampled(waveforms: NDArray[np.float32], rate: int, place: Layout) -> NDArray[np.float32]:
    """(n, samples) at the store's rate: torchaudio's resampler with its defaults, as in the official baselines."""
    if rate == place.sample_rate:
        return waveforms
    import torch  # noqa: PLC0415 - only these processes need it
    from torchaudio.functional import resample  # noqa: PLC0415

    torch.set_num_threads(1)
    resampled: NDArray[np.float32] = resample(torch.from_numpy(waveforms), rate, place.sample_rate).numpy()
    return resampled[:, : place.samples]


def _write(place: Layout, row: int, waveform: NDArray[np.float32], digest: bytes, stamp: tuple[int, int]) -> None:
    """The scale is taken away first and given last: a clip that has one is whole."""
    scale = np.float32(1)
    if place.kind == "int16":
        scale = np.float32(max(float(np.abs(waveform).max()), 1e-12) / 32767)
        waveform = np.rint(waveform / scale).clip(-32767, 32767)
    steps = waveform.astype(STEP_TYPES[place.kind])
    content = (
        ("scales.f32", np.zeros(1, dtype="<f4").tobytes()),
        ("waveforms.bin", steps.tobytes()),
        ("digests.u8", digest),
        ("stamps.i64", np.array(stamp, dtype="<i8").tobytes()),
        ("scales.f32", np.array(scale, dtype="<f4").tobytes()),
    )
    for name, values in content:
        _put(place.folder / name, row * place.files[name], values)


def _put(path: Path, offset: int, content: bytes) -> None:
    """Writes through the file, not through a map: a full disk is then an error and not a signal."""
    with path.open("r+b", buffering=0) as stream:
        written = 0
        while written < len(content):  # a disk that is nearly full takes a part
            written += os.pwrite(stream.fileno(), content[written:], offset + written)
