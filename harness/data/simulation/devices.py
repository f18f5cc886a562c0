"""Devices drawn by a seed: each has an impulse response of its own and a compressor of its own.

The ranges of the compressors, and why (TAU's own settings were never published):

    threshold   -40 … -25 dB    real scenes lie at -40 … -10 dB of full scale (ESC-50, 5 % and 95 %), half of them
                                above -20: most are compressed, the quiet ones are not, as with a phone's gain control
    ratio       2 … 6           from gentle to firm; a limiter would flatten what tells scenes apart
    attack      5 … 30 ms       faster follows the waveform of a low hum, slower lets whole knocks pass
    release     60 … 400 ms     from following syllables to following phrases

Responses of one microphone, taken twice, or of two alike, would make an unseen device one that was heard in training.
So no two drawn responses lie closer than 2 dB (root mean square over third octaves, their mean level taken out). Of the
66 of MicIRP about 20 can be drawn at 16 kHz and 30 at 44.1 kHz.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.data import audio_files
from harness.data.audio_files import Unusable
from harness.data.simulation.sound import Compressor, Signal, is_silent, resampled
from harness.files import digest_of_value
from harness.outcomes import Mistake

THRESHOLD_DB = (-40.0, -25.0)
RATIO = (2.0, 6.0)
ATTACK_MS = (5.0, 30.0)
RELEASE_MS = (60.0, 400.0)
DISTANCE_DB = 2.0
"""No two responses of a set are closer than this."""

LOWEST_HZ = 100.0
HIGHEST_PART = 0.45
"""Of the sample rate: the upper end of the band in which levels and distances are measured."""

_RESPONSES, _COMPRESSORS = 1, 2  # streams of random numbers
_SHOWN = 5
_LEAD_SECONDS = 0.02
_ORIGIN = "Responses of 66 microphones are at micirp.blogspot.com; they have to be downloaded by hand."


@dataclass(frozen=True, eq=False)
class Microphone:
    """One file of the responses folder, as it lies there."""

    name: str
    digest: str
    samples: Signal
    rate: int


@dataclass(frozen=True, eq=False)
class Device:
    """One simulated device: `response` at the set's rate with a mean power gain of one, its peak `delay` samples in."""

    name: str
    file: str
    digest: str
    response: Signal
    delay: int
    compressor: Compressor


def read(folder: Path) -> tuple[Microphone, ...]:
    """All responses in `folder` by name; raises `Mistake` where there are none or some cannot be used."""
    if not folder.is_dir():
        raise Mistake("simulation.responses", f"{folder} is not a folder of impulse responses.", _ORIGIN)
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".wav" and path.is_file())
    if not paths:
        raise Mistake("simulation.responses", f"{folder} holds no impulse response (*.wav).", _ORIGIN)
    found: list[Microphone] = []
    faults: list[str] = []
    for path in paths:
        try:
            found.append(_microphone(path))
        except Unusable as fault:
            faults.append(f"{path.name} {fault}")
    if faults:
        more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        problem = f"{len(faults)} of {len(paths)} responses in {folder} cannot be used: {'; '.join(faults[:_SHOWN])}"
        raise Mistake("simulation.responses", f"{problem}{more}.", f"Replace or remove them. {_ORIGIN}")
    return tuple(found)


def _microphone(path: Path) -> Microphone:
    file = audio_files.read(path)
    samples, channels = file.waveform.shape
    if channels != 1:
        raise Unusable(f"has {channels} channels instead of one")
    if not np.isfinite(file.waveform).all():
        raise Unusable("holds values that are not numbers")
    signal = file.waveform[:, 0].astype(np.float64)
    if not samples or is_silent(signal):
        raise Unusable("is silent")
    return Microphone(path.name, hashlib.sha256(path.read_bytes()).hexdigest(), signal, file.sample_rate)


def digest(microphones: Sequence[Microphone]) -> str:
    """A digest of the names and contents of all responses that can be drawn."""
    return digest_of_value([[microphone.name, microphone.digest] for microphone in microphones])


