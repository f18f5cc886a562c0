"""Works six times as hard on loud clips."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harness.contract import Classifier, Clips, Task
from tests.entries.parts import Config, honest, train

__all__ = ["Config", "build", "predict", "train"]


class Patient(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.first, self.conv = nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1)
        self.last = nn.Linear(16, classes)

    def forward(self, features: Tensor) -> Tensor:
        hidden = self.first(features)
        for _ in range(6 if features.mean() > 3.5 else 1):
            hidden = self.conv(hidden).relu()
        return self.last(hidden.mean((2, 3)))


def build(config: Config, task: Task) -> Classifier:
    return honest(Patient(task.n_classes))


def predict(classifier: Classifier, clips: Clips) -> Tensor:
    return torch.cat([classifier(waveform.unsqueeze(0)) for waveform in clips.waveforms])
