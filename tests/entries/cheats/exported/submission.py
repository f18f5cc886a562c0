"""A network of 41 M multiply-accumulates, exported."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harness.contract import Classifier, Task
from tests.entries.parts import Config, honest, predict, train

__all__ = ["Config", "build", "predict", "train"]


class Big(nn.Module):
    """41 M multiply-accumulates."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 33, 3, padding=1), nn.Conv2d(33, 33, 3, padding=1)
        self.last = nn.Linear(33, classes)

    def forward(self, features: Tensor) -> Tensor:
        return self.last(self.second(self.first(features).relu()).mean((2, 3)))


def build(config: Config, task: Task) -> Classifier:
    features = torch.randn(2, 1, 80, 51)
    batch = torch.export.Dim("batch")
    program = torch.export.export(Big(task.n_classes).eval(), (features,), dynamic_shapes=({0: batch},))
    return honest(program.module())
