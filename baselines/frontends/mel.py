"""Log-mel frontends of the DCASE systems and of PaSST: waveform to features, no learnable weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from baselines.frontends.filterbank import BandedFilterbank, chunks, htk_filterbank, kaldi_filterbank
from harness.contract import Mistake

Edges = tuple[float, float]
"""Lowest and highest frequency of a filter bank, in Hz."""


@dataclass(frozen=True)
class MelSettings:
    """A log-mel frontend in the field's terms: lengths in samples, frequencies in Hz, `f_max` None for half the rate.

    `scale`: "htk", triangles linear in Hz (torchaudio), or "kaldi", triangles linear in mel. The result is
    (ln(mel + offset) + shift) * gain. `f_min_jitter` and `f_max_jitter` are the widths, in whole Hz, of the ranges from
    which a recipe may draw the edges of the bank in training (`draw_edges`).
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


DCASE_2024 = MelSettings()
"""The official baseline of 2024 and 2025: 96 ms windows, 15.6 ms hop, 65 frames a second."""

CP_RESNET_2024 = MelSettings(hop_length=750)
"""CP-ResNet in the code of paper 004: 43 frames a second."""

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


def mel_filterbank(settings: MelSettings, edges: Edges | None = None) -> Tensor:
    """Triangular mel filters (n_fft // 2 + 1, n_mels) with peaks of 1, not normalised by area."""
    build = htk_filterbank if settings.scale == "htk" else kaldi_filterbank
    return build(settings.n_fft, settings.sample_rate, settings.n_mels, *(edges or settings.edges))


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
        mel: Tensor = bank(power.reshape(batch * n_frames, bins))
        return mel.view(batch, n_frames, -1).transpose(1, 2)


class LogMel(nn.Module):
    """Natural logarithm of a mel spectrogram, shifted and scaled: (batch, samples) to (batch, 1, n_mels, n_frames).

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
        """Linear mel power (batch, 1, n_mels, n_frames)."""
        power: Tensor = self.spectrogram(waveforms, edges)
        return power.unsqueeze(1)

    def log(self, mel: Tensor) -> Tensor:
        """Log-mel of a linear mel spectrogram, same shape."""
        log = (mel + self.settings.offset).log_()
        if self.settings.shift or self.settings.gain != 1:
            log.add_(self.settings.shift).mul_(self.settings.gain)
        return log
