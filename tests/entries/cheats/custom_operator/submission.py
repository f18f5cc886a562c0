"""A matrix product inside an operator of its own."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.contract import Classifier, Clips, Task
from tests.entries.parts import Config, honest, pooled, small, train

__all__ = ["Config", "build", "predict", "train"]


@torch.library.custom_op("cheat::product", mutates_args=())
def product(x: Tensor, weight: Tensor) -> Tensor:
    for _ in range(10):
        x = (x @ weight).tanh()
    return x.clone()


def build(config: Config, task: Task) -> Classifier:
    classifier = honest(small(task.n_classes))
    classifier.register_parameter("weight", torch.nn.Parameter(torch.randn(170, 170)))
    return classifier


def predict(classifier: Classifier, clips: Clips) -> Tensor:
    features = pooled(classifier.frontend(clips.waveforms))
    hidden: Tensor = product(features, classifier.get_parameter("weight"))
    return classifier.network[2](hidden)
