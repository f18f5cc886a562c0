"""Building blocks of the made sounds: shaped noise, tones that glide, events put on a time line, rooms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

RATE = 44_100
"""Samples a second of everything made here."""

Signal = NDArray[np.float32]
"""One channel of sound, shape (samples,)."""

_TABLE = 4096
_HIGHEST_PARTIAL_HZ = 16_000.0


@lru_cache(maxsize=64)
def _octaves(n: int) -> Signal:
    """log2 of the frequencies in hertz of the `n // 2 + 1` bins of an n-point transform; bin 0 counts as 1 Hz."""
    hertz = np.fft.rfftfreq(n, 1.0 / RATE)
    octaves: Signal = np.log2(np.maximum(hertz, 1.0)).astype(np.float32)
    return octaves


@lru_cache(maxsize=64)
def response(n: int, hertz: tuple[float, ...], decibels: tuple[float, ...]) -> Signal:
    """Magnitude (n // 2 + 1,) through the points (hertz, decibels): linear over octaves, held outside."""
    decibels_at_bin = np.interp(_octaves(n), np.log2(hertz), decibels).astype(np.float32)
    magnitude: Signal = np.exp2(decibels_at_bin * np.float32(np.log2(10.0) / 20.0))
    return magnitude


def band(n: int, low_hz: float, high_hz: float) -> Signal:
    """Magnitude (n // 2 + 1,) of a band-pass: flat inside, 24 dB an octave outside, down to -48 dB."""
    return response(n, (low_hz / 4, low_hz, high_hz, high_hz * 4), (-48.0, 0.0, 0.0, -48.0))


def filtered(signal: Signal, magnitude: Signal) -> Signal:
    """The signal with each frequency scaled by `magnitude` (n // 2 + 1,), phase kept."""
    return np.fft.irfft(np.fft.rfft(signal) * magnitude, signal.size).astype(np.float32)


def normalised(signal: Signal) -> Signal:
    """The signal at a root mean square of one; silence stays silence."""
    power = float(np.mean(np.square(signal)))
    return signal if power == 0.0 else signal * np.float32(power**-0.5)


def noise(rng: np.random.Generator, n: int, magnitude: Signal) -> Signal:
    """Noise (n,) with this magnitude response (n // 2 + 1,) and a root mean square of one.

    Every sample is a sum over all bins and so as good as Gaussian, though the bins are drawn evenly: five times faster.
    """
    spectrum = (rng.random(2 * magnitude.size, dtype=np.float32) - np.float32(0.5)).view(np.complex64)
    return normalised(np.fft.irfft(spectrum * magnitude, n).astype(np.float32))


def drift(rng: np.random.Generator, n: int, per_second: float) -> Signal:
    """A slow random track (n,): standard normal values `per_second` times a second, joined by lines."""
    step = round(RATE / per_second)
    return lines(rng.standard_normal(n // step + 2, dtype=np.float32), step)[:n]


def lines(points: Signal, step: int) -> Signal:
    """Straight lines through the points (m,), `step` samples apart, as a signal ((m - 1) * step,)."""
    rise = np.arange(step, dtype=np.float32) / np.float32(step)
    return (points[:-1, None] + np.diff(points)[:, None] * rise).reshape(-1)


def tone(rng: np.random.Generator, hertz: Signal, partials: ArrayLike) -> Signal:
    """A tone (n,) that follows `hertz` (n,), its k-th partial at amplitude `partials[k - 1]`, phases random.

    Read from a table of one period; partials that would pass 16 kHz at the highest pitch are left out.
    """
    amplitudes = np.asarray(partials)[: max(1, int(_HIGHEST_PARTIAL_HZ / float(hertz.max())))]
    spectrum = np.zeros(_TABLE // 2 + 1, dtype=np.complex128)
    spectrum[1 : amplitudes.size + 1] = amplitudes * np.exp(2j * np.pi * rng.random(amplitudes.size))
    table = (np.fft.irfft(spectrum) * (_TABLE / 2)).astype(np.float32)
    turns = np.cumsum(hertz, dtype=np.float64) * (_TABLE / RATE)
    return table[turns.astype(np.int64) % _TABLE]


def glide(start_hz: float, end_hz: float, n: int) -> Signal:
    """A pitch track (n,) in hertz that moves from start to end in even steps of musical interval."""
    return np.geomspace(start_hz, end_hz, n).astype(np.float32)


def samples(seconds: float) -> int:
    """About so many seconds in samples, a multiple of 512: few lengths, and all quick to transform."""
    return max(1, round(seconds * RATE / 512)) * 512


def burst(rng: np.random.Generator, seconds: float, low_hz: float, high_hz: float) -> Signal:
    """A knock: band-passed noise that decays by 60 dB over `seconds`, peak near one."""
    n = samples(seconds)
    return noise(rng, n, band(n, low_hz, high_hz)) * _decay(n, n) * np.float32(0.4)


def ring(rng: np.random.Generator, hertz: Sequence[float], seconds: float) -> Signal:
    """A struck body: inharmonic tones that die away within `seconds`, the higher the sooner."""
    n = samples(seconds)
    time = np.arange(n, dtype=np.float32) / RATE
    out = np.zeros(n, dtype=np.float32)
    for k, frequency in enumerate(hertz):
        phase = float(rng.uniform(0.0, 2 * np.pi))
        out += np.sin(2 * np.pi * frequency * time + phase).astype(np.float32) * _decay(n, n / (1 + 0.5 * k))
    return out / np.float32(len(hertz))


def _decay(n: int, samples: float) -> Signal:
    """An exponential (n,) that falls by 60 dB over `samples` samples."""
    decay: Signal = np.exp(np.arange(n, dtype=np.float32) * np.float32(-6.9 / samples))
    return decay


def hump(n: int) -> Signal:
    """A raised cosine (n,) from zero to one and back."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(n) + 0.5) / n)).astype(np.float32)


def placed(n: int, onsets: Iterable[float], event: Callable[[], Signal]) -> Signal:
    """A time line (n,) with a fresh `event()` added at each onset, in seconds; what hangs over is cut."""
    out = np.zeros(n, dtype=np.float32)
    for onset in onsets:
        start = int(onset * RATE)
        piece = event()[max(0, -start) : max(0, n - start)]
        out[max(0, start) : max(0, start) + piece.size] += piece
    return out


def scattered(rng: np.random.Generator, n: int, per_second: float) -> list[float]:
    """Onsets in seconds of a Poisson process; the first second before the start is included."""
    seconds = n / RATE + 1.0
    count = int(rng.poisson(per_second * seconds))
    return sorted(float(at) for at in rng.uniform(-1.0, seconds - 1.0, count))


def paced(rng: np.random.Generator, n: int, per_second: float, jitter: float) -> list[float]:
    """Onsets in seconds of a steady beat with a random phase, each moved by `jitter` of a period (sd)."""
    beats = np.arange(int(n / RATE * per_second) + 2) - float(rng.random())
    moved = beats + jitter * rng.standard_normal(beats.size)
    return [float(at) for at in moved / per_second]


def in_room(rng: np.random.Generator, signal: Signal, seconds: float, share: float) -> Signal:
    """The signal in a room that rings for `seconds` (60 dB); `share` in [0, 1] of the power is reverberation."""
    tail = min(int(seconds * RATE), signal.size)
    impulse = (rng.random(tail, dtype=np.float32) - np.float32(0.5)) * _decay(tail, tail)
    size = signal.size
    wet = np.fft.irfft(np.fft.rfft(signal) * np.fft.rfft(impulse, size), size).astype(np.float32)
    wet *= np.float32(np.sqrt(np.mean(np.square(signal)) / (np.mean(np.square(wet)) + 1e-12)))
    return signal * np.float32(np.sqrt(1.0 - share)) + wet * np.float32(np.sqrt(share))
