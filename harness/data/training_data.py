"""The clips of a training split as an entry sees them, read from the packed store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from queue import Queue
from threading import Event, Thread
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.contract import Batch, TrainingData
from harness.data.dataset import Labels
from harness.data.gathering import Gatherer, dequantised
from harness.data.sharing import share_of
from harness.outcomes import Mistake

if TYPE_CHECKING:
    from pathlib import Path

RESIDENT_SHARE = 0.5
"""Share of the accelerator's free memory that a training set may take."""

PREFETCHED_BATCHES = 4
CLIPS_MOVED_AT_ONCE = 4096


@dataclass(frozen=True)
class ClipList:
    """What is known of the clips of one list, in the order of the list; `rows` are their rows in the store."""

    names: NDArray[np.str_]
    labels: Labels
    devices: NDArray[np.str_]
    segments: NDArray[np.str_]
    locations: NDArray[np.str_]
    rows: NDArray[np.int64]

    @classmethod
    def load(cls, path: Path) -> ClipList:
        """Reads what the parent process wrote with `numpy.savez`."""
        with np.load(path) as arrays:
            return cls(**{name: arrays[name] for name in cls.__dataclass_fields__})

    @classmethod
    def empty(cls) -> ClipList:
        """No clip: what a track without a training list has."""
        words, numbers = np.array([], dtype=np.str_), np.array([], dtype=np.int64)
        return cls(words, numbers, words, words, words, numbers)

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> ClipList:
        """The clips where `chosen` is True, or at these rows."""
        return ClipList(**{name: getattr(self, name)[chosen] for name in self.__dataclass_fields__})


