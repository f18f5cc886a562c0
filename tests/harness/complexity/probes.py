"""Entries of a few lines for the counters: a network on a frontend that only reshapes noise into what it takes."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from harness.complexity.measuring import measure
from harness.contract import Classifier, Clips, Task
from harness.results import Complexity

TASK = Task(tuple("abcdefghij"), 1.0, ("a",))

Predict = Callable[[Classifier, Clips], Any]


class Frames(nn.Module):
    """The first samples of a clip, (batch, samples) to (batch, *shape)."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, waveforms: Tensor) -> Tensor:
        return waveforms[:, : prod(self.shape)].reshape(len(waveforms), *self.shape)


def plain(classifier: Classifier, clips: Clips) -> Any:
    """`predict` as most entries write it; what is no tensor of logits does not matter to the counters."""
    return classifier(clips.waveforms)


def entry(predict: Predict = plain) -> Any:
    return SimpleNamespace(predict=predict)


def classifier(network: nn.Module, *shape: int, frontend: nn.Module | None = None) -> Classifier:
    """A classifier whose network takes features of this shape."""
    return Classifier(frontend or Frames(*shape), network, max(8000, prod(shape)))


def count(network: nn.Module, *shape: int, predict: Predict = plain, frontend: nn.Module | None = None) -> Complexity:
    """What the network costs on features (1, *shape)."""
    torch.manual_seed(0)
    return measure(entry(predict), classifier(network, *shape, frontend=frontend), TASK).complexity
