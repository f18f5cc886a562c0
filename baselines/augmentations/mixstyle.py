"""Freq-MixStyle: a clip with the frequency statistics, and so the device, of another one.

Kim et al., "Domain generalization on efficient acoustic scene classification using residual normalization", DCASE 2021;
Schmid et al., "Knowledge distillation from transformers for low-complexity acoustic scene classification", DCASE 2022.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from baselines.augmentations.draws import beta, chance
from baselines.augmentations.steps import Sample, Step


class FreqMixStyle(Step):
    """The whole batch, with `probability`, with mixed frequency statistics; on the log-mel.

    `own_share="any"`: the share of a clip's own statistics is Beta(alpha, alpha), as in CP-JKU's systems of 2022 to
    2024; "larger" takes max(l, 1 - l), as in CP-JKU's later code for sound events.
    """

    kind: Literal["freq_mixstyle"] = "freq_mixstyle"
    probability: float = Field(ge=0, le=1)
    alpha: float = Field(gt=0)
    own_share: Literal["any", "larger"] = "any"

    @property
    def where(self) -> Literal["log_mel"]:
        return "log_mel"

    def apply(self, sample: Sample, generator: Generator) -> Sample:
        if not chance(self.probability, generator):
            return sample
        return sample.having(freq_mixstyle(sample.x, self.alpha, generator, larger=self.own_share == "larger"))


def freq_mixstyle(x: Tensor, alpha: float, generator: Generator, *, larger: bool = False) -> Tensor:
    """Frequency statistics of every clip mixed with those of another one; x (batch, channels, n_mels, n_frames).

    lambda from Beta(alpha, alpha) for each clip, partners by a random permutation.
    """
    batch = x.shape[0]
    mix = beta(alpha, batch, generator)
    partner = torch.randperm(batch, generator=generator).to(x.device)
    return mix_statistics(x, (torch.maximum(mix, 1 - mix) if larger else mix).to(x.device), partner)


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
