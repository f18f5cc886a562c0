"""Teachers at work: their logits for a training batch, online on what the student sees, or offline from clean clips."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal
from zipfile import BadZipFile

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Generator, Tensor, nn
from torchaudio.functional import resample

from baselines.augmentations import Sample, Steps, features
from baselines.distillation.ensembles import Ensemble, called
from baselines.distillation.losses import Order, Reduction
from baselines.processes import of_all
from harness.contract import Batch, Classifier, Clips, Mistake, Run, Teacher, TrainingData


class Distillation(BaseModel):
    """How a student learns from its teachers.

    `label_weight` is lambda: loss = lambda * label loss + (1 - lambda) * distillation loss. `tau` (None: 1) and
    `reduction` (None: "elements") may be left to an entry that knows better. `form`: "softened" (papers
    000 and 004) or "cross_model" (003 and 001); `order` turns the former's divergence round. `teaching`: "consistent",
    the teacher hears the same augmented batch; "clean", it hears the clip as it was; "offline", the same, once before
    the training. `teacher_input`: the features of its own frontend, augmented by the same draws, or the student's, for
    all ("student") or for those named (paper 004's code feeds CP-ResNet so, and PaSST not). `ensemble` makes one
    teacher of several; `multi_loss` takes the mean of a loss for each instead. `separate_head`: a head of its own
    learns from the teacher.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    label_weight: float = Field(ge=0, le=1)
    tau: float | None = Field(default=None, gt=0)
    form: Literal["softened", "cross_model"] = "softened"
    order: Order = "teacher_student"
    reduction: Reduction | None = None
    teaching: Literal["consistent", "clean", "offline"] = "consistent"
    teacher_input: Literal["teacher", "student"] | tuple[str, ...] = "teacher"
    ensemble: Ensemble = Ensemble()
    multi_loss: bool = False
    separate_head: bool = False


class Teachers:
    """The trained teachers of a run, asked for logits batch by batch."""

    def __init__(self, recipe: Distillation, student: Classifier, data: TrainingData, run: Run, n_classes: int) -> None:
        if not run.teachers:
            problem = "The system learns from teachers and names none."
            raise Mistake("distillation.teachers", problem, 'Add needs = ["TEACHER"] to it in submission.toml.')
        self.recipe = recipe
        self.student = student
        self.n_classes = n_classes
        asked = {name: teacher for name, teacher in run.teachers.items() if recipe.ensemble.asks(name)}
        self.teachers: dict[str, Teacher] = asked or dict(run.teachers)  # names that fit nobody are refused when asked
        for teacher in self.teachers.values():
            teacher.classifier.to(run.device)
        self.kept: dict[str, Tensor] = {}
        self.places = {name: place for place, name in enumerate(data.names)}
        if recipe.teaching == "offline":
            self.kept = {name: self._offline(name, data, run) for name in self.teachers}

    def logits(
        self, clean: Tensor, heard: Sample, seen: Sample, names: Sequence[str], steps: Steps, state: Tensor
    ) -> list[Tensor]:
        """Logits (batch, classes): of the ensemble, or of each teacher where each has a loss of its own.

        `clean` and `heard` are the batch's waveforms before and after augmentation, `seen` the student's features;
        `names` are the clips', `state` the generator's before the features were augmented.
        """
        if self.kept:
            places = torch.tensor([self.places[name] for name in names])
            every = {teacher: logits[places].to(heard.x.device) for teacher, logits in self.kept.items()}
        elif self.recipe.teaching == "clean":
            every = {name: self._asked(name, clean, heard) for name in self.teachers}
        else:
            every = self._consistent(heard, seen, steps, state)
        for name, logits in every.items():
            self._require_classes(name, logits)
        return list(every.values()) if self.recipe.multi_loss else [self.recipe.ensemble.combined(every)]

    def _consistent(self, heard: Sample, seen: Sample, steps: Steps, state: Tensor) -> dict[str, Tensor]:
        """What every teacher says of the augmented batch; teachers with the same frontend share its features."""
        ready: list[tuple[nn.Module, Tensor]] = [(self.student.frontend, seen.x)]
        found = {}
        for name, teacher in self.teachers.items():
            frontend = teacher.classifier.frontend
            same = [seen.x] if self._sees_the_student_s(name) else [x for other, x in ready if _alike(other, frontend)]
            if not same:
                generator = Generator()
                generator.set_state(state)
                sample = self._at_rate_of(teacher, heard)
                same = [features(steps, sample, frontend, generator).x]
                ready.append((frontend, same[0]))
            with _showing(teacher.classifier, same[0]):
                found[name] = self._asked(name, heard.x, heard)
        return found

    def _sees_the_student_s(self, name: str) -> bool:
        chosen = self.recipe.teacher_input
        return bool(called(name) & set(chosen)) if isinstance(chosen, tuple) else chosen == "student"

    def _asked(self, name: str, waveforms: Tensor, batch: Sample) -> Tensor:
        """The teacher's own `predict` for waveforms of a batch, without gradients."""
        teacher = self.teachers[name]
        rate = teacher.classifier.sample_rate
        with torch.no_grad():
            return teacher.predict(Clips(_resampled(waveforms, batch.sample_rate, rate), rate, batch.devices))

    def _at_rate_of(self, teacher: Teacher, heard: Sample) -> Sample:
        rate = teacher.classifier.sample_rate
        return replace(heard, x=_resampled(heard.x, heard.sample_rate, rate), sample_rate=rate)

    def _offline(self, name: str, data: TrainingData, run: Run) -> Tensor:
        """Logits (clips, classes) of the clean clips of `data`, kept by clip name in `run.work`.

        Of several processes each asks for a share of the clips, and keeps the logits of all.
        """
        path = run.work / f"teacher-{name}.npz"
        known = _known_logits(path)
        if not all(of_all(known.keys() >= set(data.names), run)):
            batches = data.batches(256, rank=run.rank, processes=run.processes)
            parts = [(batch.rows, self._of_clean(name, batch, data)) for batch in batches]
            own = torch.cat([rows for rows, _ in parts]).tolist(), torch.cat([logits for _, logits in parts]).numpy()
            shares = of_all(own, run)
            known = {data.names[row]: one for rows, logits in shares for row, one in zip(rows, logits, strict=True)}
            _keep_logits(known, path)
        return torch.from_numpy(np.stack([known[clip] for clip in data.names]))

    def _of_clean(self, name: str, batch: Batch, data: TrainingData) -> Tensor:
        devices = tuple(data.devices[row] for row in batch.rows.tolist())
        sample = Sample(batch.waveforms, batch.labels, devices, data.sample_rate, self.n_classes)
        return self._asked(name, batch.waveforms, sample).float().cpu()

    def _require_classes(self, name: str, logits: Tensor) -> None:
        if logits.shape[1] != self.n_classes:
            problem = f"The teacher {name} tells {logits.shape[1]} classes apart, its student {self.n_classes}."
            raise Mistake("distillation.classes", problem, "Use a teacher that was trained on the same task.")


def _known_logits(path: Path) -> Mapping[str, np.ndarray]:
    """Logits by clip name from a file that an interrupted run left; none where there is no whole file."""
    try:
        with path.open("rb") as stream, np.load(stream) as arrays:
            return dict(zip(arrays["names"].tolist(), arrays["logits"], strict=True))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error):
        return {}


