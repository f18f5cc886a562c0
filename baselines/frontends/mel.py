"""Log-mel frontends of the DCASE systems and of PaSST: waveform to features, no learnable weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from baselines.frontends.filterbank import (
    BandedFilterbank,
    chunks,
    htk_filterbank,
    kaldi_filterbank,
    slaney_filterbank,
)
from harness.contract import Mistake

Edges = tuple[float, float]
"""Lowest and highest frequency of a filter bank, in Hz."""


@dataclass(frozen=True)
class MelSettings:
    """A log-mel frontend in the field's terms: lengths in samples, frequencies in Hz, `f_max` None for half the rate.

    `scale`: "htk" or "slaney", triangles linear in Hz (torchaudio), or "kaldi", triangles linear in mel. `power`: 2 for
    the power spectrum, 1 for magnitudes. The result is (ln(mel + offset) + shift) * gain, with `peak` divided by its
    largest absolute value in a clip, where that is above 1. `f_min_jitter` and `f_max_jitter` are the widths, in whole
    Hz, of the ranges from which a recipe may draw the edges of the bank in training (`draw_edges`).
    """

    sample_rate: int = 32000
    n_fft: int = 4096
    win_length: int = 3072
    hop_length: int = 500
    n_mels: int = 256
    f_min: float = 0.0
    f_max: float | None = None
    scale: Literal["htk", "slaney", "kaldi"] = "htk"
    window: Literal["hann", "hamming"] = "hann"
    periodic_window: bool = True
    power: Literal[1, 2] = 2
    preemphasis: float | None = None
    offset: float = 1e-5
    shift: float = 0.0
    gain: float = 1.0
    peak: bool = False
    f_min_jitter: int = 1
    f_max_jitter: int = 1

    @property
    def edges(self) -> Edges:
        """Lowest and highest frequency without jitter; without `f_max`, jitter reaches up to half the rate."""
        return self.f_min, self.sample_rate / 2 - self.f_max_jitter // 2 if self.f_max is None else self.f_max

    def draw_edges(self, generator: torch.Generator) -> Edges:
        """Edges for one batch: f_min + U{0 .. J - 1} and f_max + K // 2 - U{0 .. K - 1} for jitters J and K.

        CP-JKU's training frontend: with K = 1000 around 15,500 Hz, 15,001 to 16,000 Hz.
        """
        low, high = self.edges
        up, down = (
            int(torch.randint(width, (1,), generator=generator, device=generator.device))
            for width in (self.f_min_jitter, self.f_max_jitter)
        )
        return low + up, high + self.f_max_jitter // 2 - down


DCASE_2022 = MelSettings(
    sample_rate=44100,
    n_fft=2048,
    win_length=1764,
    hop_length=882,
    n_mels=40,
    scale="slaney",
    window="hamming",
    power=1,
    offset=torch.finfo(torch.float64).eps,
    peak=True,
)
"""The official baseline of 2022 and 2023: 40 ms windows, 20 ms hop, magnitudes, 51 frames a second."""

DCASE_2024 = MelSettings()
"""The official baseline of 2024 and 2025: 96 ms windows, 15.6 ms hop, 65 frames a second."""

CP_RESNET_2024 = MelSettings(hop_length=750)
"""CP-ResNet in the code of paper 004: 43 frames a second."""

CP_RESNET_2024_TEXT = MelSettings(sample_rate=22050, win_length=507, hop_length=198)
"""CP-ResNet in the text of paper 004: 23 ms windows, 9 ms hop, 112 frames a second. It states no FFT length:
4,096 leaves none of the 256 bands empty."""

PASST_2024 = MelSettings(n_fft=1024, win_length=800, hop_length=320, n_mels=128)
"""PaSST in the code of paper 004, without PaSST's normalisation: 101 frames a second."""

CP_MOBILE_2023 = MelSettings(
    f_max=15500.0,
    scale="kaldi",
    periodic_window=False,
    preemphasis=0.97,
    shift=4.5,
    gain=0.2,
    f_max_jitter=1000,
)
"""CP-JKU's frontend of 2023 in evaluation: pre-emphasis costs one sample, and so leaves 64 frames a second."""

CP_RESNET_2023 = replace(CP_MOBILE_2023, hop_length=750)
"""CP-ResNet teachers of 2023 and paper 000: 43 frames a second."""

PASST_2023 = replace(CP_MOBILE_2023, n_fft=1024, win_length=800, hop_length=320, n_mels=128)
"""PaSST teachers of 2023 and paper 000: 100 frames a second."""

