"""Random numbers of the augmentations: all from the run's CPU generator, so that a seed draws the same everywhere."""

from __future__ import annotations

import torch
from torch import Generator, Tensor


def chance(probability: float, generator: Generator) -> bool:
    """True with `probability`, one draw."""
    return bool(torch.rand((), generator=generator) < probability)


def some(count: int, probability: float, generator: Generator) -> Tensor:
    """Rows out of `count`, each taken with `probability`: (taken,) int64 in rising order."""
    return (torch.rand(count, generator=generator) < probability).nonzero().flatten()


def uniform(low: float, high: float, shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Real numbers of [low, high), float32."""
    return low + (high - low) * torch.rand(shape, generator=generator)


def beta(alpha: float, size: int, generator: Generator) -> Tensor:
    """`size` draws of Beta(alpha, alpha), as a ratio of two gamma draws (float32)."""
    shape = torch.full((2, size), alpha, dtype=torch.float64)
    first, second = torch._standard_gamma(shape, generator)
    share: Tensor = first / (first + second)
    return share.float()


def many(generator: Generator, device: torch.device) -> Generator:
    """A generator on `device`, seeded by one draw, for as many numbers as a spectrogram has cells."""
    seed = int(torch.randint(2**62, (), generator=generator))
    return Generator(device).manual_seed(seed)