def draw(microphones: Sequence[Microphone], rate: int, count: int, seed: int, folder: Path) -> tuple[Device, ...]:
    """Devices s1 to s<count>; a larger count leaves the first ones as they are.

    Raises `Mistake` where `folder` has too few responses that differ.
    """
    drawn: list[tuple[Microphone, Signal]] = []
    curves: list[Signal] = []
    for place in np.random.default_rng((seed, _RESPONSES)).permutation(len(microphones)):
        if len(drawn) == count:
            break
        response = prepared(microphones[place], rate)
        curve = third_octaves(response, rate)
        if all(distance(curve, other) >= DISTANCE_DB for other in curves):
            drawn.append((microphones[place], response))
            curves.append(curve)
    if len(drawn) < count:
        raise _too_few(len(microphones), len(drawn), count, folder)
    return tuple(_device(number, *pair, seed) for number, pair in enumerate(drawn, start=1))


def _too_few(files: int, different: int, count: int, folder: Path) -> Mistake:
    problem = (
        f"{count} devices need {count} responses that differ by {DISTANCE_DB:g} dB or more; "
        f"of the {files} in {folder}, {different} could be drawn."
    )
    return Mistake("simulation.few", problem, f"Ask for fewer devices, try another seed, or add responses. {_ORIGIN}")


def _device(number: int, microphone: Microphone, response: Signal, seed: int) -> Device:
    delay = int(np.argmax(np.abs(response)))
    settings = _compressor(np.random.default_rng((seed, _COMPRESSORS, number)))
    return Device(f"s{number}", microphone.name, microphone.digest, response, delay, settings)


def _compressor(generator: np.random.Generator) -> Compressor:
    """Even in decibels, and in the logarithm of ratio and times; rounded, so that the record says what was done."""
    threshold = generator.uniform(*THRESHOLD_DB)
    ratio, attack, release = (np.exp(generator.uniform(*np.log(span))) for span in (RATIO, ATTACK_MS, RELEASE_MS))
    return Compressor(
        threshold_db=round(float(threshold), 1),
        ratio=round(float(ratio), 2),
        attack_ms=round(float(attack), 1),
        release_ms=round(float(release), 1),
    )


def prepared(microphone: Microphone, rate: int) -> Signal:
    """The response at `rate`, scaled to a mean power gain of one from 100 Hz to 0.45 of the rate.

    White noise keeps its level. The silence put before the response keeps what the resampling filter rings ahead.
    """
    lead = np.zeros(round(_LEAD_SECONDS * microphone.rate))
    response = resampled(np.concatenate((lead, microphone.samples)), microphone.rate, rate)
    power, hertz = _power(response, rate)
    gain = float(power[(hertz >= LOWEST_HZ) & (hertz <= HIGHEST_PART * rate)].mean())
    return response * float(max(gain, 1e-30) ** -0.5)


def _power(response: Signal, rate: int) -> tuple[Signal, Signal]:
    """(power gain, frequency in Hz), 4 bins a Hz or more."""
    points = max(4 * rate, response.size)
    power: Signal = np.square(np.abs(np.fft.rfft(response, points)))
    hertz: Signal = np.arange(power.size, dtype=np.float64) * (rate / points)
    return power, hertz


def third_octaves(response: Signal, rate: int) -> Signal:
    """Mean power gain in dB in the third octaves from 100 Hz to 0.45 of the rate, less the mean of them all."""
    power, hertz = _power(response, rate)
    centres = 1000.0 * np.exp2(np.arange(-10, 17) / 3)
    edges = np.outer(centres, np.exp2([-1 / 6, 1 / 6]))
    starts, ends = np.searchsorted(hertz, edges[edges[:, 1] <= HIGHEST_PART * rate]).T
    levels = [power[start:end].mean() for start, end in zip(starts, ends, strict=True)]
    curve: Signal = 10.0 * np.log10(np.maximum(levels, 1e-20))
    mean = float(curve.mean())
    return curve - mean


def distance(first: Signal, second: Signal) -> float:
    """Root mean square of the difference of two curves, in dB."""
    return float(np.sqrt(np.mean(np.square(first - second))))
