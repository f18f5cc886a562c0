"""Products and sums by scattering, which looks like moving numbers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harness.contract import Classifier, Task
from tests.entries.parts import Config, honest, pooled, predict, train

__all__ = ["Config", "build", "predict", "train"]


class Scattered(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(170, 100))
        self.last = nn.Linear(100, classes)

    def forward(self, features: Tensor) -> Tensor:
        x = pooled(features)
        places = torch.arange(17000).view(1, -1).expand(len(x), -1)
        spread = x.unsqueeze(2).expand(-1, -1, 100).flatten(1).clone()
        products = spread.scatter(1, places, self.weight.view(1, -1).expand(len(x), -1), reduce="multiply")
        sums = torch.zeros(len(x), 100).scatter(1, places % 100, products, reduce="add")
        return self.last(sums)


def build(config: Config, task: Task) -> Classifier:
    return honest(Scattered(task.n_classes))
