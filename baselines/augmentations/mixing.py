"""Mixup: clips and their targets mixed with those of another clip of the batch, as waveforms or as spectrograms."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from baselines.augmentations.draws import beta, some
from baselines.augmentations.steps import Sample, Step


class Mixup(Step):
    """x = l x + (1 - l) x', targets alike; l from Beta(alpha, alpha), a draw a clip, partners by a random permutation.

    `own_share="larger"` takes max(l, 1 - l), so that a clip stays mostly itself (PaSST); "any" takes l as drawn (AST,
    PSLA). Waveforms lose their mean before and after, as in both releases. `probability` is a clip's. Papers draw the
    partner from the whole training set; here it is of the same batch, which is a random draw from that set.

    PaSST: log mel, alpha 0.3, larger, and waveforms, probability 0.5, alpha 2, larger. AST and PSLA: waveforms,
    probability 0.5, alpha 10, any.
    """

    kind: Literal["mixup"] = "mixup"
    domain: Literal["waveform", "log_mel"]
    alpha: float = Field(gt=0)
    own_share: Literal["any", "larger"] = "any"
    probability: float = Field(default=1.0, ge=0, le=1)

    @property
    def where(self) -> Literal["waveform", "log_mel"]:
        return self.domain

    def apply(self, sample: Sample, generator: Generator) -> Sample:
        batch = len(sample.x)
        rows = some(batch, self.probability, generator)
        share = beta(self.alpha, batch, generator)
        partner = torch.randperm(batch, generator=generator)
        if self.own_share == "larger":
            share = torch.maximum(share, 1 - share)
        own = torch.ones(batch)
        own[rows] = share[rows]
        return mixed(sample, own, partner, centred=self.domain == "waveform")


def mixed(sample: Sample, share: Tensor, partner: Tensor, *, centred: bool = False) -> Sample:
    """Clips and targets at `share` (batch,) of their own and the rest of clip `partner` (batch,)'s.

    `centred` takes the mean off what is mixed, before and after; a share of 1 leaves a clip untouched.
    """
    x, targets = sample.x, sample.shares()
    share, partner = share.to(x), partner.to(x.device)
    own = share.view(-1, *[1] * (x.dim() - 1))
    whole = x - x.mean(1, keepdim=True) if centred else x
    blend = torch.lerp(whole[partner], whole, own)
    if centred:
        blend = torch.where(own == 1, x, blend - blend.mean(1, keepdim=True))
    soft = torch.lerp(targets[partner], targets, share.to(targets)[:, None])
    return sample.having(blend, soft)
