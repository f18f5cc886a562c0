"""A network of 41 M multiply-accumulates, exported."""

from __future__ import annotations

import torch

from harness.contract import Classifier, Task
from tests.entries.parts import Big, Config, honest, predict, train

__all__ = ["Config", "build", "predict", "train"]


def build(config: Config, task: Task) -> Classifier:
    features = torch.randn(2, 1, 80, 51)
    batch = torch.export.Dim("batch")
    program = torch.export.export(Big(task.n_classes).eval(), (features,), dynamic_shapes=({0: batch},))
    return honest(program.module())
