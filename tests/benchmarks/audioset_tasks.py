"""Tasks on a store as large as a twentieth of AudioSet, in a process of their own: print their figures as JSON.

python -m tests.benchmarks.audioset_tasks make|read|fed FOLDER CLIPS

100,000 clips of ten seconds are 32 GB at 16 kHz: more than the memory of most machines, so that shuffled clips come
from the disk. The store is written as packing would leave it, of made noise and made labels.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Generator
from pathlib import Path

import numpy as np
import psutil
import torch

from baselines.frontends import KaldiFbank
from baselines.frontends.kaldi import FbankSettings
from baselines.models import build
from harness.contract import Batch
from harness.data import store
from harness.data.gathering import Gatherer
from harness.data.store import Layout
from harness.data.training_data import ClipList, StoredData

RATE, SECONDS, CLASSES, BATCH = 16_000, 10.0, 527, 12
READ_STEPS, TRAINED_STEPS = 600, 40


def layout(folder: Path, clips: int) -> Layout:
    samples = int(RATE * SECONDS)
    per_shard = store.SHARD_BYTES // (2 * samples)
    return Layout(
        folder=folder, sample_rate=RATE, clip_seconds=SECONDS, samples=samples, clips=clips,
        clips_per_shard=per_shard, kind="int16",
    )  # fmt: skip


def make(folder: Path, clips: int) -> dict[str, float]:
    """Shards of noise: a hundred clips' worth of it, each time from another place."""
    place, generator, start = layout(folder, clips), np.random.default_rng(0), time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    noise = generator.normal(0, 3000, 100 * place.samples).astype("<i2")
    for shard in place.shards:
        with (folder / shard.name).open("wb") as file:
            for _ in range(shard.start, shard.stop):
                at = int(generator.integers(len(noise) - place.samples))
                file.write(noise[at : at + place.samples].data)
    np.full(clips, 1 / 32767, dtype="<f4").tofile(folder / store.SCALES)
    return {
        "seconds": time.perf_counter() - start,
        "gib": clips * place.clip_bytes / 2**30,
        "shards": len(place.shards),
    }


def data(folder: Path, clips: int) -> StoredData:
    place = layout(folder, clips)
    names = np.array([f"{row:011d}" for row in range(clips)])
    labels = np.random.default_rng(1).random((clips, CLASSES)) < 0.004
    words = np.full(clips, "unknown")
    listed = ClipList(names, labels, words, names, names, np.arange(clips))
    return StoredData(listed, Gatherer(place.waveforms(), place.scales()), RATE, torch.device("cpu"))


def batches(folder: Path, clips: int) -> Generator[Batch]:
    yield from data(folder, clips).batches(BATCH, torch.Generator().manual_seed(0))


def read(folder: Path, clips: int) -> dict[str, float]:
    """Shuffled batches of 12 and nothing else: what disk and store give."""
    source = batches(folder, clips)
    next(source)
    before, start = psutil.disk_io_counters(), time.perf_counter()
    for _ in range(READ_STEPS):
        next(source)
    seconds, after = time.perf_counter() - start, psutil.disk_io_counters()
    source.close()
    assert before is not None
    assert after is not None
    read_bytes = after.read_bytes - before.read_bytes
    wanted = READ_STEPS * BATCH * int(RATE * SECONDS) * 2
    return {
        "clips_per_second": READ_STEPS * BATCH / seconds,
        "mib_per_second": wanted / seconds / 2**20,
        "share_from_disk": min(1.0, read_bytes / wanted),
        "resident_gib": psutil.Process().memory_info().rss / 2**30,
    }


def fed(folder: Path, clips: int) -> dict[str, float]:
    """A network trains at batch 12: the share of its time in which it waits for clips."""
    frontend = KaldiFbank(FbankSettings())
    network = build("cp_mobile", n_classes=CLASSES, base_channels=32)
    optimiser = torch.optim.Adam(network.parameters())
    source, waited, trained = batches(folder, clips), [], []
    for _ in range(TRAINED_STEPS):
        start = time.perf_counter()
        batch = next(source)
        waited.append(time.perf_counter() - start)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(network(frontend(batch.waveforms)), batch.labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        trained.append(time.perf_counter() - start)
    source.close()
    return {
        "share_waiting": sum(waited[1:]) / sum(trained[1:]),
        "median_wait_ms": 1000 * float(np.median(waited[1:])),
        "median_step_ms": 1000 * float(np.median(trained[1:])),
        "clips_per_second": BATCH * len(trained[1:]) / sum(trained[1:]),
        "resident_gib": psutil.Process().memory_info().rss / 2**30,
    }


TASKS = {"make": make, "read": read, "fed": fed}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("clips", type=int)
    options = parser.parse_args()
    print(json.dumps(TASKS[options.task](options.folder, options.clips)))


if __name__ == "__main__":
    main()
