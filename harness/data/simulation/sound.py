"""What a simulated device does to sound: its response, its compressor, and how its clips are stored."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft

from harness.validated import Record

Signal = NDArray[np.float64]
"""One channel of sound, shape (samples,), full scale is one."""

Spectra = NDArray[np.complex128]

PEAK = 0.99
BLOCK_SECONDS = 0.0025
DETECTOR_SECONDS = 0.005
SETTLING_SECONDS = 1.0
SILENCE = 2.0**-16
"""Half a step of 16 bits: what stays below it is digital silence, with or without the residue of a lossy codec."""

_HEADER_BYTES = 44
_POWER_FLOOR = 1e-15


def resampled(signal: Signal, rate: int, wanted: int) -> Signal:
    """The signal at `wanted` Hz.

    SciPy's own filter lets images through at -55 dB, which is where some responses have their lowest octaves.
    """
    if rate == wanted:
        return signal
    from scipy.signal import resample_poly  # noqa: PLC0415 - takes a second, which a finished folder need not cost

    common = math.gcd(rate, wanted)
    up, down = wanted // common, rate // common
    taps = _low_pass(max(up, down))
    result: Signal = resample_poly(signal, up, down, window=taps)  # type: ignore[call-overload]  # its stubs lack taps
    return result


@lru_cache(maxsize=8)
def _low_pass(factor: int) -> Signal:
    """The filter at the lower rate's Nyquist frequency: 6 dB down there, 118 dB beyond; 32 of its samples to a side."""
    from scipy.signal import firwin  # noqa: PLC0415 - as above

    taps: Signal = firwin(64 * factor + 1, 1.0 / factor, window=("kaiser", 12.0))
    return taps


class Compressor(Record):
    """Dynamic range compression: threshold in dB of full scale, time constants in ms."""

    threshold_db: float
    ratio: float
    attack_ms: float
    release_ms: float


class FilterBank:
    """Responses that one sound after the other is convolved with, by overlap and add.

    The blocks have one size for all responses, so that a sound is transformed once and not once for each of them.
    """

    def __init__(self, responses: Sequence[Signal]) -> None:
        longest = max((response.size for response in responses), default=1)
        self._size = 4 * 2 ** math.ceil(math.log2(longest))
        self._hop = self._size - longest + 1
        self._responses = [rfft(response, self._size) for response in responses]

    def transformed(self, signal: Signal) -> Spectra:
        """(blocks, bins): what `convolved` takes."""
        blocks = np.pad(signal, (0, -signal.size % self._hop)).reshape(-1, self._hop)
        spectra: Spectra = rfft(blocks, self._size)
        return spectra

    def convolved(self, spectra: Spectra, number: int) -> Signal:
        """The transformed signal through response `number`, its tail included, and some silence after it."""
        parts = irfft(spectra * self._responses[number], self._size)
        whole = np.zeros((len(parts) + 1, self._hop))
        whole[:-1] = parts[:, : self._hop]
        whole[1:, : self._size - self._hop] += parts[:, self._hop :]
        return whole.reshape(-1)


def compressed(signal: Signal, rate: int, settings: Compressor) -> Signal:
    """The signal with its level above the threshold (root mean square) divided by the ratio.

    Feed-forward: a level detector of 5 ms, then a gain that falls with the attack's time constant and rises with the
    release's. It starts as if the first second had been heard before, backwards: a recording is cut out of
    something that went on, and its first clip should not be louder than the others. A signal that stays below the
    threshold is left as it is, bit by bit.
    """
    if not signal.size:
        return signal
    block = max(1, round(rate * BLOCK_SECONDS))
    level_db, settling = _level_db(signal, rate, block)
    wanted_db = np.maximum(0.0, level_db - settings.threshold_db) * (1.0 - 1.0 / settings.ratio)
    if not wanted_db.any():
        return signal
    step = block / rate
    reduction_db = _followed(wanted_db, _pace(step, settings.attack_ms / 1000), _pace(step, settings.release_ms / 1000))
    gain = np.power(10.0, -reduction_db[settling - 1 :] / 20.0)
    rise = np.arange(1, block + 1) / block
    lines = (gain[:-1, None] + np.diff(gain)[:, None] * rise).reshape(-1)
    return signal * lines[: signal.size]


def _level_db(signal: Signal, rate: int, block: int) -> tuple[Signal, int]:
    """(level at the end of each block, number of blocks before the first one of the signal)."""
    from scipy.signal import lfilter  # noqa: PLC0415 - as above

    missing = -signal.size % block
    power = np.mean(np.square(np.pad(signal, (0, missing), mode="edge")).reshape(-1, block), axis=1)
    before = power[: max(1, round(SETTLING_SECONDS * rate / block))][::-1]
    pace = _pace(block / rate, DETECTOR_SECONDS)
    level, _ = lfilter([pace], [1.0, pace - 1.0], np.concatenate((before, power)), zi=[(1.0 - pace) * before[0]])
    return 10.0 * np.log10(np.maximum(level, _POWER_FLOOR)), before.size


def _pace(step: float, time_constant: float) -> float:
    """The part of the way to its goal that something with this time constant goes in `step` seconds."""
    return -math.expm1(-step / time_constant)


def _followed(goals: Signal, up: float, down: float) -> Signal:
    """A track that goes after `goals`: by the part `up` of the way where it is below, by `down` where it is above."""
    held = float(goals[0])
    track = []
    for goal in goals.tolist():
        held += (goal - held) * (up if goal > held else down)
        track.append(held)
    return np.array(track)


def limited(signal: Signal, highest: float = PEAK) -> Signal:
    """The signal, made quieter as a whole to a peak of 0.99 where it goes above `highest`."""
    peak = float(np.abs(signal).max(initial=0.0))
    return signal * (PEAK / peak) if peak > highest else signal


def is_silent(signal: Signal) -> bool:
    """Whether no sample reaches half a step of 16 bits."""
    return float(np.abs(signal).max(initial=0.0)) < SILENCE


def wav(clip: Signal, rate: int) -> bytes:
    """One clip as a 24-bit WAV file; samples of sources with up to 24 bits keep their exact values."""
    steps = np.rint(clip * 2.0**23).clip(-(2**23), 2**23 - 1).astype("<i4")
    data = steps.view("u1").reshape(-1, 4)[:, :3].tobytes()
    padded = data + b"\0" * (len(data) % 2)
    head = (b"RIFF", _HEADER_BYTES - 8 + len(padded), b"WAVE", b"fmt ", 16, 1, 1, rate, 3 * rate, 3, 24, b"data")
    return struct.pack("<4sI4s4sIHHIIHH4sI", *head, len(data)) + padded


def wav_bytes(samples: int) -> int:
    """The size of a clip's file."""
    return _HEADER_BYTES + 3 * samples + samples % 2
