"""From features over frequency and time to classes: the heads of the CNNs and of the CNN-attention hybrids.

Two forms of each. The text of paper 003 pools features and then maps them to logits; the code that PSLA released maps
each time step to probabilities and pools those. State-dict keys are PSLA's in both, so one file fits either.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Pooling = Literal["feature_mean", "psla"]
"""feature_mean: logits, as paper 003 writes. psla: probabilities, from a sigmoid for every time step, as released."""

EPSILON = 1e-7
"""PSLA clamps attention weights to [EPSILON, 1 - EPSILON] before it normalises them."""


class MeanHead(nn.Module):
    """Mean over frequency and time: features (N, width, F, T) to (N, n_classes)."""

    def __init__(self, width: int, n_classes: int, pooling: Pooling) -> None:
        super().__init__()
        self.pooling = pooling
        self.cla = nn.Conv2d(width, n_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, width, F, T) to logits, or probabilities for "psla", (N, n_classes)."""
        if self.pooling == "feature_mean":
            pooled: Tensor = self.cla(x.mean((2, 3), keepdim=True))
            return pooled.flatten(1)
        steps: Tensor = self.cla(x.mean(2, keepdim=True))
        return steps.sigmoid().mean((2, 3))


class AttentionHead(nn.Module):
    """Gated attention over time with several heads: features (N, width, F, T) to (N, n_classes).

    A head weighs each time step, class by class, by a sigmoid gate normalised over time; heads are summed with free
    weights that start equal. Paper 003 calls it self-attention pooling. "feature_mean" takes the weighted mean of the
    linear outputs, which are logits; "psla" that of their sigmoids.
    """

    def __init__(self, width: int, n_classes: int, pooling: Pooling, heads: int = 4) -> None:
        super().__init__()
        self.pooling = pooling
        self.att = nn.ModuleList(nn.Conv2d(width, n_classes, 1) for _ in range(heads))
        self.cla = nn.ModuleList(nn.Conv2d(width, n_classes, 1) for _ in range(heads))
        self.head_weight = nn.Parameter(torch.full((heads,), 1 / heads))

    def forward(self, x: Tensor) -> Tensor:
        """(N, width, F, T) to logits, or probabilities for "psla", (N, n_classes)."""
        steps = x.mean(2, keepdim=True)
        pooled = [
            self._head(attend(steps), classify(steps)) for attend, classify in zip(self.att, self.cla, strict=True)
        ]
        return (torch.stack(pooled, dim=-1) * self.head_weight).sum(-1)

    def _head(self, attention: Tensor, classes: Tensor) -> Tensor:
        gate = attention.sigmoid().clamp(EPSILON, 1 - EPSILON)
        values = classes.sigmoid() if self.pooling == "psla" else classes
        return (gate * values).sum((2, 3)) / gate.sum((2, 3))
