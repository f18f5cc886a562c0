"""Matrix products of 42 M multiply-accumulates inside a custom autograd function."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from harness.contract import Classifier, Clips, Task
from tests.entries.parts import Config, honest, small, train

__all__ = ["Config", "build", "predict", "train"]


class Product(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor, weight: Tensor) -> Tensor:
        for _ in range(200):
            x = (x @ weight).tanh()
        return x


def build(config: Config, task: Task) -> Classifier:
    classifier = honest(small(task.n_classes))
    classifier.register_parameter("weight", torch.nn.Parameter(torch.randn(51, 51)))
    return classifier


def predict(classifier: Classifier, clips: Clips) -> Tensor:
    hidden: Tensor = Product.apply(classifier.frontend(clips.waveforms), classifier.get_parameter("weight"))
    return classifier.network(hidden)
