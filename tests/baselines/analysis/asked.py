"""A trained system as probes get it, made for tests: no process, no store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from harness.contract import Classifier, Clips, Task

SAMPLES = 800
TASK = Task(("a", "b", "c"), 0.1, ())


class Frames(nn.Module):
    """Waveforms (batch, 800) to features (batch, 1, 32, 40): band k of a frame is its k-th sample."""

    def forward(self, waveforms: Tensor) -> Tensor:
        frames = waveforms.reshape(len(waveforms), 1, 40, 20).transpose(2, 3)
        return torch.cat([frames, frames[:, :, :12].abs()], dim=2)


@dataclass
class Asked:
    """`contract.Probed` over waveforms in memory; `most` clips at a time."""

    classifier: Classifier
    waveforms: Tensor
    task: Task = TASK
    most: int = 3

    def predict(self, clips: Clips) -> Tensor:
        with torch.no_grad():
            return self.classifier(clips.waveforms)

    def batches(self, most: int | None = None) -> Iterator[tuple[range, Clips]]:
        size = min(most or self.most, self.most)
        for start in range(0, len(self.waveforms), size):
            rows = range(start, min(start + size, len(self.waveforms)))
            yield rows, Clips(self.waveforms[rows.start : rows.stop], 8000)


def sounds(clips: int = 7, seed: int = 0) -> Tensor:
    return 0.1 * torch.randn(clips, SAMPLES, generator=torch.Generator().manual_seed(seed))


def asked(network: nn.Module, clips: int = 7, frontend: nn.Module | None = None) -> Asked:
    classifier = Classifier(frontend or Frames(), network, 8000)
    return Asked(classifier.eval(), sounds(clips))


def cnn(seed: int = 0) -> nn.Sequential:
    """A convolution, its mean over positions, a linear layer."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 5, 3),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(5, 6),
        nn.ReLU(),
        nn.Linear(6, 3),
    )
