"""Reads the device from the name of the file."""

from __future__ import annotations

from torch import Tensor

from harness.contract import Classifier, Clips, Task
from tests.entries.parts import Config, honest, small, train

__all__ = ["Config", "build", "predict", "train"]


def build(config: Config, task: Task) -> Classifier:
    return honest(small(task.n_classes))


def predict(classifier: Classifier, clips: Clips) -> Tensor:
    devices = [name.rsplit("-", 1)[1].removesuffix(".wav") for name in clips.names]  # type: ignore[attr-defined]
    logits: Tensor = classifier(clips.waveforms)
    return logits + len(devices)
