"""What the cheating entries have in common, so that each shows its trick only."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harness import contract
from harness.contract import Classifier, Clips, Run, TrainingData

RATE = 8000


class Config(contract.Config):
    """Nothing to set."""


class Spectrum(nn.Module):
    """A free frontend: waveforms (batch, 8000) to power spectra (batch, 1, 80, 51)."""

    def forward(self, waveforms: Tensor) -> Tensor:
        """(batch, 1, 80, 51)."""
        frames = waveforms[:, :RATE].reshape(len(waveforms), 1, 80, 100)
        return torch.fft.rfft(frames).abs().square().add(1e-3).log()


def small(classes: int) -> nn.Module:
    """A network that is well within every limit: 4,080 features to logits."""
    return nn.Sequential(nn.AvgPool2d((8, 3)), nn.Flatten(), nn.Linear(170, classes))


class Big(nn.Module):
    """A network over the limit: 41 M multiply-accumulates."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 33, 3, padding=1), nn.Conv2d(33, 33, 3, padding=1)
        self.last = nn.Linear(33, classes)

    def forward(self, features: Tensor) -> Tensor:
        return self.last(self.second(self.first(features).relu()).mean((2, 3)))


def pooled(features: Tensor) -> Tensor:
    """(batch, 1, 80, 51) to (batch, 170)."""
    return nn.functional.avg_pool2d(features, (8, 3)).flatten(1)


def honest(network: nn.Module) -> Classifier:
    """A network on the free frontend."""
    return Classifier(Spectrum(), network, RATE)


def train(classifier: Classifier, data: TrainingData, run: Run) -> Classifier:
    """Nothing is learnt: these entries are about counting."""
    return classifier


def predict(classifier: Classifier, clips: Clips) -> Tensor:
    """Logits as most entries give them."""
    logits: Tensor = classifier(clips.waveforms)
    return logits
