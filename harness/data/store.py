"""The packed waveform store: every clip decoded and resampled once, in files that are mapped into memory.

    <folder>/header.json          version, rate, samples a clip, clips, clips a shard, kind
    <folder>/waveforms-000.bin …  n x samples, little endian, in shards of at most 2 GiB; sparse files: only clips that
                                  were asked for take space
    <folder>/scales.f32           n; a waveform is its steps * scale; 0 where a clip is not packed yet
    <folder>/stamps.i64           n x 2; size and modification time (ns) of the source file
    <folder>/digests.u8           n x 16; BLAKE2b of the source file

Training clips are int16 with a scale of their own: a clip's peak becomes 32,767, so a quiet 24-bit clip keeps its
resolution. Test clips are float32: 16 bits move a logit by up to 0.015 (measured on real clips whose upper bands are
empty), and a score should be what the network says about the recording itself. Shards are mapped, never read whole: a
set that is larger than memory trains, at the speed of the disk. How clips get in: see `packing`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.data.audio_files import DIGEST_BYTES
from harness.data.dataset import Dataset, Rows
from harness.files import digest_of_value
from harness.outcomes import Mistake
from harness.tracks import Length
from harness.validated import Record

Kind = Literal["int16", "float32"]

VERSION = 2
SHARD_BYTES = 2 << 30
STEP_TYPES: dict[Kind, str] = {"int16": "<i2", "float32": "<f4"}
STEP_BYTES: dict[Kind, int] = {"int16": 2, "float32": 4}
SCALES, STAMPS, DIGESTS, HEADER = "scales.f32", "stamps.i64", "digests.u8", "header.json"
FACT_BYTES = {SCALES: 4, STAMPS: 16, DIGESTS: DIGEST_BYTES}


@dataclass(frozen=True)
class Shard:
    """One file of waveforms: the clips from row `start` up to `stop`."""

    name: str
    start: int
    stop: int


class Waveforms:
    """The waveforms of a store by row: (clips, samples), from one memory map a shard.

    Mapped memory counts as the process's own while it is used. A store of several shards is larger than that is good
    for: with the `files` of its shards, `read` takes each clip with one call, and the system does the caching.
    """

    def __init__(self, shards: list[NDArray[Any]], files: Sequence[Path] = ()) -> None:
        self.shards = shards
        self.files = files
        self.clips_per_shard = max(1, len(shards[0])) if shards else 1

    @property
    def mapped(self) -> bool:
        """Whether clips are best taken from the map."""
        return len(self.files) <= 1

    def read(self, rows: Sequence[int]) -> NDArray[Any]:
        """(clips, samples) of some rows, read from the files; raises OSError where one is shorter than its map."""
        found = np.empty((len(rows), self.samples), dtype=self.shards[0].dtype)
        for values, row in zip(found, rows, strict=True):
            number, place = divmod(row, self.clips_per_shard)
            with self.files[number].open("rb", buffering=0) as file:
                if os.preadv(file.fileno(), [values.data], place * values.nbytes) != values.nbytes:
                    raise OSError(f"{self.files[number]} is shorter than it was")
        return found

    def __getitem__(self, row: int) -> NDArray[Any]:
        """(samples,) of one clip."""
        steps: NDArray[Any] = self.shards[row // self.clips_per_shard][row % self.clips_per_shard]
        return steps

    def __len__(self) -> int:
        return sum(map(len, self.shards))

    @property
    def samples(self) -> int:
        """Samples a clip."""
        return self.shards[0].shape[1] if self.shards else 0


class Layout(Record):
    """Where a store lies and what shape it has; a clip has `samples` in `clip_seconds`, which `length` gives it."""

    folder: Path
    sample_rate: int
    clip_seconds: float
    samples: int
    clips: int
    clips_per_shard: int
    kind: Kind
    length: Length = "exact"

    @property
    def clip_bytes(self) -> int:
        """Bytes of a packed waveform."""
        return self.samples * STEP_BYTES[self.kind]

    @property
    def shards(self) -> list[Shard]:
        """The files of waveforms, in the order of their rows."""
        stops = [*range(0, self.clips, self.clips_per_shard), self.clips]
        return [Shard(f"waveforms-{number:03d}.bin", *ends) for number, ends in enumerate(pairwise(stops))]

    @property
    def files(self) -> dict[str, int]:
        """Names of the store's files, each with the bytes it has."""
        waveforms = {shard.name: (shard.stop - shard.start) * self.clip_bytes for shard in self.shards}
        return waveforms | {name: size * self.clips for name, size in FACT_BYTES.items()}

    @property
    def header(self) -> dict[str, object]:
        """What header.json says of a store of this version and shape; `length` only where it is not "exact"."""
        return {"version": VERSION, **self.model_dump(exclude={"folder"}, exclude_defaults=True)}

    def waveforms(self) -> Waveforms:
        """(clips, samples) int16 or float32, memory mapped."""
        kind = STEP_TYPES[self.kind]
        maps = [self._map(shard.name, kind, (shard.stop - shard.start, self.samples)) for shard in self.shards]
        return Waveforms(maps, [self.folder / shard.name for shard in self.shards])

    def scales(self) -> NDArray[np.float32]:
        """(clips,) float32: what a step is worth; 0 where a clip is not packed."""
        return self._map(SCALES, "<f4", (self.clips,))

    def stamps(self) -> NDArray[np.int64]:
        """(clips, 2) size and modification time of the source files."""
        return self._map(STAMPS, "<i8", (self.clips, 2))

    def digests(self) -> NDArray[np.uint8]:
        """(clips, 16) digests of the source files."""
        return self._map(DIGESTS, "u1", (self.clips, DIGEST_BYTES))

    def _map(self, name: str, kind: str, shape: tuple[int, ...]) -> NDArray[Any]:
        return np.memmap(self.folder / name, dtype=kind, mode="r", shape=shape)

    def fingerprint(self, rows: Rows) -> str:
        """A digest of what the source files of `rows` hold, in this order."""
        return fingerprint(self.digests()[rows])


