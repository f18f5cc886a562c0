"""Weights as the running means of a norm that is asked for them."""

from __future__ import annotations

from torch import Tensor, nn

from harness.contract import Classifier, Task
from tests.entries.parts import Config, honest, pooled, predict, train

__all__ = ["Config", "build", "predict", "train"]


class Hidden(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(170 * 384, affine=False)
        assert self.norm.running_mean is not None
        self.norm.running_mean.normal_()
        self.last = nn.Linear(384, classes)

    def forward(self, features: Tensor) -> Tensor:
        weight = self.norm(features.new_zeros(1, 1).expand(1, 170 * 384)).view(170, 384)
        return self.last((pooled(features) @ weight).relu())


def build(config: Config, task: Task) -> Classifier:
    return honest(Hidden(task.n_classes))
