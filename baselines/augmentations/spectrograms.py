"""Steps on spectrograms (batch, channels, n_mels, n_frames): masked bands and frames, rolled frames, noise."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from baselines.augmentations.draws import many, uniform
from baselines.augmentations.steps import Sample, Step

Spectrogram = Literal["mel", "log_mel"]


class SpectrogramStep(Step):
    """A step on the linear or on the log mel."""

    domain: Spectrogram = "mel"

    @property
    def where(self) -> Spectrogram:
        return self.domain


class FrequencyMask(SpectrogramStep):
    """One band of at most `limit` - 1 mel rows a clip set to `value` (None: 0, or what `masking_with` says).

    SpecAugment as torchaudio has it, one mask a clip. DCASE 2023 and 2024: 48 on the linear mel, value 0.
    """

    kind: Literal["frequency_mask"] = "frequency_mask"
    limit: int = Field(ge=0)
    value: float | None = None

    def apply(self, sample: Sample, generator: Generator) -> Sample:
        return sample.having(mask_frequencies(sample.x, self.limit, generator, self.value or 0.0))


class TimeMask(SpectrogramStep):
    """One stretch of at most `limit` - 1 frames a clip set to `value` (None: 0, or what `masking_with` says)."""

    kind: Literal["time_mask"] = "time_mask"
    limit: int = Field(ge=0)
    value: float | None = None

    def apply(self, sample: Sample, generator: Generator) -> Sample:
        return sample.having(mask_frames(sample.x, self.limit, generator, self.value or 0.0))


class RollFrames(SpectrogramStep):
    """Each clip rolled in a circle by its own whole number of frames, uniform in [-limit, limit].

    AST on Speech Commands rolls by -10 to 9, paper 003 by -10 to 10: `inclusive` False leaves the upper end out.
    """

    kind: Literal["roll_frames"] = "roll_frames"
    domain: Spectrogram = "log_mel"
    limit: int = Field(ge=0)
    inclusive: bool = True

    def apply(self, sample: Sample, generator: Generator) -> Sample:
        x = sample.x
        if not self.limit:
            return sample
        shifts = torch.randint(-self.limit, self.limit + self.inclusive, (len(x),), generator=generator)
        places = (torch.arange(x.shape[3]) - shifts[:, None]) % x.shape[3]
        return sample.having(x.gather(3, places.to(x.device)[:, None, None].expand_as(x)))


class CellNoise(SpectrogramStep):
    """Uniform noise of [0, s) added to every cell; `scale="drawn"`: s itself uniform in [0, limit) for each clip.

    AST (Speech Commands): limit 0.1, drawn. Paper 003: limit 0.05, fixed.
    """

    kind: Literal["cell_noise"] = "cell_noise"
    domain: Spectrogram = "log_mel"
    limit: float = Field(default=0.1, ge=0)
    scale: Literal["drawn", "fixed"] = "drawn"

    def apply(self, sample: Sample, generator: Generator) -> Sample:
        x = sample.x
        scale = torch.full((len(x),), self.limit)
        if self.scale == "drawn":
            scale = uniform(0, self.limit, (len(x),), generator)
        noise = torch.rand(x.shape, generator=many(generator, x.device), device=x.device, dtype=x.dtype)
        return sample.having(torch.addcmul(x, noise, scale.to(x)[:, None, None, None]))


def mask_frequencies(mel: Tensor, limit: int, generator: Generator, value: float = 0.0) -> Tensor:
    """One band of mel rows a clip set to `value`; mel (batch, channels, n_mels, n_frames).

    Width: real and uniform in [0, limit), start: uniform in [0, n_mels - width), both cut to whole numbers, as in
    torchaudio; so at most limit - 1 rows.
    """
    return mel.masked_fill(_stretch(len(mel), mel.shape[2], limit, generator)[:, None, :, None].to(mel.device), value)


def mask_frames(mel: Tensor, limit: int, generator: Generator, value: float = 0.0) -> Tensor:
    """The same along time: one stretch of frames a clip set to `value`."""
    return mel.masked_fill(_stretch(len(mel), mel.shape[3], limit, generator)[:, None, None, :].to(mel.device), value)


def _stretch(batch: int, length: int, limit: int, generator: Generator) -> Tensor:
    """True on one stretch a clip: (batch, length). A limit beyond the length masks all but never fails."""
    draws = torch.rand((2, batch), generator=generator)
    width = (draws[0] * limit).clamp(max=length)
    start = (draws[1] * (length - width)).long()
    stop = start + width.long()
    place = torch.arange(length)
    return (place >= start[:, None]) & (place < stop[:, None])
