"""A frontend of vectors between Fourier transforms and activations: a deep network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harness.contract import Classifier, Task
from tests.entries.parts import RATE, Config, predict, train

__all__ = ["Config", "build", "predict", "train"]


class Deep(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for layer in range(40):
            self.register_buffer(f"gain_{layer}", torch.randn(513))
            self.register_buffer(f"shift_{layer}", torch.randn(1024))

    def forward(self, waveforms: Tensor) -> Tensor:
        hidden = waveforms[:, :1024]
        for layer in range(40):
            spectrum = torch.fft.rfft(hidden) * self.get_buffer(f"gain_{layer}")
            hidden = (torch.fft.irfft(spectrum) + self.get_buffer(f"shift_{layer}")).relu()
        return hidden


def build(config: Config, task: Task) -> Classifier:
    return Classifier(Deep(), nn.Linear(1024, task.n_classes), RATE)
