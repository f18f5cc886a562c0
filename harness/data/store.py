"""The packed waveform store: every clip decoded and resampled once, as int16 with a scale of its own.

    <folder>/header.json     version, rate, samples a clip, digest of the clip names
    <folder>/waveforms.i16   n x samples, little endian; a sparse file: only clips that were asked for take space
    <folder>/scales.f32      n; a waveform is int16 * scale; 0 where a clip is not packed yet
    <folder>/stamps.i64      n x 2; size and modification time (ns) of the source file
    <folder>/digests.u8      n x 16; BLAKE2b of the source file

A clip's own peak becomes 32,767, so a quiet 24-bit clip keeps its resolution. A store that was interrupted goes on where
it stopped; a source file that has changed since is packed again, any other never twice.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.data.dataset import Dataset, Rows
from harness.files import digest_of_value, disk_mistake, write_json
from harness.lifeline import die_with_parent
from harness.outcomes import Mistake

VERSION = 1
CLIPS_PER_JOB = 128
SHOWN_FAULTS = 5

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Layout:
    """Where a store lies and what shape it has; `samples` is the length of a clip at `sample_rate` Hz."""

    folder: Path
    sample_rate: int
    samples: int
    clips: int

    def open(self, name: str, kind: str, columns: int, mode: Any = "r") -> NDArray[Any]:  # noqa: ANN401 - numpy's modes
        """One of the store's files as a memory map (clips, columns)."""
        return np.memmap(self.folder / name, dtype=kind, mode=mode, shape=(self.clips, columns))

    def waveforms(self) -> NDArray[np.int16]:
        """(clips, samples) int16, memory mapped."""
        return self.open("waveforms.i16", "<i2", self.samples)

    def scales(self) -> NDArray[np.float32]:
        """(clips,) float32: what an int16 step is worth; 0 where a clip is not packed."""
        return self.open("scales.f32", "<f4", 1)[:, 0]

    def fingerprint(self, rows: Rows) -> str:
        """A digest of what the source files of `rows` hold, in this order."""
        return hashlib.sha256(self.open("digests.u8", "u1", 16)[rows].tobytes()).hexdigest()


FILES = {"waveforms.i16": 2, "scales.f32": 4, "stamps.i64": 16, "digests.u8": 16}
"""Bytes a clip in each file (a sample, for the waveforms)."""


def pack(
    dataset: Dataset,
    rows: Rows,
    sample_rate: int,
    clip_seconds: float,
    cache: Path,
    packing: Callable[[], AbstractContextManager[Progress]],
    workers: int | None = None,
) -> Layout:
    """The store of `dataset` at `sample_rate` with at least the clips of `rows` in it.

    `packing` is entered when there is something to pack, and yields what is told how far it is.

    Raises `Mistake` that counts and names the files which are missing, are no audio or have another length, and when the
    disk is full; what was packed before stays.
    """
    samples = round(clip_seconds * sample_rate)
    layout = _layout(dataset, sample_rate, samples, cache)
    try:
        _create(layout, dataset)
        missing = _missing(layout, dataset, rows)
        if len(missing):
            with packing() as progress:
                _pack_rows(layout, dataset, missing, clip_seconds, workers or _cores(), progress)
    except OSError as error:
        raise disk_mistake(error, f"The waveform store {layout.folder}") from None
    return layout


def packed(dataset: Dataset, rows: Rows, sample_rate: int, clip_seconds: float, cache: Path) -> Layout | None:
    """The store, if it already holds every clip of `rows`; nothing is written."""
    layout = _layout(dataset, sample_rate, round(clip_seconds * sample_rate), cache)
    return layout if _is_whole(layout) and not len(_missing(layout, dataset, rows)) else None


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _layout(dataset: Dataset, sample_rate: int, samples: int, cache: Path) -> Layout:
    identity = [VERSION, str(dataset.audio.resolve()), sample_rate, samples, digest_of_value(dataset.names)]
    return Layout(cache / "stores" / digest_of_value(identity)[:16], sample_rate, samples, len(dataset.names))


def _create(layout: Layout, dataset: Dataset) -> None:
    """Empty (sparse) files where there are none, or where they do not have the size they should."""
    if _is_whole(layout):
        return
    layout.folder.mkdir(parents=True, exist_ok=True)
    for name, size in FILES.items():
        with (layout.folder / name).open("wb") as stream:
            stream.truncate(size * layout.clips * (layout.samples if name == "waveforms.i16" else 1))
    header = {
        "version": VERSION,
        "sample_rate": layout.sample_rate,
        "samples": layout.samples,
        "clips": layout.clips,
        "names": digest_of_value(dataset.names),
    }
    write_json(layout.folder / "header.json", header)


def _is_whole(layout: Layout) -> bool:
    try:
        header = json.loads((layout.folder / "header.json").read_text())
        sizes = {name: (layout.folder / name).stat().st_size for name in FILES}
    except (OSError, ValueError):
        return False
    expected = {name: size * layout.clips for name, size in FILES.items()}
    expected["waveforms.i16"] *= layout.samples
    return header.get("version") == VERSION and sizes == expected


