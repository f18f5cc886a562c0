"""A separate distillation head for networks that end in one linear layer (paper 003, section 4.2, AST→CNN)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from baselines.models.network import Network


class TwoHeads(Network):
    """One head for the labels and one for the teacher, over the same features; asked for logits, it gives their mean.

    `network` has 2 x n_classes outputs: two independent linear heads are one of twice the width. Which logits the paper
    scores is not said; the mean is AST's way with its two tokens.
    """

    HEAD: ClassVar = ("network",)

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, 1, n_mels, n_frames) to logits (N, n_classes)."""
        return torch.stack(self.heads(x)).mean(0)

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, n_classes) for the labels, and for the teacher."""
        labels, teacher = self.network(x).chunk(2, dim=1)
        return labels, teacher
