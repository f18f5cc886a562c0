"""Trainings by several processes, started by a process that has imported torch: what `fit` made of them, by files."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch._dynamo  # DDP and optimisers import it, which takes seconds
from torch import Tensor, nn

from baselines.augmentations import Steps
from baselines.distillation import Distillation
from baselines.training import Recipe, fit, objective
from harness.child import ranks
from harness.child.kept import StageRun
from harness.contract import Classifier
from harness.data.gathering import Gatherer
from harness.data.store import Waveforms
from harness.data.training_data import ClipList, StoredData
from harness.job import Answer, Job, TaskWords
from harness.outcomes import Mistake, Outcome
from harness.process import as_reason
from tests.baselines.training.made import Frontend, Teacher

CLIPS = 36
"""In batches of 7: five that two processes cannot share evenly, and one of a single clip: none for the second."""

PATIENCE = 60
TASK = TaskWords(labels=("a", "b"), clip_seconds=1.0, devices=("a",), device_revealed=False)
START = get_context("forkserver")
START.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Training:
    """What is trained, and how: `kill` ends a rank after the checkpoint of an epoch, `nan_at` spoils a clip."""

    recipe: Mapping[str, Any]
    steps: Steps = ()
    norm: bool = False
    dropout: float = 0.0
    two_heads: bool = False
    taught: Mapping[str, Any] | None = None
    kill: tuple[int, int] | None = None
    nan_at: int | None = None
    clips: int = CLIPS
    seed: int = 0


@dataclass
class Trained:
    """What is left of a training; by rank: the weights, numbers that are drawn next, how many clips a teacher heard."""

    answer: Answer
    folder: Path
    weights: list[dict[str, Tensor]] = field(default_factory=list)
    drawn: list[list[Tensor]] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)

    @property
    def metrics(self) -> list[str]:
        return (self.folder / "work" / "metrics.csv").read_text().splitlines()


class TwoHeads(nn.Module):
    """Logits for the labels and for the teacher; a third head that nobody asks."""

    def __init__(self) -> None:
        super().__init__()
        self.own, self.other, self.unused = (nn.Linear(6, 2) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack(self.heads(x)).mean(0)

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.own(x.flatten(1)), self.other(x.flatten(1))


class KilledRun(StageRun):
    """A run whose process ends when it has kept the checkpoint of an epoch."""

    kill: tuple[int, int] | None = None

    def save(self, state: Mapping[str, Any]) -> None:
        super().save(state)
        if (self.rank, state["epoch"]) == self.kill:
            raise SystemExit


def student(training: Training, seed: int = 0) -> Classifier:
    torch.manual_seed(seed)
    if training.two_heads:
        return Classifier(Frontend(), TwoHeads(), 8000)
    norm = [nn.BatchNorm2d(4)] if training.norm else []
    layers = [nn.Conv2d(1, 4, (2, 1), bias=False), *norm, nn.ReLU(), nn.Flatten(), nn.Dropout(training.dropout)]
    return Classifier(Frontend(), nn.Sequential(*layers, nn.Linear(16, 2)), 8000)


def teacher() -> Teacher:
    """A trained network that draws nothing from the generators of who learns from it."""
    with torch.random.fork_rng():
        return Teacher(student(Training({}), seed=5))


def data(training: Training) -> StoredData:
    numbers = np.arange(training.clips)
    labels = numbers % 2
    steps = np.random.default_rng(1).normal(size=(len(numbers), 6)) * 1000 + 1000 * labels[:, None]
    scales = np.full(len(numbers), 0.001, np.float32)
    if training.nan_at is not None:
        scales[training.nan_at] = np.nan
    words = [np.array([f"{word}-{number // 4}" for number in numbers]) for word in ("segment", "place")]
    names = np.array([f"clip-{number}" for number in numbers])
    clips = ClipList(names, labels, np.full(len(numbers), "a"), *words, numbers)
    return StoredData(clips, Gatherer(Waveforms([steps.astype(np.int16)]), scales), 8000, torch.device("cpu"))


def stage(training: Training, job: Job) -> Answer:
    """The training as the stage of a cell walks it, in one of its processes."""
    torch.set_num_threads(1)
    ranks.join(job)
    made, recipe, clips = student(training), Recipe(**training.recipe), data(training)
    run = KilledRun(torch.device("cpu"), training.seed, job.folder, job.progress_file, {}, job.rank or 0, job.processes)
    run.kill = training.kill
    how = Distillation.model_validate(training.taught) if training.taught else None
    run.teachers = {"t": teacher()} if how else {}
    try:
        losses = objective(made, recipe, training.steps, clips, run, 2, distillation=how)
        fit(made, losses, clips, run, recipe)
    except Mistake as mistake:
        return Answer(outcome=Outcome.REFUSED, reason=as_reason(mistake))
    torch.save(made.network.state_dict(), job.folder / f"weights-{run.rank}.pt")
    drawn = [torch.rand(4, generator=run.generator), torch.rand(4, generator=run.order), torch.rand(4)]
    torch.save(drawn, job.folder / f"drawn-{run.rank}.pt")
    asked = sum(len(heard) for one in run.teachers.values() for heard in one.heard)  # type: ignore[attr-defined]
    (job.folder / f"asked-{run.rank}").write_text(str(asked))
    return Answer(outcome=Outcome.OK)


def walk(training: Training, job: Job) -> None:
    one = partial(stage, training)
    answer = one(job) if job.processes == 1 else ranks.together(job, one)
    (job.folder / "answer.json").write_text(answer.model_dump_json())


def trained(folder: Path, training: Training, processes: int, *, anew: bool = True) -> Trained:
    """The training by so many processes in `folder`; not `anew`: from the checkpoint that is there."""
    if anew:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(exist_ok=True)
    job = Job(
        stage="train", folder=folder, entry=folder, settings={}, typed_in=folder, task=TASK, edition=None,
        device="cpu", processes=processes,
    )  # fmt: skip
    process = START.Process(target=walk, args=(training, job))
    process.start()
    process.join(PATIENCE)
    process.kill()
    assert process.exitcode == 0
    answer = Answer.model_validate_json((folder / "answer.json").read_text())
    found = Trained(answer, folder)
    if answer.outcome is Outcome.OK:
        found.weights = [torch.load(folder / f"weights-{rank}.pt") for rank in range(processes)]
        found.asked = [int((folder / f"asked-{rank}").read_text()) for rank in range(processes)]
        found.drawn = [torch.load(folder / f"drawn-{rank}.pt") for rank in range(processes)]
    return found