def _missing(layout: Layout, dataset: Dataset, rows: Rows) -> Rows:
    """Those of `rows` that are not packed, or whose file has changed since."""
    packed = layout.scales()[rows] > 0
    known = layout.open("stamps.i64", "<i8", 2)[rows]
    now = np.array([_stamp(dataset.audio / dataset.names[row]) for row in rows], dtype=np.int64).reshape(
        -1, 2
    )
    return rows[~packed | (known != now).any(axis=1)]


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return (-1, -1)
    return (status.st_size, status.st_mtime_ns)


def _pack_rows(
    layout: Layout, dataset: Dataset, rows: Rows, seconds: float, workers: int, progress: Progress
) -> None:
    faults: list[str] = []
    done = 0
    jobs = [rows[start : start + CLIPS_PER_JOB] for start in range(0, len(rows), CLIPS_PER_JOB)]
    with _pool(min(workers, len(jobs))) as pool:
        futures = [
            pool.submit(
                _pack_job, layout, [int(row) for row in job], [_path(dataset, row) for row in job], seconds
            )
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
    return Mistake(
        "data.clips", problem, "Unpack these files again; the clips that are fine are packed and stay so."
    )


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that import torch once each, one thread each, and end with this one, however it ends."""
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin_worker)
    try:
        yield pool
    except BrokenProcessPool:
        problem = "A process that packs waveforms was killed."
        raise Mistake(
            "data.worker", problem, "Free some memory and run again; what is packed stays."
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin_worker() -> None:
    die_with_parent()
    import torch  # noqa: PLC0415 - only these processes need it

    torch.set_num_threads(1)


def _pack_job(layout: Layout, rows: list[int], paths: list[Path], seconds: float) -> tuple[int, list[str]]:
    """Packs clips of one job; (number of clips looked at, sentences about those that cannot be used)."""
    faults: list[str] = []
    by_rate: dict[int, list[tuple[int, NDArray[np.float32], bytes, tuple[int, int]]]] = {}
    for row, path in zip(rows, paths, strict=True):
        stamp = _stamp(path)
        try:
            waveform, rate, digest = _read(path, seconds)
        except ValueError as fault:
            faults.append(f"{path.name} {fault}")
            continue
        by_rate.setdefault(rate, []).append((row, waveform, digest, stamp))
    for rate, clips in by_rate.items():
        waveforms = _resampled(np.stack([clip[1] for clip in clips]), rate, layout)
        for (row, _, digest, stamp), waveform in zip(clips, waveforms, strict=True):
            _write(layout, row, waveform, digest, stamp)
    return len(rows), faults


def _read(path: Path, seconds: float) -> tuple[NDArray[np.float32], int, bytes]:
    """(waveform in -1…1, rate in Hz, digest of the file); ValueError ends the sentence that begins with the file's name."""
    import soundfile  # noqa: PLC0415 - only these processes need it

    try:
        content = path.read_bytes()
        waveform, rate = soundfile.read(BytesIO(content), dtype="float32", always_2d=True)
    except FileNotFoundError:
        raise ValueError("does not exist") from None
    except (OSError, RuntimeError) as error:
        raise ValueError(
            f"cannot be read as audio ({str(error).splitlines()[-1].strip().rstrip('.')})"
        ) from None
    expected = round(seconds * rate)
    if waveform.shape[1] != 1:
        raise ValueError(f"has {waveform.shape[1]} channels instead of one")
    if len(waveform) != expected:
        raise ValueError(f"has {len(waveform)} samples instead of {expected}")
    if not np.isfinite(waveform).all():
        raise ValueError("holds values that are not numbers")
    return waveform[:, 0], rate, hashlib.blake2b(content, digest_size=16).digest()


def _resampled(waveforms: NDArray[np.float32], rate: int, layout: Layout) -> NDArray[np.float32]:
    """(n, samples) at the store's rate: torchaudio's resampler with its defaults, as in the official baselines."""
    if rate == layout.sample_rate:
        return waveforms
    import torch  # noqa: PLC0415 - only these processes need it
    from torchaudio.functional import resample  # noqa: PLC0415

    resampled: NDArray[np.float32] = resample(torch.from_numpy(waveforms), rate, layout.sample_rate).numpy()
    return resampled[:, : layout.samples]


def _write(
    layout: Layout, row: int, waveform: NDArray[np.float32], digest: bytes, stamp: tuple[int, int]
) -> None:
    """Waveform first and scale last: a clip whose scale is there is whole."""
    scale = np.float32(max(float(np.abs(waveform).max()), 1e-12) / 32767)
    steps = np.rint(waveform / scale).clip(-32767, 32767).astype("<i2")
    _put(layout.folder / "waveforms.i16", row * layout.samples * 2, steps.tobytes())
    _put(layout.folder / "digests.u8", row * 16, digest)
    _put(layout.folder / "stamps.i64", row * 16, np.array(stamp, dtype="<i8").tobytes())
    _put(layout.folder / "scales.f32", row * 4, np.array(scale, dtype="<f4").tobytes())


def _put(path: Path, offset: int, content: bytes) -> None:
    """Writes through the file, not through a map: a full disk is then an error and not a signal."""
    with path.open("r+b", buffering=0) as stream:
        os.pwrite(stream.fileno(), content, offset)
