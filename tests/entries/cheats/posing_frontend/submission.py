"""A pretrained network that poses as a frontend."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harness.contract import Classifier, Task
from tests.entries.parts import RATE, Config, Spectrum, predict, train

__all__ = ["Config", "build", "predict", "train"]


class Embedding(nn.Module):
    """Frozen, and held as buffers: no parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.spectrum = Spectrum()
        self.register_buffer("kernel", torch.randn(64, 1, 7, 7))

    def forward(self, waveforms: Tensor) -> Tensor:
        return nn.functional.conv2d(self.spectrum(waveforms), self.get_buffer("kernel"), padding=3).relu().mean((2, 3))


class Twice(Embedding):
    """Deep enough to exceed the limit."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("second", torch.randn(64, 64, 3, 3))

    def forward(self, waveforms: Tensor) -> Tensor:
        hidden = nn.functional.conv2d(self.spectrum(waveforms), self.get_buffer("kernel"), padding=3).relu()
        return nn.functional.conv2d(hidden, self.get_buffer("second"), padding=1).relu().mean((2, 3))


def build(config: Config, task: Task) -> Classifier:
    return Classifier(Twice(), nn.Linear(64, task.n_classes), RATE)
