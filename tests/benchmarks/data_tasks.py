"""One task on data, in a process of its own so that its memory can be told: prints its figures as JSON.

python -m tests.benchmarks.data_tasks verify|lists|pack|open|epoch|raw FOLDER CACHE
"""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from harness import tracks
from harness.data import packing, store, tau, verification
from harness.data.dataset import Dataset

RATE = 32_000
BATCH = 256


@contextlib.contextmanager
def _watched(seen: list[tuple[float, int]]) -> Iterator[Callable[[int, int], None]]:
    """Notes when how many clips were done: the first note tells the start of the processes from the work."""
    yield lambda done, _total: seen.append((time.perf_counter(), done))


def _steady(seen: list[tuple[float, int]]) -> float:
    """Clips a second between the first and the last note."""
    (first, before), (last, after) = seen[0], seen[-1]
    return (after - before) / (last - first)


def _dataset(folder: Path) -> Dataset:
    return tau.read(folder, tracks.load("demo")[0])


def verify(folder: Path, _cache: Path) -> dict[str, float]:
    """The whole check, audio included."""
    seen: list[tuple[float, int]] = []
    others: list[tuple[float, int]] = []
    report = verification.verify(
        folder, tracks.load("demo")[0], (), lambda what: _watched(seen if what.startswith("checking") else others)
    )
    listened = next(check.looked_at for check in report.checks if check.name == "files")
    return {"clips_per_second": _steady(seen), "faults": len(report.faults), "clips": listened, "whole": report.seconds}


def lists(folder: Path, _cache: Path) -> dict[str, float]:
    """The check of the lists alone."""
    report = verification.verify(folder, tracks.load("demo")[0], (), None)
    return {"clips": report.clips, "faults": len(report.faults), "whole": report.seconds}


def pack(folder: Path, cache: Path) -> dict[str, float]:
    """44.1 to 32 kHz, into a new store."""
    dataset = _dataset(folder)
    place = store.layout(dataset, dataset.test, RATE, 1.0, "int16", cache)
    seen: list[tuple[float, int]] = []
    start = time.perf_counter()
    packing.pack(place, dataset, dataset.splits["100"], lambda: _watched(seen))
    return {
        "clips_per_second": _steady(seen),
        "clips": len(dataset.splits["100"]),
        "shards": len(place.shards),
        "whole": time.perf_counter() - start,
    }


def opened(folder: Path, cache: Path) -> dict[str, float]:
    """Whether a packed store holds its clips, and its memory maps."""
    dataset = _dataset(folder)
    start = time.perf_counter()
    place = store.layout(dataset, dataset.test, RATE, 1.0, "int16", cache)
    assert store.holds(place, dataset, dataset.splits["100"])
    place.waveforms()
    return {"seconds": time.perf_counter() - start, "clips": len(dataset.splits["100"])}


def epoch(_folder: Path, cache: Path) -> dict[str, float]:
    """Shuffled batches of 256 floats from 20,000 clips that lie in the page cache; clips a second, the median batch."""
    import torch

    from harness.data.gathering import Gatherer
    from harness.data.store import Waveforms
    from harness.data.training_data import ClipList, StoredData
    from tests.benchmarks.tau_sized import filled_store

    clips = 20_000
    path = cache / "waveforms.bin"
    if not path.exists():
        filled_store(path, clips, RATE)
    waveforms = np.memmap(path, dtype="<i2", mode="r", shape=(clips, RATE))
    words, rows = np.full(clips, "x"), np.arange(clips)
    listed = ClipList(words, rows % 10, words, words, words, rows)
    gatherer = Gatherer(Waveforms([waveforms]), np.ones(clips, np.float32))
    data = StoredData(listed, gatherer, RATE, torch.device("cpu"))
    seconds: list[float] = []
    for _ in range(2):  # the first epoch brings the pages in
        seconds.clear()
        before = time.perf_counter()
        for _batch in data.batches(BATCH, torch.Generator().manual_seed(0), drop_last=True):
            seconds.append(time.perf_counter() - before)
            before = time.perf_counter()
    return {"clips_per_second": BATCH / float(np.median(seconds)), "copy_gib_per_second": _copy_speed()}


def _copy_speed() -> float:
    """What the memory gives: bytes read and written by a plain copy of 64 MiB, a second."""
    import torch

    source, target = torch.ones(16 << 20), torch.empty(16 << 20)
    seconds = []
    for _ in range(9):
        start = time.perf_counter()
        target.copy_(source)
        seconds.append(time.perf_counter() - start)
    return 2 * source.nbytes / float(np.median(seconds)) / 2**30


def raw(folder: Path, _cache: Path) -> dict[str, float]:
    """Reading the files and nothing else, one process: what the disk (or the page cache) gives."""
    names = _dataset(folder).names
    start = time.perf_counter()
    read = sum(len((folder / name).read_bytes()) for name in names)
    seconds = time.perf_counter() - start
    return {"clips_per_second": len(names) / seconds, "mib_per_second": read / seconds / 2**20}


TASKS = {"verify": verify, "lists": lists, "pack": pack, "open": opened, "epoch": epoch, "raw": raw}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("cache", type=Path)
    options = parser.parse_args()
    print(json.dumps(TASKS[options.task](options.folder, options.cache)))


if __name__ == "__main__":
    main()
