"""Kaldi's log-mel filter banks as AST and PSLA use them, for a batch of clips at once and on any device.

The numbers are those of `torchaudio.compliance.kaldi.fbank`, which takes one clip at a time (25 ms frames, 10 ms hop,
Hann window, no dither, snipped edges), after which the clip is padded to the network's length and normalised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from baselines.frontends.filterbank import BandedFilterbank, chunks, kaldi_filterbank
from harness.contract import Mistake

FLOOR = torch.finfo(torch.float32).eps
"""Kaldi's smallest mel energy: 1.1920929e-07."""


@dataclass(frozen=True)
class FbankSettings:
    """Kaldi filter banks padded or cut to `n_frames` and normalised: (log-mel - mean) / scale.

    Lengths in samples, frequencies in Hz. `n_frames` None keeps what the clip gives. Padding is zeros *before* the
    normalisation, as released.
    """

    mean: float = 0.0
    scale: float = 1.0
    n_frames: int | None = None
    sample_rate: int = 16000
    n_fft: int = 512
    win_length: int = 400
    hop_length: int = 160
    n_mels: int = 128
    f_min: float = 20.0
    preemphasis: float = 0.97


AST_AUDIOSET = FbankSettings(-4.2677393, 2 * 4.5689974, 1024)
"""AST on AudioSet, 10.24 s; AST divides by twice the standard deviation."""

AST_ESC50 = FbankSettings(-6.6268077, 2 * 5.358466, 512)
AST_SPEECH_COMMANDS = FbankSettings(-6.845978, 2 * 5.5654526, 128)

PSLA_AUDIOSET = FbankSettings(-4.6476, 4.5699, 1056)
"""The CNNs of PSLA and paper 003 on AudioSet; PSLA divides by the standard deviation once."""

PSLA_FSD50K = FbankSettings(-4.6476, 4.5699, 3000)

NORMALISATION = {"audioset": AST_AUDIOSET, "esc50": AST_ESC50, "speech_commands": AST_SPEECH_COMMANDS}
"""AST's settings by the data set that they were measured on."""

RELEASED_FRAMES = {1.0: 128, 5.0: 512, 10.0: 1024}
"""Frames that AST's code pads clips of Speech Commands, ESC-50 and AudioSet to, by their seconds."""

FRAMES_A_SECOND = 100

Frames = Literal["code", "text"] | Annotated[int, Field(ge=16)]
"""How long spectrograms are: as AST's code pads them, 100 frames a second as papers 001 and 003 write, or so many."""


def frames(seconds: float, how: Frames = "code") -> int:
    """Frames of a clip's spectrogram; lengths that AST's code does not know are not padded."""
    if isinstance(how, int):
        return how
    plain = round(FRAMES_A_SECOND * seconds)
    return plain if how == "text" else RELEASED_FRAMES.get(seconds, plain)


class KaldiFbank(nn.Module):
    """Waveforms (batch, samples) to normalised log-mel features (batch, 1, n_mels, n_frames), no learnable weights."""

    def __init__(self, settings: FbankSettings = AST_AUDIOSET) -> None:
        super().__init__()
        self.settings = settings
        bank = kaldi_filterbank(
            settings.n_fft, settings.sample_rate, settings.n_mels, settings.f_min, settings.sample_rate / 2
        )
        self.filterbank = BandedFilterbank(bank)
        self.register_buffer("window", torch.hann_window(settings.win_length, periodic=False), persistent=False)

    def forward(self, waveforms: Tensor) -> Tensor:
        """(batch, samples) to (batch, 1, n_mels, n_frames)."""
        settings = self.settings
        mel = self.log_mel(waveforms)
        if settings.n_frames is not None:
            mel = F.pad(mel, (0, settings.n_frames - mel.shape[2]))
        return ((mel - settings.mean) / settings.scale).unsqueeze(1)

    def log_mel(self, waveforms: Tensor) -> Tensor:
        """(batch, samples) to (batch, n_mels, 1 + (samples - win_length) // hop_length), not padded or normalised."""
        settings = self.settings
        n_frames = 1 + (waveforms.shape[1] - settings.win_length) // settings.hop_length
        if n_frames < 1:
            problem = f"Clips of {waveforms.shape[1]} samples are shorter than a frame of {settings.win_length}."
            raise Mistake("features.too_short", problem, "Pad the clips.")
        pieces = chunks(waveforms, 8 * n_frames * (settings.n_fft // 2 + 1))
        return torch.cat([self._chunk(piece) for piece in pieces])

    def _chunk(self, waveforms: Tensor) -> Tensor:
        settings = self.settings
        centred = waveforms - waveforms.mean(1, keepdim=True)
        frames = centred.unfold(1, settings.win_length, settings.hop_length)
        frames = frames - frames.mean(2, keepdim=True)
        before = torch.cat([frames[..., :1], frames[..., :-1]], dim=2)  # the first sample precedes itself
        windowed = (frames - settings.preemphasis * before) * self.get_buffer("window")
        spectrum = torch.fft.rfft(windowed, settings.n_fft)
        power = torch.addcmul(spectrum.real.square(), spectrum.imag, spectrum.imag)
        mel: Tensor = self.filterbank(power.flatten(0, 1))
        return mel.clamp_(min=FLOOR).log_().view(*power.shape[:2], -1).transpose(1, 2)
