"""The contract between an entry and the referee: the only file an author must read.

An entry is a folder with `submission.toml` (who, what, which systems) and `submission.py`, which defines

    class Config(contract.Config)                      every knob, typed; the defaults are the paper's
    def build(config, task) -> Classifier              the untrained network, called first to check the limits
    def train(classifier, data, run) -> Classifier     may return another object: pruned, quantised, averaged
    def predict(classifier, clips) -> logits           (batch, classes); what is scored, timed and counted
    def figures(classifier) -> {name: number}          not needed: what else tables of its paper show; never ranked

The referee calls `build` in one process, `build` and `train` in a second, and `predict` in a third that sees test
waveforms and nothing else. What is counted is `predict` on one clip, less what runs inside a `frontend` that is built
from fixed transforms; docs/rules.md has every rule. `Mistake(rule, problem, remedy)` ends a stage with a sentence in
place of a traceback.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from harness.outcomes import Mistake, nearest

__all__ = [
    "Batch", "Classifier", "Clips", "Config", "Mistake", "Probed", "Run", "Task", "Teacher", "TrainingData", "nearest",
]  # fmt: skip


class Config(BaseModel):
    """Base of an entry's `Config`: frozen, typed, defaults too, and without unknown fields.

    A field annotated `Path` names a file or folder. It is looked for from where the command was typed, then beside
    `submission.py`; what the file holds becomes part of the result's identity. An entry gets it as it is read again
    from its record (`model_dump(mode="json")`): which fields were typed, and which have their defaults, it cannot ask.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)


@dataclass(frozen=True)
class Task:
    """What is to be told apart: the track's labels in their official order, the length of a clip, the known devices.

    There are no known devices where nobody knows what clips were recorded with; each is then called "unknown".
    `device_revealed` is True on tracks that tell a system which device recorded a test clip (2025); one that nobody has
    heard before is called "unknown". Where it is `multi_label`, a clip has any number of the labels: targets are
    (batch, classes) float of 0 and 1, and logits are ranked class by class.
    """

    labels: tuple[str, ...]
    clip_seconds: float
    devices: tuple[str, ...]
    device_revealed: bool = False
    multi_label: bool = False

    @property
    def n_classes(self) -> int:
        return len(self.labels)


class Classifier(nn.Module):
    """A frontend (waveform to features, no learnable weights, not counted) and a network (counted).

    `sample_rate` is the rate in Hz at which the frontend wants its waveforms: the referee resamples once, for
    everybody alike. `frontend` takes float waveforms (batch, samples) in -1…1; `network` takes what the frontend
    gives and returns logits (batch, classes).
    """

    def __init__(self, frontend: nn.Module, network: nn.Module, sample_rate: int) -> None:
        super().__init__()
        self.frontend = frontend
        self.network = network
        self.sample_rate = sample_rate

    def forward(self, waveforms: Tensor) -> Tensor:
        """Logits (batch, classes) of waveforms (batch, samples)."""
        logits: Tensor = self.network(self.frontend(waveforms))
        return logits


@dataclass(frozen=True)
class Clips:
    """A batch of clips without labels: float32 waveforms (batch, samples) in -1…1 at `sample_rate` Hz.

    `devices` holds the id of each clip's device on tracks that reveal it, and is None on all others.
    """

    waveforms: Tensor
    sample_rate: int
    devices: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Batch:
    """A batch of training clips.

    `waveforms` (batch, samples) float32, `labels` (batch,) int64 in the order of `Task.labels`, or (batch, classes)
    float32 of 0 and 1 where the task is multi-label; `rows` (batch,) int64, the clips' rows in their `TrainingData`,
    for looking up what belongs to a clip: `data.names[row]`, `data.devices[row]`. `weight` is the part of the whole
    batch that these clips are, less than 1 where several processes share it: the sum over the processes of weight times
    mean loss is the mean loss of the whole batch.
    """

    waveforms: Tensor
    labels: Tensor
    rows: Tensor
    weight: float = 1.0


