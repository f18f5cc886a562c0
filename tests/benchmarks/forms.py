"""What jobs have in common: two forms of a piece of work, made waveforms, and a frontend written plainly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines import frontends
from baselines.frontends import MelSettings

Step = Callable[[str], object]


@dataclass(frozen=True)
class Job:
    """A piece of work of `clips` clips a step, in two forms."""

    clips: int
    plain: Callable[[int], Step]
    ours: Callable[[int], Step]

    def start(self, form: str) -> Step:
        torch.manual_seed(0)
        return (self.plain if form == "plain" else self.ours)(self.clips)


def waveforms(clips: int, rate: int = 32000) -> Tensor:
    return torch.randn(clips, rate) * 0.1


def plain_frontend(settings: MelSettings) -> Callable[[Tensor], Tensor]:
    """torch.stft, squared magnitude, dense bank, logarithm."""
    bank = frontends.mel_filterbank(settings).T.contiguous()
    window = torch.hann_window(settings.win_length, periodic=settings.periodic_window)
    kernel = torch.tensor([[[-(settings.preemphasis or 0.0), 1.0]]])

    def run(x: Tensor) -> Tensor:
        if settings.preemphasis:
            x = F.conv1d(x[:, None], kernel)[:, 0]
        spectrum = torch.stft(x, settings.n_fft, settings.hop_length, settings.win_length, window, return_complex=True)
        power = torch.view_as_real(spectrum).square().sum(-1)
        return (((bank @ power + settings.offset).log() + settings.shift) * settings.gain).unsqueeze(1)

    return run