class StoredData:
    """`TrainingData` over a memory-mapped store of int16 steps: see `harness.contract.TrainingData`."""

    def __init__(
        self,
        clips: ClipList,
        store: Gatherer,
        sample_rate: int,
        device: torch.device,
        validation: TrainingData | None = None,
    ) -> None:
        self.sample_rate = sample_rate
        self.validation = validation
        self.names = tuple(clips.names.tolist())
        self.labels = torch.from_numpy(clips.labels)
        self.devices = tuple(clips.devices.tolist())
        self.segments = tuple(clips.segments.tolist())
        self.locations = tuple(clips.locations.tolist())
        self._clips = clips
        self._rows = torch.from_numpy(clips.rows)
        self._store = store
        self._device = device
        self._resident: tuple[Tensor, Tensor] | None = None

    def __len__(self) -> int:
        return len(self._clips.rows)

    def batches(
        self,
        batch_size: int,
        generator: torch.Generator | None = None,
        *,
        drop_last: bool = False,
        weights: Tensor | None = None,
        rank: int = 0,
        processes: int = 1,
    ) -> Iterator[Batch]:
        """One epoch; the order depends on the generator only, not on where the clips are kept."""
        if not len(self):
            problem = "This track names no training list, and the system wants to train."
            raise Mistake("data.no_training", problem, "Give the system a checkpoint, or the track a split.")
        count = len(self)
        if weights is not None:
            order = torch.multinomial(weights, count, replacement=True, generator=generator)
        else:
            order = torch.randperm(count, generator=generator) if generator else torch.arange(count)
        stops = [*range(0, count, batch_size), count]
        parts = [order[start:stop] for start, stop in pairwise(stops)]
        if drop_last and len(parts) > 1 and len(parts[-1]) < batch_size:
            parts.pop()
        if processes == 1:
            return self._epoch(parts)
        shares = [share_of(part, rank, processes) for part in parts]
        batches = zip(self._epoch([rows for rows, _ in shares]), shares, strict=True)
        return (replace(batch, weight=weight) for batch, (_, weight) in batches)

    def holdout(self, fraction: float, seed: int = 0) -> tuple[StoredData, StoredData]:
        """(rest, held out): whole locations, about `fraction` of those of each class and at least one.

        Clips with several labels have no class of their own: it is `fraction` of all locations then.
        """
        if not 0 < fraction < 1:
            raise ValueError(f"fraction is {fraction}; it lies between 0 and 1")
        generator = np.random.default_rng(seed)
        held: set[str] = set()
        for locations in self._locations_by_class():
            wanted = min(max(1, round(fraction * len(locations))), max(1, len(locations) - 1))
            held.update(generator.permutation(locations)[:wanted].tolist())
        mask = np.isin(self._clips.locations, sorted(held))
        return self._part(~mask), self._part(mask)

    def take(self, rows: Sequence[int]) -> StoredData:
        """The clips at `rows`, in that order."""
        return self._part(np.asarray(rows, dtype=np.int64))

    def _part(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> StoredData:
        clips = self._clips.take(chosen)
        return StoredData(clips, self._store, self.sample_rate, self._device, self.validation)

    def _locations_by_class(self) -> Iterator[NDArray[np.str_]]:
        """The locations of the clips of each class; all together where clips have several labels."""
        labels, locations = self._clips.labels, self._clips.locations
        if labels.ndim == 2:
            yield np.unique(locations)
            return
        for label in np.unique(labels):
            yield np.unique(locations[labels == label])

    def _labels(self, part: Tensor) -> Tensor:
        """(batch,) int64, or (batch, classes) float32 of 0 and 1."""
        found = self.labels[part]
        return found.float() if found.dim() == 2 else found

    def _epoch(self, parts: list[Tensor]) -> Iterator[Batch]:
        if self._device.type == "cpu" and self._store.mapped:
            return (Batch(self._store.floats(self._rows[part]), self._labels(part), part) for part in parts)
        if self._device.type == "cpu":
            return self._prefetched(parts)
        if self._resident is None and self._fits():
            self._resident = self._moved()
        return self._prefetched(parts) if self._resident is None else self._from(self._resident, parts)

    def _from(self, resident: tuple[Tensor, Tensor], parts: list[Tensor]) -> Iterator[Batch]:
        """Batches of clips that lie on the device."""
        steps, scales = resident
        for part in parts:
            there = part.to(self._device)
            yield self._batch(steps[there], scales[there], part)

    def _moved(self) -> tuple[Tensor, Tensor]:
        """The whole set on the accelerator, copied piece by piece so that it is never twice in host memory."""
        steps = torch.empty(len(self), self._store.samples, dtype=torch.int16, device=self._device)
        for start in range(0, len(self), CLIPS_MOVED_AT_ONCE):
            rows = self._rows[start : start + CLIPS_MOVED_AT_ONCE]
            steps[start : start + len(rows)] = self._store.steps(rows).to(self._device)
        return steps, self._store.scales(self._rows).to(self._device)

    def _fits(self) -> bool:
        needed = len(self) * self._store.samples * 2
        free, _ = torch.cuda.mem_get_info(self._device)
        return bool(needed < RESIDENT_SHARE * free)

    def _fetched(self, part: Tensor) -> Batch:
        """A batch read from the store and moved to the device while the one before it is used."""
        rows = self._rows[part]
        steps, scales = self._store.steps(rows), self._store.scales(rows)
        if self._device.type == "cuda":
            steps = steps.pin_memory()
        return self._batch(steps.to(self._device, non_blocking=True), scales.to(self._device), part)

    def _batch(self, steps: Tensor, scales: Tensor, part: Tensor) -> Batch:
        return Batch(dequantised(steps, scales), self._labels(part).to(self._device), part)

    def _prefetched(self, parts: list[Tensor]) -> Iterator[Batch]:
        """Batches that a thread reads ahead of the one that is used."""
        queue: Queue[Batch | Exception | None] = Queue(PREFETCHED_BATCHES)
        stopped = Event()

        def read() -> None:
            try:
                for part in parts:
                    if stopped.is_set():
                        return
                    queue.put(self._fetched(part))
                queue.put(None)
            except Exception as error:  # noqa: BLE001 - carried to the thread that trains, and raised there
                queue.put(error)

        reader = Thread(target=read, daemon=True)
        reader.start()
        try:
            while (item := queue.get()) is not None:
                if isinstance(item, Exception):
                    raise item
                yield item
        finally:
            stopped.set()
            while reader.is_alive():  # it may wait for room to leave a last batch in
                while not queue.empty():
                    queue.get_nowait()
                reader.join(0.01)
