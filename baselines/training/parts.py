"""Several trainings in one run, one after the other, each resumable: a network a device, say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from harness.contract import Classifier, Mistake, Run, Teacher


class Parts:
    """The trainings of a run by name: `finished` ones with their weights, and where the current one stands."""

    def __init__(self, run: Run) -> None:
        kept = run.load() or {}
        self.run = run
        self.finished: dict[str, dict[str, Tensor]] = kept.get("finished", {})
        self.current: str | None = kept.get("current")
        self.state: dict[str, Any] | None = kept.get("state")

    def part(self, name: str) -> Part:
        """What `fit` takes for a run: its checkpoints are kept under this name."""
        work = self.run.work / name
        work.mkdir(exist_ok=True)
        run = self.run
        return Part(
            self, name, run.device, run.seed, run.rank, run.processes, run.generator, run.order, work, run.teachers
        )

    def finish(self, name: str, weights: Mapping[str, Tensor]) -> None:
        """Keeps the weights of a training that has ended; it is not begun again."""
        self.finished[name] = {key: value.detach().cpu().clone() for key, value in weights.items()}
        self.save(None, None)

    def save(self, name: str | None, state: Mapping[str, Any] | None) -> None:
        """Keeps where the training called `name` stands, with what is finished."""
        self.current, self.state = name, None if state is None else dict(state)
        self.run.save({"finished": self.finished, "current": name, "state": self.state})


@dataclass
class Part:
    """One training of several: `contract.Run` with checkpoints of its own."""

    parts: Parts
    name: str
    device: torch.device
    seed: int
    rank: int
    processes: int
    generator: torch.Generator
    order: torch.Generator
    work: Path
    teachers: Mapping[str, Teacher]

    def progress(self, done: int, total: int, **metrics: float) -> None:
        self.parts.run.progress(done, total, **metrics)

    def save(self, state: Mapping[str, Any]) -> None:
        self.parts.save(self.name, state)

    def load(self) -> dict[str, Any] | None:
        """Its own checkpoint, or None; the generators stand where the whole run's checkpoint left them."""
        return self.parts.state if self.parts.current == self.name else None

    def snapshot(self, classifier: Classifier, number: int) -> None:
        del classifier, number
        raise Mistake("training.snapshot", "A part of a training keeps no snapshots.", "Set snapshots to 0.")
