"""A small network while it is counted, a large one after some calls."""

from __future__ import annotations

from torch import Tensor, nn

from harness.contract import Classifier, Task
from tests.entries.parts import Config, honest, predict, train

__all__ = ["Config", "build", "predict", "train"]


class Impatient(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.first, self.conv = nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1)
        self.last = nn.Linear(16, classes)
        self.calls = 0

    def forward(self, features: Tensor) -> Tensor:
        self.calls += 1
        hidden = self.first(features)
        for _ in range(6 if self.calls > 18 else 1):
            hidden = self.conv(hidden).relu()
        return self.last(hidden.mean((2, 3)))


def build(config: Config, task: Task) -> Classifier:
    return honest(Impatient(task.n_classes))
