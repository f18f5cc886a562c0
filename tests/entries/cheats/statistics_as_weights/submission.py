"""Weights in the running mean of a batch normalisation that normalises nothing."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harness.contract import Classifier, Task
from tests.entries.parts import Config, honest, pooled, predict, train

__all__ = ["Config", "build", "predict", "train"]


class Hidden(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(170 * 384)
        self.norm.running_mean = torch.randn(170 * 384)
        self.norm.weight = self.norm.bias = None
        self.last = nn.Linear(384, classes)

    def forward(self, features: Tensor) -> Tensor:
        assert self.norm.running_mean is not None
        return self.last((pooled(features) @ self.norm.running_mean.view(170, 384)).relu())


def build(config: Config, task: Task) -> Classifier:
    return honest(Hidden(task.n_classes))
