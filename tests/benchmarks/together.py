"""Training steps of `fit` by one or several processes, as the referee starts them.

    python -m tests.benchmarks.together PROCESSES

prints the median seconds of a step, those of all, and how many threads a process has.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from baselines.training import Recipe, fit, objective
from harness.child import ranks
from harness.child.kept import StageRun
from harness.contract import Batch, TrainingData
from harness.data.gathering import Gatherer
from harness.data.store import Waveforms
from harness.data.training_data import ClipList, StoredData
from harness.job import Answer, Job, TaskWords
from harness.outcomes import Outcome
from tests.benchmarks.learning import MIXING, STUDENT, classifier

BATCH, STEPS, WARM_UP = 256, 8, 2
RATE = STUDENT.sample_rate
TASK = TaskWords(labels=("a",), clip_seconds=1.0, devices=("a",), device_revealed=False)


def made_clips() -> StoredData:
    """One batch of noise, as often as there are steps: what lies where costs nothing here."""
    count = BATCH * (STEPS + WARM_UP)
    noise = np.random.default_rng(0).integers(-3000, 3000, (BATCH, RATE), dtype=np.int16)
    words = [np.full(count, "a")] * 3
    rows = np.arange(count) % BATCH
    clips = ClipList(np.arange(count).astype(str), rows % 10, *words, rows)
    return StoredData(clips, Gatherer(Waveforms([noise]), np.full(BATCH, 1e-4, np.float32)), RATE, torch.device("cpu"))


def stage(job: Job) -> Answer:
    """One epoch; process 0 writes when each of its steps began, and its threads."""
    ranks.join(job)
    torch.manual_seed(0)
    student, data = classifier("cp_mobile_2024", STUDENT), made_clips()
    run = StageRun(torch.device("cpu"), 0, job.folder, job.progress_file, {}, job.rank or 0, job.processes)
    recipe = Recipe(epochs=1, batch_size=BATCH, learning_rate=1e-3)
    losses = objective(student, recipe, MIXING, data, run, 10)
    began: list[float] = []

    def timed(network: nn.Module, batch: Batch, clips: TrainingData) -> Mapping[str, Tensor]:
        began.append(time.perf_counter())
        return losses(network, batch, clips)

    fit(student, timed, data, run, recipe)
    if run.rank == 0:
        (job.folder / "began").write_text(json.dumps({"began": began, "threads": torch.get_num_threads()}))
    return Answer(outcome=Outcome.OK)


def main() -> None:
    folder = Path(tempfile.mkdtemp())
    job = Job(
        stage="train", folder=folder, entry=folder, settings={}, typed_in=folder, task=TASK, edition=None,
        device="cpu", processes=int(sys.argv[1]),
    )  # fmt: skip
    answer = ranks.together(job, stage) if job.processes > 1 else stage(job)
    assert answer.outcome is Outcome.OK, answer.reason
    found = json.loads((folder / "began").read_text())
    seconds = np.diff(found["began"])[WARM_UP:].tolist()
    print(json.dumps({"step": statistics.median(seconds), "steps": seconds, "threads": found["threads"]}))


if __name__ == "__main__":
    main()
