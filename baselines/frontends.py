"""Log-mel frontends of the systems in this project: waveform to features, no learnable weights.

The filter bank of a mel frontend is almost empty: a band touches a few dozen of the 2,049 bins. `BandedFilterbank`
groups neighbouring bands, multiplies each group with the bins it touches only, and so needs about a tenth of the
dense product's operations for the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
import torchaudio
from torch import Tensor, nn

BANDS_PER_GROUP = 32
"""Small groups multiply fewer zeros, large ones call the matrix product less often; 32 was fastest on 2 cores."""

CLIPS_PER_CHUNK = 8
"""Spectra of this many clips at a time stay in the processor's cache (2.6 MB a clip at n_fft 4096, hop 500)."""


@dataclass(frozen=True)
class MelSettings:
    """A log-mel frontend in the field's terms: lengths in samples, frequencies in Hz, `f_max` None for half the rate.

    `scale`: "htk", triangles linear in Hz (torchaudio), or "kaldi", triangles linear in mel. The result is
    (ln(mel + offset) + shift) * gain.
    """

    sample_rate: int = 32000
    n_fft: int = 4096
    win_length: int = 3072
    hop_length: int = 500
    n_mels: int = 256
    f_min: float = 0.0
    f_max: float | None = None
    scale: Literal["htk", "kaldi"] = "htk"
    periodic_window: bool = True
    preemphasis: float | None = None
    offset: float = 1e-5
    shift: float = 0.0
    gain: float = 1.0


DCASE_2024 = MelSettings()
"""The official baseline of 2024 and 2025: 96 ms windows, 15.6 ms hop, 65 frames a second."""

CP_MOBILE_2023 = MelSettings(f_max=15500.0, scale="kaldi", periodic_window=False, preemphasis=0.97, shift=4.5, gain=0.2)
"""CP-JKU's frontend of 2023 in evaluation: pre-emphasis costs one sample, and so leaves 64 frames a second."""


class BandedFilterbank(nn.Module):
    """Power spectra (n, bins) times a filter bank (bins, bands), leaving out what is zero."""

    def __init__(self, filterbank: Tensor, bands_per_group: int = BANDS_PER_GROUP) -> None:
        super().__init__()
        self.groups: list[tuple[int, int]] = []
        for index, group in enumerate(torch.split(filterbank, bands_per_group, dim=1)):
            touched = group.any(dim=1).nonzero().flatten()
            low, high = (int(touched[0]), int(touched[-1]) + 1) if len(touched) else (0, 1)
            self.groups.append((low, high))
            self.register_buffer(f"filters_{index}", group[low:high].contiguous(), persistent=False)

    def forward(self, power: Tensor) -> Tensor:
        """(n, bins) to (n, bands)."""
        parts = [power[:, low:high] @ self.get_buffer(f"filters_{i}") for i, (low, high) in enumerate(self.groups)]
        return torch.cat(parts, dim=1)


def mel_filterbank(settings: MelSettings) -> Tensor:
    """Triangular mel filters (n_fft // 2 + 1, n_mels) with peaks of 1, not normalised by area."""
    bins, f_max = settings.n_fft // 2 + 1, settings.f_max or settings.sample_rate / 2
    if settings.scale == "htk":
        filters: Tensor = torchaudio.functional.melscale_fbanks(
            bins, settings.f_min, f_max, settings.n_mels, settings.sample_rate
        )
        return filters
    kaldi, _ = torchaudio.compliance.kaldi.get_mel_banks(
        settings.n_mels, settings.n_fft, settings.sample_rate, settings.f_min, f_max, 100.0, -500.0, 1.0
    )
    return F.pad(kaldi, (0, 1)).T.contiguous()  # Kaldi gives the Nyquist bin no weight


class MelSpectrogram(nn.Module):
    """Mel power spectrogram, waveforms (batch, samples) to (batch, n_mels, n_frames).

    Centred frames with reflected ends, a Hann window, no normalisation: for "htk" the numbers of
    `torchaudio.transforms.MelSpectrogram`.
    """

    def __init__(self, settings: MelSettings = DCASE_2024) -> None:
        super().__init__()
        self.settings = settings
        self.filterbank = BandedFilterbank(mel_filterbank(settings))
        window = torch.hann_window(settings.win_length, periodic=settings.periodic_window)
        self.register_buffer("window", window, persistent=False)

    def forward(self, waveforms: Tensor) -> Tensor:
        """(batch, samples) to (batch, n_mels, 1 + samples // hop_length)."""
        if self.settings.preemphasis is not None:
            waveforms = waveforms[:, 1:] - self.settings.preemphasis * waveforms[:, :-1]
        if waveforms.device.type != "cpu":
            return self._chunk(waveforms)
        return torch.cat([self._chunk(chunk) for chunk in torch.split(waveforms, CLIPS_PER_CHUNK)])

    def _chunk(self, waveforms: Tensor) -> Tensor:
        settings = self.settings
        spectrum = torch.stft(
            waveforms, settings.n_fft, settings.hop_length, settings.win_length,
            window=self.get_buffer("window"), center=True, pad_mode="reflect", return_complex=True,
        )  # fmt: skip
        frames = spectrum.transpose(1, 2)
        batch, n_frames, bins = frames.shape
        power = torch.addcmul(frames.real.square(), frames.imag, frames.imag)
        mel: Tensor = self.filterbank(power.reshape(batch * n_frames, bins))
        return mel.view(batch, n_frames, -1).transpose(1, 2)


class LogMel(nn.Module):
    """Natural logarithm of a mel spectrogram, shifted and scaled: (batch, samples) to (batch, 1, n_mels, n_frames).

    `mel` and `log` are the two halves, for recipes that mask or filter the linear spectrogram in between.
    """

    def __init__(self, settings: MelSettings = DCASE_2024) -> None:
        super().__init__()
        self.settings = settings
        self.spectrogram = MelSpectrogram(settings)

    def forward(self, waveforms: Tensor) -> Tensor:
        """(batch, samples) to (batch, 1, n_mels, n_frames)."""
        return self.log(self.mel(waveforms))

    def mel(self, waveforms: Tensor) -> Tensor:
        """Linear mel power (batch, 1, n_mels, n_frames)."""
        power: Tensor = self.spectrogram(waveforms)
        return power.unsqueeze(1)

    def log(self, mel: Tensor) -> Tensor:
        """Log-mel of a linear mel spectrogram, same shape."""
        log = (mel + self.settings.offset).log_()
        if self.settings.shift or self.settings.gain != 1:
            log.add_(self.settings.shift).mul_(self.settings.gain)
        return log
