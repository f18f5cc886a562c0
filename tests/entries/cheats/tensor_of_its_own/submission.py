"""A tensor whose activation is a network."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from harness.contract import Classifier, Clips, Task
from tests.entries.parts import Config, honest, pooled, small, train

__all__ = ["Config", "build", "predict", "train"]


WEIGHT = torch.randn(170, 170)


class Sly(Tensor):
    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        with torch._C._DisableTorchDispatch():
            result = func(*args, **(kwargs or {}))
            return torch.tanh(result @ WEIGHT).as_subclass(cls) if "relu" in str(func) else result


def build(config: Config, task: Task) -> Classifier:
    return honest(small(task.n_classes))


def predict(classifier: Classifier, clips: Clips) -> Tensor:
    hidden = pooled(classifier.frontend(clips.waveforms)).as_subclass(Sly)
    for _ in range(20):
        hidden = hidden.relu()
    return classifier.network[2](hidden.as_subclass(Tensor))
