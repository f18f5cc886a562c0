"""A small classifier, clips that it can tell apart, and a run that keeps its checkpoint in memory."""

from __future__ import annotations

import copy
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from tensorboardX.proto import event_pb2
from torch import Tensor, nn

from harness.contract import Batch, Classifier, Clips


class Data:
    """Forty clips of two classes at ten locations."""

    def __init__(self, rows: Tensor | None = None, *, sample_rate: int = 8000) -> None:
        generator = torch.Generator().manual_seed(1)
        rows = torch.arange(40) if rows is None else rows
        labels = torch.arange(40) % 2
        waveforms = torch.randn(40, 6, generator=generator) + labels[:, None]
        self.rows, self.labels, self.waveforms = rows, labels[rows], waveforms[rows]
        self.sample_rate = sample_rate
        self.names = tuple(f"clip-{row}.wav" for row in rows.tolist())
        self.devices = ("a",) * len(rows)
        self.locations = self.segments = tuple(f"lyon-{row // 4}" for row in rows.tolist())
        self.asked: list[Tensor] = []
        self.validation: Data | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def batches(
        self,
        batch_size: int,
        generator: torch.Generator | None = None,
        *,
        drop_last: bool = False,  # noqa: ARG002 - the contract's words
        weights: Tensor | None = None,
    ) -> Iterator[Batch]:
        order = torch.arange(len(self))
        if weights is not None:
            order = torch.multinomial(weights, len(self), replacement=True, generator=generator)
        elif generator:
            order = torch.randperm(len(self), generator=generator)
        for rows in order.split(batch_size):
            self.asked.append(rows)
            yield Batch(self.waveforms[rows], self.labels[rows], rows)

    def take(self, rows: Sequence[int]) -> Data:
        return Data(self.rows[torch.as_tensor(rows)])

    def holdout(self, fraction: float, seed: int = 0) -> tuple[Data, Data]:
        generator = torch.Generator().manual_seed(seed)
        held = torch.randperm(10, generator=generator)[: max(1, round(10 * fraction))]
        mask = torch.isin(self.rows // 4, held)
        return Data(self.rows[~mask]), Data(self.rows[mask])


class StoppedError(Exception):
    """Raised by a run that is stopped after an epoch."""


class Run:
    """A run that keeps its checkpoint in memory and can be stopped after it kept one."""

    def __init__(self, work: Path, kept: dict[str, Any] | None = None, stop_after: int | None = None) -> None:
        self.device = torch.device("cpu")
        self.seed = 0
        self.work = work
        self.teachers: Mapping[str, Any] = {}
        self.generator = torch.Generator().manual_seed(0)
        self.kept = kept
        self.stop_after = stop_after
        self.reports: list[tuple[int, int, dict[str, float]]] = []
        self.snapshots: dict[int, Classifier] = {}

    def save(self, state: Mapping[str, Any]) -> None:
        self.kept = copy.deepcopy({"state": dict(state), "generator": self.generator.get_state()})
        if state["epoch"] == self.stop_after:
            raise StoppedError

    def load(self) -> dict[str, Any] | None:
        if self.kept is None:
            return None
        self.generator.set_state(self.kept["generator"])
        return copy.deepcopy(self.kept["state"])  # type: ignore[no-any-return]

    def progress(self, done: int, total: int, **metrics: float) -> None:
        self.reports.append((done, total, metrics))

    def snapshot(self, classifier: Classifier, number: int) -> None:
        self.snapshots[number] = copy.deepcopy(classifier)


class Frontend(nn.Module):
    """Waveforms (batch, 6) to features (batch, 1, 3, 2)."""

    def __init__(self, settings: float = 1.0) -> None:
        super().__init__()
        self.settings = settings

    def forward(self, waveforms: Tensor) -> Tensor:
        return waveforms.view(-1, 1, 3, 2) * self.settings


def classifier(frontend: nn.Module | None = None, *, seed: int = 0, classes: int = 2) -> Classifier:
    """A network with batch normalisation, small enough to train in milliseconds.

    No bias and no lone weight before the norm: their gradients are rounding alone, which Adam makes large.
    """
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Conv2d(1, 4, (2, 1), bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, classes)
    )
    return Classifier(frontend or Frontend(), network, 8000)


class Teacher:
    """A teacher that remembers what it heard."""

    def __init__(self, classifier: Classifier) -> None:
        self.classifier = classifier.eval()
        self.heard: list[Tensor] = []

    def predict(self, clips: Clips) -> Tensor:
        self.heard.append(clips.waveforms)
        logits: Tensor = self.classifier(clips.waveforms)
        return logits


def scalars(folder: Path) -> dict[str, list[float]]:
    """What the TensorBoard events in `folder` say: values by name, in the order of their steps."""
    found: dict[str, list[float]] = {}
    for path in sorted(folder.glob("events.*")):
        content = path.read_bytes()
        while content:
            (length,) = struct.unpack("<Q", content[:8])
            event = event_pb2.Event.FromString(content[12 : 12 + length])
            content = content[16 + length :]
            for value in event.summary.value:
                found.setdefault(value.tag, []).append(value.simple_value)
    return found