PASST_AUDIOSET = replace(PASST_2023, f_max=15000.0, f_min_jitter=10, f_max_jitter=2000)
"""PaSST and EfficientAT on AudioSet: 998 of the 1,000 frames of 10 s have positions."""


FILTERBANKS = {"htk": htk_filterbank, "slaney": slaney_filterbank, "kaldi": kaldi_filterbank}
WINDOWS = {"hann": torch.hann_window, "hamming": torch.hamming_window}


def mel_filterbank(settings: MelSettings, edges: Edges | None = None) -> Tensor:
    """Triangular mel filters (n_fft // 2 + 1, n_mels) with peaks of 1, not normalised by area."""
    return FILTERBANKS[settings.scale](
        settings.n_fft, settings.sample_rate, settings.n_mels, *(edges or settings.edges)
    )


class MelSpectrogram(nn.Module):
    """Mel spectrogram, waveforms (batch, samples) to (batch, n_mels, n_frames).

    Centred frames with reflected ends, no normalisation: for "htk" and "slaney" the numbers of
    `torchaudio.transforms.MelSpectrogram`.
    """

    def __init__(self, settings: MelSettings = DCASE_2024) -> None:
        super().__init__()
        self.settings = settings
        self.filterbank = BandedFilterbank(mel_filterbank(settings))
        window = WINDOWS[settings.window](settings.win_length, periodic=settings.periodic_window)
        self.register_buffer("window", window, persistent=False)

    def forward(self, waveforms: Tensor, edges: Edges | None = None) -> Tensor:
        """(batch, samples) to (batch, n_mels, 1 + samples // hop_length), the bank between other edges where given."""
        settings, bank = self.settings, self.filterbank
        if edges is not None:
            bank = BandedFilterbank(mel_filterbank(settings, edges)).to(waveforms.device, waveforms.dtype)
        if settings.preemphasis is not None:
            waveforms = waveforms[:, 1:] - settings.preemphasis * waveforms[:, :-1]
        if waveforms.shape[1] <= settings.n_fft // 2:
            problem = f"Clips of {waveforms.shape[1]} samples are too short to be reflected by {settings.n_fft // 2}."
            raise Mistake("features.too_short", problem, "Pad the clips.")
        n_frames = 1 + waveforms.shape[1] // settings.hop_length
        pieces = chunks(waveforms, 8 * n_frames * (settings.n_fft // 2 + 1))
        return torch.cat([self._chunk(piece, bank) for piece in pieces])

    def _chunk(self, waveforms: Tensor, bank: BandedFilterbank) -> Tensor:
        settings = self.settings
        spectrum = torch.stft(
            waveforms, settings.n_fft, settings.hop_length, settings.win_length,
            window=self.get_buffer("window"), center=True, pad_mode="reflect", return_complex=True,
        )  # fmt: skip
        frames = spectrum.transpose(1, 2)
        batch, n_frames, bins = frames.shape
        power = torch.addcmul(frames.real.square(), frames.imag, frames.imag)
        power = power if settings.power == 2 else power.sqrt_()
        mel: Tensor = bank(power.reshape(batch * n_frames, bins))
        return mel.view(batch, n_frames, -1).transpose(1, 2)


class LogMel(nn.Module):
    """Logarithm of a mel spectrogram as its settings say: (batch, samples) to (batch, 1, n_mels, n_frames).

    `mel` and `log` are the two halves, for recipes that mask or filter the linear spectrogram in between. `edges` of a
    batch (`MelSettings.draw_edges`) jitter the filter bank in training; without them it is the evaluation frontend.
    """

    def __init__(self, settings: MelSettings = DCASE_2024) -> None:
        super().__init__()
        self.settings = settings
        self.spectrogram = MelSpectrogram(settings)

    def forward(self, waveforms: Tensor, edges: Edges | None = None) -> Tensor:
        """(batch, samples) to (batch, 1, n_mels, n_frames)."""
        return self.log(self.mel(waveforms, edges))

    def mel(self, waveforms: Tensor, edges: Edges | None = None) -> Tensor:
        """Linear mel spectrogram (batch, 1, n_mels, n_frames)."""
        power: Tensor = self.spectrogram(waveforms, edges)
        return power.unsqueeze(1)

    def log(self, mel: Tensor) -> Tensor:
        """Log-mel of a linear mel spectrogram, same shape."""
        log = (mel + self.settings.offset).log_()
        if self.settings.shift or self.settings.gain != 1:
            log.add_(self.settings.shift).mul_(self.settings.gain)
        if self.settings.peak:
            log.div_(log.abs().amax((1, 2, 3), keepdim=True).clamp(min=1.0))
        return log
