"""Steps on waveforms (batch, samples): rolling, shifting, gain, noise."""

from __future__ import annotations

from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Generator, Tensor

from baselines.augmentations.draws import many, some, uniform
from baselines.augmentations.steps import Sample, Step


class WaveformStep(Step):
    """A step on waveforms."""

    @property
    def where(self) -> Literal["waveform"]:
        return "waveform"


class Roll(WaveformStep):
    """Each clip rolled in a circle by its own whole number of samples, uniform in [-limit, limit].

    CP-JKU 2023: 0.125 s (CP-Mobile, CP-ResNet) and 10,000 samples at 32 kHz (PaSST); 2024 baseline and paper 004: 0.1
    s.
    """

    kind: Literal["roll"] = "roll"
    seconds: float = Field(ge=0)

    def apply(self, sample: Sample, generator: Generator) -> Sample:
        return sample.having(roll_waveforms(sample.x, round(self.seconds * sample.sample_rate), generator))


class Shift(WaveformStep):
    """Each clip moved by its own whole number of samples, uniform in [-limit, limit]; silence fills the gap."""

    kind: Literal["shift"] = "shift"
    seconds: float = Field(ge=0)
    probability: float = Field(default=1.0, ge=0, le=1)

    def apply(self, sample: Sample, generator: Generator) -> Sample:
        limit = round(self.seconds * sample.sample_rate)
        rows = some(len(sample.x), self.probability, generator)
        shifts = torch.randint(-limit, limit + 1, (len(rows),), generator=generator)
        return sample.changed(rows, shifted(sample.x[rows.to(sample.x.device)], shifts))


class Gain(WaveformStep):
    """Each clip louder or softer by its own number of decibels, uniform in [-limit, limit]; PaSST: 7 dB."""

    kind: Literal["gain"] = "gain"
    decibels: float = Field(ge=0)
    probability: float = Field(default=1.0, ge=0, le=1)

    def apply(self, sample: Sample, generator: Generator) -> Sample:
        rows = some(len(sample.x), self.probability, generator)
        decibels = torch.zeros(len(sample.x))
        decibels[rows] = uniform(-self.decibels, self.decibels, (len(rows),), generator)
        return sample.having(sample.x * (10 ** (decibels / 20)).to(sample.x)[:, None])


class Noise(WaveformStep):
    """White Gaussian noise, each clip with its own ratio of signal to noise, uniform in decibels."""

    kind: Literal["noise"] = "noise"
    least_decibels: float = 10.0
    most_decibels: float = 40.0
    probability: float = Field(default=0.5, ge=0, le=1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.most_decibels < self.least_decibels:
            raise ValueError("most_decibels is smaller than least_decibels")
        return self

    def apply(self, sample: Sample, generator: Generator) -> Sample:
        x = sample.x
        rows = some(len(x), self.probability, generator)
        decibels = uniform(self.least_decibels, self.most_decibels, (len(rows),), generator)
        noise = torch.randn((len(rows), x.shape[1]), generator=many(generator, x.device), device=x.device)
        clips = x[rows.to(x.device)]
        power = clips.square().mean(1, keepdim=True)
        scale = (power * (10 ** (-decibels / 10)).to(x)[:, None]).sqrt()
        return sample.changed(rows, torch.addcmul(clips, noise, scale))


def roll_waveforms(waveforms: Tensor, limit: int, generator: Generator) -> Tensor:
    """Each clip of (batch, samples) rolled by its own whole number of samples, uniform in [-limit, limit]."""
    shifts = torch.randint(-limit, limit + 1, (len(waveforms),), generator=generator)
    return rolled_at_once(waveforms, shifts) if waveforms.is_cuda else rolled(waveforms, shifts)


def rolled(waveforms: Tensor, shifts: Tensor) -> Tensor:
    """Clips rolled by `shifts` (batch,) samples, two copies a clip: fastest on a CPU."""
    samples = waveforms.shape[1]
    out = torch.empty_like(waveforms)
    for row, shift in enumerate((shifts % samples).tolist()):
        out[row, shift:] = waveforms[row, : samples - shift]
        out[row, :shift] = waveforms[row, samples - shift :]
    return out


def rolled_at_once(waveforms: Tensor, shifts: Tensor) -> Tensor:
    """The same in one operation for all clips: hundreds of small copies would wait for each other on a GPU."""
    samples = waveforms.shape[1]
    places = torch.arange(samples, device=waveforms.device)
    return waveforms.gather(1, (places - shifts.to(waveforms.device)[:, None]) % samples)


def shifted(waveforms: Tensor, shifts: Tensor) -> Tensor:
    """Clips moved by `shifts` (batch,) samples, later where positive, with zeros where nothing is left."""
    samples = waveforms.shape[1]
    places = torch.arange(samples, device=waveforms.device) - shifts.to(waveforms.device)[:, None]
    inside = (places >= 0) & (places < samples)
    return waveforms.gather(1, places.clamp(0, samples - 1)).where(inside, 0)
