"""A frontend whose filters are learnt."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harness.contract import Classifier, Task
from tests.entries.parts import RATE, Config, predict, train

__all__ = ["Config", "build", "predict", "train"]


class Filters(nn.Module):
    """A filter bank of 128 learnt filters of 400 samples."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.Parameter(torch.randn(128, 1, 400))

    def forward(self, waveforms: Tensor) -> Tensor:
        return nn.functional.conv1d(waveforms[:, None, :RATE], self.filters, stride=10).square().mean(2).log()


def build(config: Config, task: Task) -> Classifier:
    return Classifier(Filters(), nn.Linear(128, task.n_classes), RATE)