def _keep_logits(known: Mapping[str, np.ndarray], path: Path) -> None:
    """The file whole or not at all: a run may be killed while it writes."""
    part = path.with_suffix(".part")
    with part.open("wb") as stream:
        np.savez(stream, names=np.array(list(known)), logits=np.stack(list(known.values())))
    part.replace(path)


def _resampled(waveforms: Tensor, sample_rate: int, wanted: int) -> Tensor:
    return waveforms if sample_rate == wanted else resample(waveforms, sample_rate, wanted)


def _alike(one: nn.Module, other: nn.Module) -> bool:
    """Whether two frontends give the same features, as far as their settings say."""
    settings = getattr(one, "settings", None)
    return type(one) is type(other) and settings is not None and settings == getattr(other, "settings", None)


class _Shown(nn.Module):
    """A frontend that gives features that are already there."""

    def __init__(self, ready: Tensor) -> None:
        super().__init__()
        self.ready = ready

    def forward(self, waveforms: Tensor) -> Tensor:  # noqa: ARG002 - the features are already there
        return self.ready


@contextmanager
def _showing(classifier: Classifier, ready: Tensor) -> Iterator[None]:
    """The classifier sees `ready` whatever it hears, for as long as the context lasts."""
    frontend = classifier.frontend
    classifier.frontend = _Shown(ready)
    try:
        yield
    finally:
        classifier.frontend = frontend
