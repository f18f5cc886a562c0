"""A second network in a list, where no module looks for it."""

from __future__ import annotations

from torch import Tensor, nn

from harness.contract import Classifier, Task
from tests.entries.parts import RATE, Config, Spectrum, predict, small, train

__all__ = ["Config", "build", "predict", "train"]


class Ensemble(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.first = small(classes)
        self.others = [nn.Sequential(nn.Flatten(), nn.Linear(4080, 16), nn.Linear(16, classes))]

    def forward(self, features: Tensor) -> Tensor:
        return self.first(features) + self.others[0](features)


def build(config: Config, task: Task) -> Classifier:
    return Classifier(Spectrum(), Ensemble(task.n_classes), RATE)