class TrainingData(Protocol):
    """The clips of one training split. It never holds a test clip.

    `names`, `labels`, `devices`, `segments` (the 10 s recording a clip was cut from) and `locations` have one item a
    clip; `labels` are (clips,) int64, or (clips, classes) bool where the task is multi-label. `validation` are the
    clips that the publisher of the data set keeps for choosing, None where there is no such list; they are none of
    these.
    """

    sample_rate: int
    names: tuple[str, ...]
    labels: Tensor
    devices: tuple[str, ...]
    segments: tuple[str, ...]
    locations: tuple[str, ...]
    validation: TrainingData | None

    def __len__(self) -> int: ...

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
        """One epoch of batches on the run's device: shuffled by `generator`, in list order without one.

        With `weights` (clips,), as many clips as there are, drawn with replacement, each in proportion to its weight.
        `rank` of `processes` gets its share of every batch: with generators in the same state, the shares of all make
        up the batches that one process would get. Shares differ by one clip at most; one that would be empty is a clip
        of weight 0, so that every process takes the same steps. Raises `Mistake` where the track names no training
        list.
        """

    def holdout(self, fraction: float, seed: int = 0) -> tuple[TrainingData, TrainingData]:
        """(rest, held out): about `fraction` of the locations of each class, no location on both sides."""

    def take(self, rows: Sequence[int]) -> TrainingData:
        """The clips at `rows`, in that order: those of one device, say."""


class Teacher(Protocol):
    """A trained system that another one learns from: what its `train` returned, ready to predict.

    `predict` is its entry's own and reads `classifier`; clips come at the classifier's `sample_rate`.
    """

    @property
    def classifier(self) -> Classifier: ...

    def predict(self, clips: Clips) -> Tensor:
        """Logits (batch, classes)."""


class Probed(Teacher, Protocol):
    """A trained system with the test clips of its cell, as an analysis asks it: entries have nothing to do with it.

    It lies on the device that it predicts on, in evaluation mode; no gradients are kept.
    """

    @property
    def task(self) -> Task: ...

    def batches(self, most: int | None = None) -> Iterator[tuple[range, Clips]]:
        """The test clips in the order in which every system gets them, with their numbers in it.

        At most `most` at a time; None: as many as the track says.
        """


class Run(Protocol):
    """What the referee gives `train`: where, from which seed, and what to tell it.

    `generator` is a CPU generator seeded by `seed`; draw everything random from it (torch's global generators are
    seeded by the same number). `work` is a folder that only this cell writes to and that survives an interruption.
    `teachers` holds what the system's `needs` names: "cpr" for a teacher of the same seed as this cell, "cpr@0" where
    the seeds are listed.

    A system with `processes = N` in submission.toml is trained by N processes, each of which calls `build` and `train`;
    torch.distributed is set up between them. `rank` is 0 to N - 1, `device` an accelerator of its own. `generator` and
    the global generators draw other numbers in each process, `order` the same in all: shuffle with it, and with nothing
    else (`data.batches(size, run.order, rank=run.rank, processes=run.processes)`). In one process `order` is
    `generator`. Every process has a `work` of its own. What `train` returns in process 0 is kept, and only what process
    0 tells of progress and snapshots.
    """

    device: torch.device
    seed: int
    rank: int
    processes: int
    generator: torch.Generator
    order: torch.Generator
    work: Path
    teachers: Mapping[str, Teacher]

    def progress(self, done: int, total: int, **metrics: float) -> None:
        """Shows `done` of `total` (epochs, mostly) and the latest metrics."""

    def save(self, state: Mapping[str, Any]) -> None:
        """Keeps a checkpoint, whole or not at all; the generators' states are kept with it.

        Of several processes all call it, and wait for each other; kept are the state of process 0 and the generators of
        all. Raises `Mistake` where their `order` is no longer the same.
        """

    def load(self) -> dict[str, Any] | None:
        """The last checkpoint of this same cell, with the generators set as they were, or None."""

    def snapshot(self, classifier: Classifier, number: int) -> None:
        """Keeps the classifier as it is after epoch `number`; it is scored too, for "the last four epochs"."""


class Entry(Protocol):
    """The names that `submission.py` must define."""

    Config: type[Config]

    def build(self, config: Any, task: Task) -> Classifier: ...  # noqa: ANN401 - the entry's own Config

    def train(self, classifier: Classifier, data: TrainingData, run: Run) -> Classifier: ...

    def predict(self, classifier: Classifier, clips: Clips) -> Tensor: ...
