"""Device impulse responses (DIR): clips of a known device, heard through somebody else's microphone.

Morocutti et al., "Device-robust acoustic scene classification via impulse response augmentation", EUSIPCO 2023, and
papers 000 and 004. The responses they used are MicIRP's: 66 vintage microphones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import scipy.fft
import soundfile
import soxr
import torch
from pydantic import Field
from torch import Generator, Tensor

from baselines.augmentations.draws import some
from baselines.augmentations.steps import Sample
from baselines.augmentations.waveforms import WaveformStep
from harness.contract import Mistake, nearest

SUFFIXES = frozenset({".wav", ".flac", ".aiff", ".aif"})
WHERE = "Get MicIRP's 66 free responses (the Microphone Impulse Response Project, micirp.blogspot.com), unpacked."
REMEDY = f"Name their folder in the system's field `responses`. {WHERE}"


class DeviceResponse(WaveformStep):
    """Clips of `devices`, each with `probability`, convolved with any one response of the sample's folder.

    The folder is the user's: a field `responses: Path | None` of the system's `Config`, and so part of the result's
    identity. The first samples of the whole convolution are kept: no scaling, no compensation of its delay, no
    clipping. `resampled_to` None resamples the responses to the waveforms' rate. The released code of paper 004
    resamples them to 32 kHz and convolves waveforms of 44.1 kHz with them: 32000 does as it does. `without` names
    responses (files less their ending) that are left out: those that the track's own devices were made with.
    """

    kind: Literal["device_response"] = "device_response"
    probability: float = Field(ge=0, le=1)
    devices: tuple[str, ...] = ("a",)
    resampled_to: int | None = Field(default=None, gt=0)
    without: tuple[str, ...] = ()

    def apply(self, sample: Sample, generator: Generator) -> Sample:
        if sample.responses is None:
            raise Mistake("responses.none", "The recipe convolves with impulse responses and was given none.", REMEDY)
        responses = load_responses(sample.responses, self.resampled_to or sample.sample_rate, self.without)
        rows = some(len(sample.x), self.probability, generator)
        which = torch.randint(len(responses), (len(rows),), generator=generator)
        ours = torch.tensor([sample.devices[row] in self.devices for row in rows.tolist()], dtype=torch.bool)
        rows, which = rows[ours], which[ours]
        if not len(rows):
            return sample
        return sample.changed(rows, responses.convolve(sample.x[rows.to(sample.x.device)], which))


@dataclass(frozen=True)
class Responses:
    """Impulse responses (responses, samples), filled up with zeros; `names` has a word for each."""

    names: tuple[str, ...]
    samples: Tensor
    _spectra: dict[tuple[int, torch.device], Tensor] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.names)

    def convolve(self, waveforms: Tensor, which: Tensor) -> Tensor:
        """Waveforms (batch, samples), each convolved with response `which` (batch,) and cut to its own length."""
        length = waveforms.shape[1]
        heard = min(length, self.samples.shape[1])  # what comes later than the clip lasts is cut off anyway
        size = scipy.fft.next_fast_len(length + heard - 1, real=True)
        spectra = self._of(size, heard, waveforms.device)
        product = torch.fft.rfft(waveforms, size).mul_(spectra[which.to(waveforms.device)])
        heard_so: Tensor = torch.fft.irfft(product, size)
        return heard_so[:, :length]

    def _of(self, size: int, heard: int, device: torch.device) -> Tensor:
        key = (size, device)
        if key not in self._spectra:
            self._spectra[key] = torch.fft.rfft(self.samples[:, :heard].to(device), size)
        return self._spectra[key]


def make_responses(folder: Path, count: int = 20, sample_rate: int = 32000, seed: int = 0) -> Path:
    """`count` made responses in `folder`, for demonstrations without data: a click and three decaying resonances each.

    They are nobody's microphones. The same seed makes the same files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    time = np.arange(sample_rate // 10) / sample_rate
    for index in range(count):
        response = np.zeros_like(time)
        response[0] = 1.0
        for frequency in np.exp(generator.uniform(np.log(150), np.log(10000), 3)):
            decay = np.exp(-time * generator.uniform(150, 1500))
            response += generator.uniform(0.02, 0.12) * decay * np.sin(2 * np.pi * frequency * time)
        soundfile.write(
            folder / f"made-{index:02}.wav", response / np.abs(response).max(), sample_rate, subtype="FLOAT"
        )
    return folder


@cache
def load_responses(folder: Path, sample_rate: int, without: tuple[str, ...] = ()) -> Responses:
    """Audio files of `folder`, in the order of the names, channels averaged, resampled to `sample_rate` Hz.

    `without` are names of files, less their ending, that are left out. Raises `Mistake` where the folder does not
    exist, holds no audio, lacks one of those names, or a file of it is none.
    """
    if not folder.is_dir():
        raise Mistake("responses.folder", f"There is no folder {folder} with impulse responses.", WHERE)
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not files:
        raise Mistake("responses.empty", f"The folder {folder} holds no impulse response (WAV or FLAC).", WHERE)
    for name in without:
        if name not in {path.stem for path in files}:
            problem = f'The response "{name}" is to be left out, and the folder {folder} does not hold it.'
            raise Mistake("responses.without", problem, nearest(name, [path.stem for path in files]))
    files = [path for path in files if path.stem not in without]
    clips = [_read(path, sample_rate) for path in files]
    together = torch.nn.utils.rnn.pad_sequence(clips, batch_first=True)
    return Responses(tuple(path.stem for path in files), together)


def _read(path: Path, sample_rate: int) -> Tensor:
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        problem = f"The impulse response {path} cannot be read ({error})."
        raise Mistake("responses.file", problem, "Remove it from the folder, or get it again.") from None
    response = samples.mean(axis=1)
    if not len(response) or not np.isfinite(response).all():
        problem = f"The impulse response {path} holds no numbers to convolve with."
        raise Mistake("responses.file", problem, "Remove it from the folder, or get it again.")
    return torch.from_numpy(soxr.resample(response, rate, sample_rate))  # the resampler of the papers' code (librosa's)
