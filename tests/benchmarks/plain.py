"""The 2024 baseline's training step as it is plainly written: default layout, 32 bit, eager, torchaudio's frontend."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
import torchaudio
from torch import Tensor

from baselines import augmentations
from baselines.models.cp_mobile import SHAPE_2024, CPMobile

Step = Callable[[], None]


def step(inputs: Tensor, labels: Tensor, *, with_frontend: bool) -> Step:
    """A training step on waveforms (batch, samples) with the frontend, on log-mels (batch, 1, mels, frames) without."""
    torch.manual_seed(0)
    network = CPMobile(SHAPE_2024).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    frontend = torchaudio.transforms.MelSpectrogram(32000, 4096, 3072, 500, n_mels=256)
    generator = torch.Generator().manual_seed(0)

    def run() -> None:
        features = (frontend(inputs) + 1e-5).log().unsqueeze(1) if with_frontend else inputs
        features = augmentations.freq_mixstyle(features, 0.3, generator)
        optimiser.zero_grad()
        F.cross_entropy(network(features), labels).backward()
        optimiser.step()

    return run
