"""Mel filter banks, applied as what they are: almost empty.

A band touches a few dozen of the 2,049 bins. `BandedFilterbank` groups neighbouring bands, multiplies each group with
the bins it touches only, and so needs about a tenth of the dense product's operations for the same numbers.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
import torchaudio
from torch import Tensor, nn

BANDS_PER_GROUP = 32
"""Small groups multiply fewer zeros, large ones call the matrix product less often; 32 was fastest on 2 cores."""

BYTES_PER_CHUNK = 8 * 2**20
"""Spectra of this size stay in a processor's cache between the steps of a frontend: 8 clips at n_fft 4096, hop 500."""


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
        """(n, bins) to (n, bands), at full precision under autocast too: a logarithm follows."""
        with torch.autocast(power.device.type, enabled=False):
            parts = [power[:, low:high] @ self.get_buffer(f"filters_{i}") for i, (low, high) in enumerate(self.groups)]
        return torch.cat(parts, dim=1)


def htk_filterbank(n_fft: int, sample_rate: int, n_mels: int, f_min: float, f_max: float) -> Tensor:
    """Filters (n_fft // 2 + 1, n_mels), triangles linear in Hz, mel = 2595 log10(1 + f / 700), peaks 1."""
    bins = n_fft // 2 + 1
    filters: Tensor = torchaudio.functional.melscale_fbanks(bins, f_min, f_max, n_mels, sample_rate)
    return filters


def slaney_filterbank(n_fft: int, sample_rate: int, n_mels: int, f_min: float, f_max: float) -> Tensor:
    """Filters (n_fft // 2 + 1, n_mels), triangles linear in Hz, Slaney's mel (linear to 1 kHz), peaks 1."""
    bins = n_fft // 2 + 1
    filters: Tensor = torchaudio.functional.melscale_fbanks(bins, f_min, f_max, n_mels, sample_rate, mel_scale="slaney")
    return filters


def kaldi_filterbank(n_fft: int, sample_rate: int, n_mels: int, f_min: float, f_max: float) -> Tensor:
    """Filters (n_fft // 2 + 1, n_mels), triangles linear in mel, mel = 1127 ln(1 + f / 700), peaks 1.

    As in Kaldi, the Nyquist bin has no weight.
    """
    filters, _ = torchaudio.compliance.kaldi.get_mel_banks(n_mels, n_fft, sample_rate, f_min, f_max, 100.0, -500.0, 1.0)
    return F.pad(filters, (0, 1)).T.contiguous()


def chunks(waveforms: Tensor, bytes_per_clip: int) -> tuple[Tensor, ...]:
    """Waveforms in pieces whose spectra stay in a processor's cache; all at once on an accelerator."""
    if waveforms.device.type != "cpu":
        return (waveforms,)
    return torch.split(waveforms, max(1, BYTES_PER_CHUNK // max(1, bytes_per_clip)))
