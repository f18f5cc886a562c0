"""The same training step with this project's frontend and layout, eager or compiled."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines import augmentations
from baselines.frontends import LogMel
from baselines.models.cp_mobile import SHAPE_2024, CPMobile
from baselines.training import Compile, compiled

Step = Callable[[], None]


def step(inputs: Tensor, labels: Tensor, *, with_frontend: bool, choice: Compile) -> Step:
    """A training step on waveforms (batch, samples) with the frontend, on log-mels (batch, 1, mels, frames) without."""
    torch.manual_seed(0)
    network = CPMobile(SHAPE_2024).train().to(memory_format=torch.channels_last)
    stepped = compiled(network, choice, steps=0)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)
    frontend = LogMel()
    generator = torch.Generator().manual_seed(0)

    def run() -> None:
        features = frontend(inputs) if with_frontend else inputs
        features = augmentations.freq_mixstyle(features, 0.3, generator)
        optimiser.zero_grad(set_to_none=True)
        F.cross_entropy(stepped(features), labels).backward()
        optimiser.step()

    return run
