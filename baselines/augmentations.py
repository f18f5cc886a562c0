"""Augmentations of the official baseline: batched, on the device of the data, drawn from the run's generator.

Every function takes its random numbers from `generator`, a CPU generator, so that a seed gives the same draws on every
device.
"""

from __future__ import annotations

import torch
from torch import Tensor


def chance(probability: float, generator: torch.Generator) -> bool:
    """True with `probability`, one draw."""
    return bool(torch.rand((), generator=generator) < probability)


def beta(alpha: float, size: int, generator: torch.Generator) -> Tensor:
    """`size` draws of Beta(alpha, alpha), as a ratio of two gamma draws (float32)."""
    shape = torch.full((2, size), alpha, dtype=torch.float64)
    first, second = torch._standard_gamma(shape, generator)
    share: Tensor = first / (first + second)
    return share.float()


def roll_waveforms(waveforms: Tensor, limit: int, generator: torch.Generator) -> Tensor:
    """Each clip of (batch, samples) rolled in a circle by its own uniform whole number of samples in [-limit, limit].

    Source: DCASE 2024 baseline, 0.1 s.
    """
    batch, samples = waveforms.shape
    shifts = torch.randint(-limit, limit + 1, (batch,), generator=generator).tolist()
    rolled = torch.empty_like(waveforms)
    for row, shift in enumerate(shift % samples for shift in shifts):
        rolled[row, shift:] = waveforms[row, : samples - shift]
        rolled[row, :shift] = waveforms[row, samples - shift :]
    return rolled


def mask_frequencies(mel: Tensor, limit: int, generator: torch.Generator, value: float = 0.0) -> Tensor:
    """One band of mel rows a clip set to `value`; mel (batch, 1, n_mels, n_frames).

    Width: real and uniform in [0, limit), start: uniform in [0, n_mels - width), both cut to whole numbers, as in
    torchaudio; so at most limit - 1 rows.
    """
    batch, _, n_mels, _ = mel.shape
    draws = torch.rand((2, batch), generator=generator)
    width = draws[0] * limit
    start = (draws[1] * (n_mels - width)).long()
    stop = start + width.long()
    row = torch.arange(n_mels)
    masked = (row >= start[:, None]) & (row < stop[:, None])
    return mel.masked_fill(masked[:, None, :, None].to(mel.device), value)


def freq_mixstyle(x: Tensor, alpha: float, generator: torch.Generator) -> Tensor:
    """Frequency statistics of every clip mixed with those of another one; x (batch, channels, n_mels, n_frames).

    Schmid et al., DCASE 2022: lambda from Beta(alpha, alpha) for each clip, partners by a random permutation.
    """
    batch = x.shape[0]
    mix = beta(alpha, batch, generator).to(x.device)
    partner = torch.randperm(batch, generator=generator).to(x.device)
    return mix_statistics(x, mix, partner)


def mix_statistics(x: Tensor, mix: Tensor, partner: Tensor, eps: float = 1e-6) -> Tensor:
    """Freq-MixStyle with given draws: y = (x - mu) / sigma * sigma' + mu', statistics over channels and time.

    mu' and sigma' are mixes of a clip's own statistics (share `mix`, (batch,)) and those of clip `partner` (batch,).
    The variance is the unbiased one; sigma = sqrt(var + eps); nothing is differentiated through the statistics.
    """
    with torch.no_grad():
        variance, mu = torch.var_mean(x, dim=(1, 3), keepdim=True)
        sigma = (variance + eps).sqrt()
        share = mix.to(x.dtype)[:, None, None, None]
        mixed_sigma = share * sigma + (1 - share) * sigma[partner]
        mixed_mu = share * mu + (1 - share) * mu[partner]
        gain = mixed_sigma / sigma
        shift = mixed_mu - mu * gain
    return torch.addcmul(shift, x, gain)
