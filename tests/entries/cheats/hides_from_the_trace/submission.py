"""A small network while it is traced, a large one while it predicts."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harness.contract import Classifier, Task
from tests.entries.parts import Config, honest, predict, train

__all__ = ["Config", "build", "predict", "train"]


class Shy(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.first, self.conv = nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1)
        self.last = nn.Linear(16, classes)

    def forward(self, features: Tensor) -> Tensor:
        hidden = self.first(features)
        for _ in range(1 if torch.jit.is_tracing() else 6):
            hidden = self.conv(hidden).relu()
        return self.last(hidden.mean((2, 3)))


def build(config: Config, task: Task) -> Classifier:
    return honest(Shy(task.n_classes))