def fingerprint(digests: NDArray[np.uint8]) -> str:
    """SHA-256 of the digests (clips, 16) of files, in this order."""
    return hashlib.sha256(np.ascontiguousarray(digests).tobytes()).hexdigest()


def data_digest(*fingerprints: str) -> str:
    """What a result keeps of the audio it was computed on: one digest of the training and the test clips' own."""
    return digest_of_value(list(fingerprints))


def layout(
    dataset: Dataset,
    test: Rows,
    sample_rate: int,
    clip_seconds: float,
    kind: Kind,
    cache: Path,
    shard_bytes: int = SHARD_BYTES,
) -> Layout:
    """The place and shape of the store of `dataset` for what is tested on the rows `test`; it need not exist yet.

    Another test list is another store: what trains on one never has a test clip in a file that it maps, be it of
    another fold's training.
    """
    samples = round(clip_seconds * sample_rate)
    names = digest_of_value([dataset.names, test.tolist()])
    how = [] if dataset.length == "exact" else [dataset.length]
    identity = [str(dataset.audio.resolve()), sample_rate, samples, kind, names, *how]
    return Layout(
        folder=cache / "stores" / digest_of_value(identity)[:16],
        sample_rate=sample_rate,
        clip_seconds=clip_seconds,
        samples=samples,
        clips=len(dataset.names),
        clips_per_shard=max(1, shard_bytes // (samples * STEP_BYTES[kind])),
        kind=kind,
        length=dataset.length,
    )


def is_whole(place: Layout) -> bool:
    """Whether every file is there and of the size it should have; nothing is said of the clips in it.

    Raises `Mistake` for a store that another version of this project has packed.
    """
    try:
        header = json.loads((place.folder / HEADER).read_text())
        sizes = {name: (place.folder / name).stat().st_size for name in place.files}
    except (OSError, ValueError):
        return False
    version = header.get("version") if isinstance(header, dict) else None
    if version not in {VERSION, None}:
        other = f"another version of this project ({version}, not {VERSION})"
        problem = f"The waveform store {place.folder} was packed by {other}."
        raise Mistake("data.version", problem, "Remove that folder, or give another one with --cache.")
    return bool(header == place.header and sizes == place.files)


def holds(place: Layout, dataset: Dataset, rows: Rows) -> bool:
    """Whether the store already holds every clip of `rows`; nothing is written."""
    return is_whole(place) and not len(missing(place, dataset, rows))


def missing(place: Layout, dataset: Dataset, rows: Rows) -> Rows:
    """Those of `rows` that are not packed, or whose file has changed since."""
    packed = place.scales()[rows] > 0
    folder = str(dataset.audio)
    now = np.array([stamp(f"{folder}/{dataset.names[row]}") for row in rows.tolist()], dtype=np.int64).reshape(-1, 2)
    stale: Rows = rows[~packed | (place.stamps()[rows] != now).any(axis=1)]
    return stale


def stamp(path: str) -> tuple[int, int]:
    """Size and modification time (ns) of a file; -1 twice where there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - a quarter of a million files: a Path for each costs more than the call
    except (OSError, ValueError):
        return (-1, -1)
    return (status.st_size, status.st_mtime_ns)
