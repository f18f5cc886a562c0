"""Logits of the batch, hidden behind a large number that softmax does not see."""

from __future__ import annotations

from torch import Tensor

from harness.contract import Classifier, Clips, Task
from tests.entries.parts import Config, honest, small, train

__all__ = ["Config", "build", "predict", "train"]


def build(config: Config, task: Task) -> Classifier:
    return honest(small(task.n_classes))


def predict(classifier: Classifier, clips: Clips) -> Tensor:
    logits: Tensor = classifier(clips.waveforms)
    return logits - logits.mean(0) * 3 + 1e5
