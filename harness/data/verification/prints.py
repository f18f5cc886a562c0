"""Prints of sounds: how the level of four bands moves in a clip, the same for any encoding, level and rate of it.

A clip is 32 stretches; the energies of four bands between 100 Hz and 3.4 kHz, in decibels and without each band's mean,
are a vector of length one. Copies by Vorbis, MP3, other rates, levels and bit depths have a product above 0.9 with the
original (5 % quantile on 3,020 real clips: 0.96, 8 bits at a third of the level excepted); strangers rarely do (median
of the nearest one 0.55, but clips with one event between silences look alike). So prints propose, and the waveforms
decide: see `same_sound`. A copy that was shifted in time is found for certain only up to some milliseconds (31 of 60
real clips at 5 ms).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

STRETCHES = 32
EDGES_HZ = (100.0, 300.0, 700.0, 1500.0, 3400.0)
SIZE = STRETCHES * (len(EDGES_HZ) - 1)
FLOOR = 1e-3
"""Of a band's mean energy: what is below counts as silence."""

LONGEST_SHIFT = 0.02
"""Seconds by which the waveforms of copies may be shifted against each other."""


def mono(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """(samples,) of a waveform (samples, channels)."""
    mixed: NDArray[np.float32] = waveform[:, 0] if waveform.shape[1] == 1 else waveform.mean(axis=1)
    return mixed


def taken(waveform: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    """The print (SIZE,) of a waveform (samples,); zeros where there is nothing to take one of."""
    stretch = len(waveform) // STRETCHES
    edges = np.round(np.array(EDGES_HZ) * stretch / sample_rate).astype(int)
    if edges[-1] > stretch // 2 or len(set(edges)) < len(edges) or not np.isfinite(waveform).all():
        return np.zeros(SIZE, np.float32)
    peak = np.abs(waveform).max()
    spectrum = fft.rfft((waveform / (peak or 1))[: STRETCHES * stretch].reshape(STRETCHES, stretch))[:, : edges[-1]]
    energies = np.add.reduceat(spectrum.real**2 + spectrum.imag**2, edges[:-1], axis=1)
    means = energies.mean(axis=0)
    if not means.any():
        return np.zeros(SIZE, np.float32)
    levels = np.log(energies + FLOOR * means + np.finfo(np.float32).tiny)
    levels -= levels.mean(axis=0)
    length = float(np.linalg.norm(levels))
    found: NDArray[np.float32] = (levels / length if length > 0 else levels).astype(np.float32)
    return found.ravel()


def same_sound(one: NDArray[np.float32], other: NDArray[np.float32], rates: tuple[int, int]) -> float:
    """How alike two clips of one duration are: the largest correlation of their waveforms between 100 Hz and 3.4 kHz.

    0 for strangers, 1 for a copy at any level and rate, polarity aside; shifts of up to 20 ms are tried.
    """
    seconds = min(len(one) / rates[0], len(other) / rates[1])
    bins = slice(round(EDGES_HZ[0] * 2 * seconds), round(EDGES_HZ[-1] * 2 * seconds))
    spectra = [_spectrum(clip, round(seconds * rate), bins) for clip, rate in zip((one, other), rates, strict=True)]
    length = np.linalg.norm(spectra[0]) * np.linalg.norm(spectra[1])
    if not length > 0:
        return 0.0
    points = 4 * bins.stop  # twice the highest frequency, and twice that for a finer search
    product = np.zeros(points // 2 + 1, np.complex64)
    product[bins] = spectra[0] * np.conj(spectra[1])
    correlation = fft.irfft(product, points) * points / 2
    longest = max(1, round(LONGEST_SHIFT / (2 * seconds) * points))
    return float(np.abs(np.concatenate([correlation[:longest], correlation[-longest:]])).max() / length)


def _spectrum(clip: NDArray[np.float32], samples: int, bins: slice) -> NDArray[np.complex64]:
    """The bins of a clip with as much silence behind it; a bin is 1 / (2 durations) wide, whatever the rate."""
    found: NDArray[np.complex64] = fft.rfft(clip[:samples], 2 * samples)[bins]
    return found
