"""Half of 60,000 weights masked away: torchinfo counts the other half."""

from __future__ import annotations

from torch import nn
from torch.nn.utils import prune

from harness.contract import Classifier, Task
from tests.entries.parts import Config, honest, predict, train

__all__ = ["Config", "build", "predict", "train"]


def build(config: Config, task: Task) -> Classifier:
    layer = nn.Linear(170, 352)
    prune.random_unstructured(layer, "weight", amount=0.5)
    return honest(nn.Sequential(nn.AvgPool2d((8, 3)), nn.Flatten(), layer, nn.Linear(352, task.n_classes)))
