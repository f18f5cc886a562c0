"""A buffer of one number that lies in a large memory."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harness.contract import Classifier, Task
from tests.entries.parts import Config, honest, pooled, predict, train

__all__ = ["Config", "build", "predict", "train"]


class View(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.randn(170 * 384)[:1])
        self.last = nn.Linear(384, classes)

    def forward(self, features: Tensor) -> Tensor:
        return self.last(pooled(features) @ self.get_buffer("weight").as_strided((170, 384), (384, 1), 0))


def build(config: Config, task: Task) -> Classifier:
    return honest(View(task.n_classes))
