"""Nine recording devices: frequency response, noise floor, dynamic range compression.

As in TAU 2022 Mobile, a is the good recorder, b and c are phones, s1 to s6 are simulated phones; s4, s5 and s6
are heard in the test list only. The devices are the same whatever the seed of the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from harness.data.demo.sound import Signal, filtered, lines, noise, response

REAL, SEEN, UNSEEN = ("a", "b", "c"), ("s1", "s2", "s3"), ("s4", "s5", "s6")
DEVICES = REAL + SEEN + UNSEEN

_HZ = (40.0, 80.0, 160.0, 320.0, 640.0, 1250.0, 2500.0, 5000.0, 10_000.0, 18_000.0)
_BLOCK = 225  # samples; the compressor follows the level 196 times a second, a clip is 196 blocks


@dataclass(frozen=True)
class Device:
    """A microphone and what follows it.

    `response_db` at ten frequencies from 40 Hz to 18 kHz; `noise_db` and `threshold_db` in dB of full scale (root
    mean square); `ratio` of the compressor above the threshold; `release` is the part of the gain reduction, in [0, 1),
    that is left after a block of 5 ms.
    """

    response_db: tuple[float, ...]
    noise_db: float
    threshold_db: float
    ratio: float
    release: float


DEVICE: Mapping[str, Device] = {
    "a": Device((-1, 0, 0, 0, 0, 0, 0, 0, 0, -2), -84, 0, 1.0, 0.0),
    "b": Device((-10, -5, -2, 0, 1, 2, 1, 3, 0, -8), -76, -28, 1.5, 0.95),
    "c": Device((-6, -3, 0, 1, -1, 0, 3, -1, -4, -12), -74, -30, 2.0, 0.97),
    "s1": Device((-14, -7, -1, 3, 0, -3, 2, 5, -2, -14), -74, -32, 2.0, 0.96),
    "s2": Device((-8, -6, -4, -1, 2, 4, -1, -5, -1, -10), -72, -30, 3.0, 0.98),
    "s3": Device((-16, -9, -3, 0, -3, 2, 5, 0, -7, -20), -72, -34, 2.5, 0.94),
    "s4": Device((-26, -16, -8, 2, 6, 0, -6, 3, 9, -6), -70, -36, 4.0, 0.98),
    "s5": Device((-4, 3, 7, -2, -8, -3, 5, -5, -15, -32), -68, -34, 3.0, 0.92),
    "s6": Device((-22, -15, -10, -5, 4, 9, 3, -9, -4, -19), -66, -38, 5.0, 0.97),
}


def recorded(device: Device, source: Signal, level_db: float, rng: np.random.Generator) -> Signal:
    """What the device stores of `source` (root mean square one), played at `level_db` of full scale; peaks to 0.95."""
    n = source.size
    heard = filtered(source, response(n, _HZ, device.response_db)) * _amplitude(level_db)
    floor = noise(rng, n, response(n, (50.0, 1000.0, 16_000.0), (6.0, 0.0, -3.0))) * _amplitude(device.noise_db)
    stored = _compressed(heard + floor, device)
    return stored * np.float32(min(1.0, 0.95 / float(np.abs(stored).max())))


def _amplitude(decibels: float) -> np.float32:
    return np.float32(10.0 ** (decibels / 20.0))


def _compressed(signal: Signal, device: Device) -> Signal:
    """The signal (n,), n a multiple of 225, with gain reduced above the threshold: at once, and released slowly."""
    if device.ratio == 1.0:
        return signal
    power = np.mean(np.square(signal.reshape(-1, _BLOCK)), axis=1)
    above_db = np.maximum(0.0, 10.0 * np.log10(power + 1e-12) - device.threshold_db)
    reduction_db, held = np.empty(above_db.size), 0.0
    for block, wanted in enumerate(above_db * (1.0 - 1.0 / device.ratio)):
        held = max(float(wanted), held * device.release)
        reduction_db[block] = held
    gain = np.power(10.0, -reduction_db / 20.0).astype(np.float32)
    return signal * lines(np.append(gain, gain[-1]), _BLOCK)
