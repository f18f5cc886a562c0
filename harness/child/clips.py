"""Clips as a stage gets them: training batches with labels, test batches without."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.child.kept import report
from harness.contract import Clips
from harness.data.gathering import Gatherer
from harness.data.store import Waveforms
from harness.data.training_data import ClipList, StoredData
from harness.job import Job
from harness.logits import require_logits


def training_data(job: Job) -> StoredData:
    files = job.training
    device = torch.device(job.torch_device)
    if files is None:
        return StoredData(ClipList.empty(), Gatherer(Waveforms([]), np.zeros(0, np.float32)), 0, device)
    store = files.store
    waveforms = Gatherer(store.waveforms(), store.scales())

    def listed(path: Path, validation: StoredData | None = None) -> StoredData:
        return StoredData(ClipList.load(path), waveforms, store.sample_rate, device, validation)

    return listed(files.list_file, listed(files.validation_file) if files.validation_file else None)


class TestBatches:
    """The test clips of a job, as `predict` gets them."""

    def __init__(self, job: Job, sample_rate: int) -> None:
        assert job.test is not None  # noqa: S101 - the referee gives every predict stage its clips
        self.job = job
        self.count = job.test.clips
        self.sample_rate = sample_rate
        self.store = Gatherer(job.test.waveforms(), job.test.scales())

    def at(self, rows: Sequence[int]) -> Clips:
        """The clips at `rows`."""
        devices = self.job.test_devices
        batch = self.store.floats(torch.as_tensor(list(rows))).to(self.job.device)
        return Clips(batch, self.sample_rate, tuple(devices[row] for row in rows) if devices else None)

    @torch.inference_mode()
    def logits(self, predict: Callable[[Clips], Tensor]) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Logits (clips, classes) float32, batch by batch."""
        parts = []
        for start in range(0, self.count, self.job.batch_size):
            batch = self.at(range(start, min(start + self.job.batch_size, self.count)))
            logits = require_logits(predict(batch), len(batch.waveforms), len(self.job.task.labels))
            parts.append(logits.float().cpu().numpy())
            report(self.job.progress_file, start + len(batch.waveforms), self.count, {})
        return np.concatenate(parts)
