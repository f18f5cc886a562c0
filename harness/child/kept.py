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
from torch import Tensor

from harness import contract
from harness.child.entries import import_entry, require_classifier
from harness.complexity.measuring import evaluate
from harness.contract import Classifier, Clips, Teacher
from harness.files import write_bytes
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

    def __post_init__(self) -> None:
        self.generator = torch.Generator().manual_seed(self.seed)
        self.work = self.folder / WORK
        self.work.mkdir(exist_ok=True)

    def progress(self, done: int, total: int, **metrics: float) -> None:
        report(self.progress_file, done, total, metrics)

    def save(self, state: Mapping[str, Any]) -> None:
        kept = {
            "state": dict(state),
            "generator": self.generator.get_state(),
            "torch": torch.get_rng_state(),
            "numpy": np.random.get_state(),  # noqa: NPY002 - entries may draw from the global generators
            "random": random.getstate(),
        }
        if self.device.type == "cuda":
            kept["cuda"] = torch.cuda.get_rng_state()
        write(kept, self.folder / CHECKPOINT)

    def load(self) -> dict[str, Any] | None:
        path = self.folder / CHECKPOINT
        if not path.is_file():
            return None
        kept = torch.load(path, map_location="cpu", weights_only=False)
        self.generator.set_state(kept["generator"])
        torch.set_rng_state(kept["torch"])
        np.random.set_state(kept["numpy"])  # noqa: NPY002 - as above
        random.setstate(kept["random"])
        if "cuda" in kept:
            torch.cuda.set_rng_state(kept["cuda"])
        return cast("dict[str, Any]", kept["state"])

    def snapshot(self, classifier: Classifier, number: int) -> None:
        save(classifier, self.folder / SNAPSHOT.format(epoch=int(number)))


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
