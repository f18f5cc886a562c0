"""What a training keeps: classifiers, checkpoints, how far it is; and the trained teachers it is given."""

from __future__ import annotations

import pickle
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from harness import contract
from harness.child.entries import import_entry, require_classifier
from harness.complexity.measuring import evaluate
from harness.contract import Classifier, Clips, Teacher
from harness.files import digest_of_value, write_bytes
from harness.job import CHECKPOINT, SNAPSHOT, TRAINED, WORK
from harness.outcomes import Mistake, first_line


class LoadedTeacher:
    """`contract.Teacher`: what the training of another cell gave, with its entry's `predict`; read when first used."""

    def __init__(self, entry: Path, folder: Path) -> None:
        self._folder = entry
        self._trained = folder / TRAINED

    @cached_property
    def _entry(self) -> contract.Entry:
        return import_entry(self._folder)

    @cached_property
    def classifier(self) -> Classifier:
        _ = self._entry  # its classes are named in the file
        classifier = torch.load(self._trained, map_location="cpu", weights_only=False)
        require_classifier(classifier, "train")
        evaluate(classifier)
        return cast("Classifier", classifier)

    def predict(self, clips: Clips) -> Tensor:
        with torch.no_grad():
            return self._entry.predict(self.classifier, clips)


@dataclass
class StageRun:
    """`contract.Run`: where a training runs, from which seed, and what it keeps."""

    device: torch.device
    seed: int
    folder: Path
    progress_file: Path
    teachers: Mapping[str, Teacher] = field(default_factory=dict)
    rank: int = 0
    processes: int = 1

    def __post_init__(self) -> None:
        self.order = self.generator = torch.Generator().manual_seed(self.seed)
        self.work = self.folder / WORK
        if self.processes > 1:
            own = int(digest_of_value([self.seed, self.rank])[:8], 16)
            self.generator = torch.Generator().manual_seed(own)
            seed_generators(own)
            self.work = self.work / f"rank-{self.rank}" if self.rank else self.work
        self.work.mkdir(parents=True, exist_ok=True)

    def progress(self, done: int, total: int, **metrics: float) -> None:
        if self.rank == 0:
            report(self.progress_file, done, total, metrics)

    def save(self, state: Mapping[str, Any]) -> None:
        kept: dict[str, Any] = {"state": dict(state)}
        if self.processes == 1:
            kept |= self._drawn()
        else:
            kept["ranks"] = self._drawn_by_all()
        if self.rank == 0:
            write(kept, self.folder / CHECKPOINT)

    def load(self) -> dict[str, Any] | None:
        path = self.folder / CHECKPOINT
        if not path.is_file():
            return None
        kept = torch.load(path, map_location="cpu", weights_only=False)
        self._draw_on(kept if self.processes == 1 else kept["ranks"][self.rank])
        return cast("dict[str, Any]", kept["state"])

    def snapshot(self, classifier: Classifier, number: int) -> None:
        if self.rank == 0:
            save(classifier, self.folder / SNAPSHOT.format(epoch=int(number)))

    def _drawn(self) -> dict[str, Any]:
        """The states of the generators of this process."""
        states = {
            "generator": self.generator.get_state(),
            "torch": torch.get_rng_state(),
            "numpy": np.random.get_state(),  # noqa: NPY002 - entries may draw from the global generators
            "random": random.getstate(),
        }
        if self.device.type == "cuda":
            states["cuda"] = torch.cuda.get_rng_state()
        return states

    def _drawn_by_all(self) -> list[dict[str, Any]]:
        """The states of the generators of every process, by rank."""
        states: list[dict[str, Any]] = [{} for _ in range(self.processes)]
        dist.all_gather_object(states, {**self._drawn(), "order": self.order.get_state()})
        if not all(torch.equal(one["order"], states[0]["order"]) for one in states):
            problem = "The processes of the training no longer draw the same order of clips."
            raise Mistake("processes.order", problem, "Draw orders and nothing else from run.order, alike in all.")
        return states

    def _draw_on(self, states: Mapping[str, Any]) -> None:
        """Every generator goes on where it stood."""
        self.generator.set_state(states["generator"])
        torch.set_rng_state(states["torch"])
        np.random.set_state(states["numpy"])  # noqa: NPY002 - as above
        random.setstate(states["random"])
        if "cuda" in states:
            torch.cuda.set_rng_state(states["cuda"])
        if "order" in states:
            self.order.set_state(states["order"])


def seed_generators(seed: int) -> None:
    """One seed for every global generator, for entries that draw from them."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - as above
    torch.manual_seed(seed)


def save(classifier: Classifier, path: Path) -> None:
    try:
        write(classifier, path)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        problem = f"What train returned cannot be saved: {first_line(error)}."
        raise Mistake("contract.save", problem, "Define its classes at the top level of a file of the entry.") from None


def write(value: object, path: Path) -> None:
    """Saves through memory: torch's own writer hides that a disk is full."""
    buffer = BytesIO()
    torch.save(value, buffer)
    write_bytes(path, buffer.getvalue())


def report(path: Path, done: int, total: int, metrics: Mapping[str, float]) -> None:
    shown = " ".join(f"{name} {value:.4g}" for name, value in metrics.items())
    write_bytes(path, f"{int(done)} {int(total)} {shown}".encode())
