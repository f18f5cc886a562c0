"""A dictionary with an answer for every clip it has seen."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from harness.contract import Classifier, Clips, Task
from tests.entries.parts import Config, honest, small, train

__all__ = ["Config", "build", "predict", "train"]


ANSWERS: dict[str, list[float]] = {}


def build(config: Config, task: Task) -> Classifier:
    return honest(small(task.n_classes))


def predict(classifier: Classifier, clips: Clips) -> Tensor:
    answers = []
    for waveform in clips.waveforms:
        name = hashlib.sha256(waveform.numpy().tobytes()).hexdigest()
        answers.append(ANSWERS.get(name, [float(int(name[i], 16)) for i in range(3)]))
    return torch.tensor(answers)
