"""Weights as text in the source, decoded when they are needed."""

from __future__ import annotations

import base64

import torch
from torch import Tensor

from harness.contract import Classifier, Clips, Task
from tests.entries.parts import Config, honest, pooled, small, train

__all__ = ["Config", "build", "predict", "train"]


TEXT = base64.b64encode(bytes(range(256)) * 510)


def build(config: Config, task: Task) -> Classifier:
    return honest(small(task.n_classes))


def predict(classifier: Classifier, clips: Clips) -> Tensor:
    weight = torch.frombuffer(bytearray(base64.b64decode(TEXT)), dtype=torch.int8).float().reshape(170, 768)
    return (pooled(classifier.frontend(clips.waveforms)) @ weight).unflatten(1, (3, 256)).amax(2)
