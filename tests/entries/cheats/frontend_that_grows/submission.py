"""A frontend that is a network from the fortieth clip on."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harness.contract import Classifier, Task
from tests.entries.parts import RATE, Config, predict, train

__all__ = ["Config", "build", "predict", "train"]


class Patient(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, waveforms: Tensor) -> Tensor:
        self.calls += 1
        features = waveforms[:, :10]
        if self.calls > 25:
            weight = torch.arange(RATE * 100, dtype=torch.float32).sin().view(RATE, 100)
            features = features + 0 * (waveforms[:, :RATE] @ weight)[:, :10]
        return features


def build(config: Config, task: Task) -> Classifier:
    return Classifier(Patient(), nn.Linear(10, task.n_classes), RATE)
