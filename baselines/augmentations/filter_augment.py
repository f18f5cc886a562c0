"""FilterAugment: random gains by frequency band, as if heard through another filter.

Nam et al., "FilterAugment: an acoustic environmental data augmentation method", ICASSP 2022.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Generator, Tensor

from baselines.augmentations.draws import chance, uniform
from baselines.augmentations.steps import Sample, Step


class FilterAugment(Step):
    """Gains of [-`decibels`, `decibels`) by band: linear between the edges of bands, or one for each ("step").

    The number of bands (uniform, both ends included) and their edges are the batch's, gains are a clip's. The original
    works on the linear mel; the released code of paper 004 multiplies the same factors onto the log-mel after
    Freq-MixStyle, which is `domain="log_mel"`. Originals: linear, 3 to 5 bands of 6 rows and more; step, 2 to 4 bands
    of 4 rows and more.
    """

    kind: Literal["filter_augment"] = "filter_augment"
    domain: Literal["mel", "log_mel"] = "mel"
    form: Literal["linear", "step"] = "linear"
    decibels: float = Field(default=6.0, ge=0)
    least_bands: int = Field(default=3, ge=1)
    most_bands: int = Field(default=5, ge=1)
    least_rows: int = Field(default=6, ge=1)
    probability: float = Field(default=1.0, ge=0, le=1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.most_bands < self.least_bands:
            raise ValueError("most_bands is smaller than least_bands")
        return self

    @property
    def where(self) -> Literal["mel", "log_mel"]:
        return self.domain

    def apply(self, sample: Sample, generator: Generator) -> Sample:
        if not chance(self.probability, generator):
            return sample
        batch, _, rows, _ = sample.x.shape
        bands = int(torch.randint(self.least_bands, self.most_bands + 1, (), generator=generator))
        bands = min(bands, rows)
        least = min(self.least_rows, rows // bands)  # narrow spectrograms have narrower bands
        draws = torch.randint(0, rows - bands * least + 1, (bands - 1,), generator=generator)
        points = bands + 1 if self.form == "linear" else bands
        decibels = uniform(-self.decibels, self.decibels, (batch, points), generator)
        edges = band_edges(draws, least, rows)
        shape = linear_gains if self.form == "linear" else step_gains
        return sample.having(sample.x * shape(decibels, edges).to(sample.x)[:, None, :, None])


def band_edges(draws: Tensor, least: int, rows: int) -> list[int]:
    """Edges of bands of `least` rows and more, 0 and `rows` among them.

    `draws` (bands - 1,) are whole numbers of 0 … rows - bands * least.
    """
    inner = draws.sort().values + least * torch.arange(1, len(draws) + 1)
    return [0, *inner.tolist(), rows]


def linear_gains(decibels: Tensor, edges: list[int]) -> Tensor:
    """Factors (batch, rows) whose decibels are linear within bands; decibels (batch, bands + 1) stand at the edges.

    Both ends of a band have their edge's value, so the rows on the two sides of an edge share it, as in the original.
    """
    parts = []
    for index, (start, stop) in enumerate(pairwise(edges)):
        low, high = decibels[:, index, None], decibels[:, index + 1, None]
        parts.append(low + (high - low) * torch.linspace(0, 1, stop - start, dtype=decibels.dtype))
    factors: Tensor = 10 ** (torch.cat(parts, dim=1) / 20)
    return factors


def step_gains(decibels: Tensor, edges: list[int]) -> Tensor:
    """Factors (batch, rows), one for each band; decibels (batch, bands)."""
    widths = torch.tensor(edges).diff()
    factors: Tensor = (10 ** (decibels / 20)).repeat_interleave(widths, dim=1)
    return factors
