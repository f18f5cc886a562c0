"""A frontend that multiplies with a matrix, a row at a time."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harness.contract import Classifier, Task
from tests.entries.parts import RATE, Config, predict, train

__all__ = ["Config", "build", "predict", "train"]


class Rows(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weight", torch.randn(400, 384))

    def forward(self, waveforms: Tensor) -> Tensor:
        features = torch.zeros(len(waveforms), 384)
        for row in range(400):
            features = features + waveforms[:, row : row + 1] * self.get_buffer("weight")[row]
        return features


def build(config: Config, task: Task) -> Classifier:
    return Classifier(Rows(), nn.Linear(384, task.n_classes), RATE)
