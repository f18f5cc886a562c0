"""The stage `analyse`: a trained system is asked what an analysis wants to know of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from harness.analysing import plugins
from harness.child.clips import TestBatches
from harness.child.entries import task_of
from harness.child.kept import LoadedTeacher, report
from harness.contract import Classifier, Clips
from harness.files import replacing
from harness.job import PROBED, Answer, Job
from harness.logits import require_logits
from harness.outcomes import Outcome


def analyse(job: Job) -> Answer:
    """Keeps the arrays that the probe of the job's analysis returns."""
    assert job.probing is not None  # noqa: S101 - the referee gives every such stage its analysis
    probe = plugins.probe(job.probing.analysis)
    with torch.inference_mode():
        arrays = probe(ProbedSystem(job))
    with replacing(job.folder / PROBED) as stream:
        np.savez(stream, allow_pickle=False, **arrays)
    return Answer(outcome=Outcome.OK)


class ProbedSystem:
    """`contract.Probed`: what the training of a cell gave, and the test clips that its `predict` was given."""

    def __init__(self, job: Job) -> None:
        assert job.probing is not None  # noqa: S101
        self._trained = LoadedTeacher(job.entry, job.probing.folder)
        self._trained.classifier.to(job.device)
        self._clips = TestBatches(job, self.classifier.sample_rate)
        self._job = job
        self.task = task_of(job)

    @property
    def classifier(self) -> Classifier:
        return self._trained.classifier

    def predict(self, clips: Clips) -> Tensor:
        """Logits (batch, classes)."""
        return require_logits(self._trained.predict(clips), len(clips.waveforms), self.task.n_classes)

    def batches(self, most: int | None = None) -> Iterator[tuple[range, Clips]]:
        """The test clips in their order; how far it is shows whenever a batch is done."""
        size, count = min(most or self._job.batch_size, self._job.batch_size), self._clips.count
        for start in range(0, count, size):
            rows = range(start, min(start + size, count))
            yield rows, self._clips.at(rows)
            report(self._job.progress_file, rows.stop, count, {})
