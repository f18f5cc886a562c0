"""Tests of the augmentations, and the batches they are tried on."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from baselines.augmentations import Sample


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def relative(found: Tensor, expected: Tensor) -> float:
    """The largest difference, as a share of the largest number that was expected."""
    return float((found - expected).abs().max() / expected.abs().max())


def batch_of(
    x: Tensor,
    *,
    devices: tuple[str, ...] | None = None,
    sample_rate: int = 1000,
    targets: Tensor | None = None,
    n_classes: int = 10,
    responses: Path | None = None,
) -> Sample:
    """A batch with labels 0, 1, 2, …, all of device "a", unless it is said otherwise."""
    labels = torch.arange(len(x)) % n_classes if targets is None else targets
    return Sample(x, labels, devices or ("a",) * len(x), sample_rate, n_classes, responses)
