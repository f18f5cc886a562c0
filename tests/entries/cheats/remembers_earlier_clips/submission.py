"""Adapts its normalisation to the clips it has predicted."""

from __future__ import annotations

from torch import Tensor

from harness.contract import Classifier, Clips, Task
from tests.entries.parts import Config, honest, small, train

__all__ = ["Config", "build", "predict", "train"]


def build(config: Config, task: Task) -> Classifier:
    classifier = honest(small(task.n_classes))
    classifier.seen = []
    return classifier


def predict(classifier: Classifier, clips: Clips) -> Tensor:
    features = classifier.frontend(clips.waveforms)
    classifier.seen.append(float(features.mean()))
    return classifier.network(features - sum(classifier.seen[:-1]))
