"""What can be heard in the made scenes, one function a sound.

Every texture is called as `texture(place, rng, n)` and returns a signal (n,) whose loud parts have an amplitude of
about one. `place` is seeded by the location and so gives the same values in all of its segments (the pitch of its
motors, the pace of its rails); `rng` is seeded by the segment (when events come). Keyword arguments are mostly ranges
(low, high) to draw from, so that one texture serves several scenes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.data.demo.sound import (
    RATE,
    Signal,
    band,
    burst,
    drift,
    filtered,
    glide,
    hump,
    noise,
    paced,
    placed,
    response,
    ring,
    samples,
    scattered,
    tone,
)

Texture = Callable[[np.random.Generator, np.random.Generator, int], Signal]
Range = tuple[float, float]


def between(rng: np.random.Generator, limits: Range) -> float:
    """One value between the limits, even in ratio."""
    return float(np.exp(rng.uniform(np.log(limits[0]), np.log(limits[1]))))


def engine(
    place: np.random.Generator,
    rng: np.random.Generator,
    n: int,
    *,
    hertz: Range,
    partials: int,
    wander: float,
) -> Signal:
    """A motor: a steep stack of harmonics whose pitch wanders slowly; `wander` is its deviation in octaves."""
    base = between(place, hertz)
    slope = place.uniform(0.3, 0.9)
    colour = np.exp(0.5 * place.standard_normal(partials)) * np.arange(1, partials + 1) ** -slope
    pitch = base * np.exp2(wander * drift(rng, n, 1.2))
    return tone(rng, pitch.astype(np.float32), colour / np.sqrt(np.sum(colour**2)))


def accelerating(
    place: np.random.Generator, rng: np.random.Generator, n: int, *, hertz: Range, octaves: Range
) -> Signal:
    """An inverter drive: a few harmonics that sweep up (or, braking, down) by `octaves` in two to four seconds."""
    base = between(place, hertz)
    steep = between(place, octaves) / place.uniform(2.0, 4.0)
    turns = steep * np.arange(n) / RATE + rng.random()
    direction = 1.0 if rng.random() < 0.5 else -1.0
    pitch = base * np.exp2(direction * (turns % 1.0 - 0.5) * between(place, octaves))
    return tone(rng, pitch.astype(np.float32), (1.0, 0.6, 0.4, 0.25, 0.2))


def squeal(place: np.random.Generator, rng: np.random.Generator, n: int, *, hertz: Range, per_second: float) -> Signal:
    """Wheels in a curve: a high tone with a wide, fast vibrato that swells and dies within a second."""
    base = between(place, hertz)
    waver = place.uniform(4.0, 6.5)

    def cry() -> Signal:
        size = samples(rng.uniform(0.5, 1.1))
        time = np.arange(size) / RATE
        pitch = base * np.exp2(0.12 * np.sin(2 * np.pi * waver * time) + rng.normal(0.0, 0.05))
        return tone(rng, pitch.astype(np.float32), (1.0, 0.3, 0.15)) * hump(size)

    return placed(n, scattered(rng, n, per_second), cry)


def rail_joints(
    place: np.random.Generator, rng: np.random.Generator, n: int, *, per_second: Range, axles: int
) -> Signal:
    """Wheels over rail joints: groups of `axles` dull knocks, about 0.11 s apart, in a steady beat."""
    beat = between(place, per_second)
    gap = place.uniform(0.1, 0.13)
    low, seconds = between(place, (90.0, 220.0)), place.uniform(0.08, 0.14)
    onsets = [at + k * gap for at in paced(rng, n, beat, 0.02) for k in range(axles)]
    return placed(n, onsets, lambda: burst(rng, seconds, low, low * 12) * np.float32(rng.uniform(0.7, 1.0)))


def footsteps(
    place: np.random.Generator, rng: np.random.Generator, n: int, *, walkers: Range, per_second: Range
) -> Signal:
    """People walking: each has an own steady pace, heel and shoe; the floor is the location's."""
    floor_hz, seconds = between(place, (500.0, 1800.0)), place.uniform(0.04, 0.09)
    out = np.zeros(n, dtype=np.float32)
    for _ in range(max(1, round(between(rng, walkers)))):
        shoe_hz, loud = floor_hz * rng.uniform(0.7, 1.4), np.float32(between(rng, (0.3, 1.0)))
        pace = paced(rng, n, between(rng, per_second), 0.03)
        out += loud * placed(n, pace, lambda hz=shoe_hz: burst(rng, seconds, hz, hz * 4))  # type: ignore[misc]
    return out


def _syllable(rng: np.random.Generator, pitch: float) -> Signal:
    n = samples(rng.uniform(0.12, 0.28))
    hertz = glide(pitch * rng.uniform(0.9, 1.25), pitch * rng.uniform(0.8, 1.1), n)
    first, second = rng.uniform(300, 800), rng.uniform(1000, 2300)
    formants = (100, first, (first + second) / 2, second, 2700, 3000, 6000)
    voiced = tone(rng, hertz, np.arange(1, 60) ** -0.7) * hump(n)
    return filtered(voiced, response(n, formants, (-12, 6, -8, 3, -10, -4, -30)))


def speech(
    place: np.random.Generator, rng: np.random.Generator, n: int, *, talkers: int, share: float, pitch: Range
) -> Signal:
    """People talking close by: syllables of gliding harmonics under formants, `share` of the time."""
    syllables_per_second = place.uniform(3.8, 5.2)
    out = np.zeros(n, dtype=np.float32)
    for _ in range(talkers):
        own, loud = between(rng, pitch), np.float32(rng.uniform(0.5, 1.0))
        talking = drift(rng, n, 0.7) < np.float32(_normal_quantile(share))
        onsets = paced(rng, n, syllables_per_second * rng.uniform(0.9, 1.1), 0.12)
        spoken = [at for at in onsets if talking[min(max(0, int(at * RATE)), n - 1)]]
        out += loud * placed(n, spoken, lambda hz=own: _syllable(rng, hz))  # type: ignore[misc]
    return out


def _normal_quantile(share: float) -> float:
    """Below this value lies `share` of a standard normal variable (logistic approximation, to 0.02)."""
    return float(np.log(share / (1.0 - share)) / 1.702)


def babble(place: np.random.Generator, rng: np.random.Generator, n: int, *, rate: Range) -> Signal:
    """A crowd: voice-like bands of noise, each swelling at the pace of syllables."""
    pace = between(place, rate)
    out = np.zeros(n, dtype=np.float32)
    for low in (300.0, 800.0, 2000.0):
        centre = low * between(place, (0.85, 1.2))
        swell = np.exp(np.float32(0.9) * drift(rng, n, 2 * pace))
        out += noise(rng, n, band(n, centre, centre * 1.8)) * swell * np.float32(300.0 / low)
    return out * np.float32(0.4)


def birds(place: np.random.Generator, rng: np.random.Generator, n: int, *, per_second: float) -> Signal:
    """Songs: quick runs of high chirps that all fall or all rise, as the location's species does."""
    base, ratio = between(place, (1900.0, 4800.0)), place.uniform(1.25, 1.7) ** place.choice((-1.0, 1.0))
    chirps_per_second, seconds = place.uniform(5.0, 8.0), place.uniform(0.08, 0.13)

    def chirp(hertz: float) -> Signal:
        size = samples(seconds)
        return tone(rng, glide(hertz * ratio, hertz / ratio, size), (1.0, 0.15)) * hump(size)

    def song() -> Signal:
        size = samples(rng.uniform(0.5, 1.0))
        hertz, loud = base * rng.uniform(0.85, 1.15), np.float32(between(rng, (0.3, 1.0)))
        return loud * placed(size, np.arange(0.0, size / RATE - seconds, 1 / chirps_per_second), lambda: chirp(hertz))

    return placed(n, scattered(rng, n, per_second), song)


def wind(place: np.random.Generator, rng: np.random.Generator, n: int) -> Signal:
    """Gusts: low rumble and a hiss in leaves that swell over seconds."""
    gust: Signal = np.exp(np.float32(0.8) * drift(rng, n, 0.8))
    leaves = noise(rng, n, band(n, 1500.0, between(place, (4000.0, 9000.0)))) * np.float32(0.25)
    return (noise(rng, n, band(n, 20.0, between(place, (80.0, 200.0)))) + leaves) * gust


def passing_cars(place: np.random.Generator, rng: np.random.Generator, n: int, *, per_second: float) -> Signal:
    """Vehicles going by: tyre noise that brightens, then dulls, over a motor whose pitch drops as it passes."""
    tyre_hz = between(place, (500.0, 1400.0))

    def car() -> Signal:
        size = samples(rng.uniform(1.2, 2.6))
        bell, loud = hump(size), np.float32(between(rng, (0.4, 1.0)))
        tyres = noise(rng, size, band(size, 150.0, tyre_hz)) * bell**2
        hiss = noise(rng, size, band(size, tyre_hz, tyre_hz * 5)) * bell**6 * np.float32(0.5)
        sounding = rng.uniform(70.0, 160.0) * np.exp2(-0.35 / (1 + np.exp(-np.linspace(-9.0, 9.0, size))))
        motor = tone(rng, sounding.astype(np.float32), np.arange(1, 16) ** -0.5) * bell**3 * np.float32(0.5)
        heard: Signal = loud * (tyres + hiss + motor)
        return heard

    return placed(n, scattered(rng, n, per_second), car)


def passing_train(place: np.random.Generator, rng: np.random.Generator, n: int, *, per_second: float) -> Signal:
    """A train arriving or leaving: a wide roar and a brake tone that slides down, over two to four seconds."""
    low = between(place, (150.0, 400.0))
    brake_hz = between(place, (700.0, 2200.0))

    def train() -> Signal:
        size = samples(rng.uniform(2.0, 4.0))
        rising = np.linspace(0.0, 1.0, size, dtype=np.float32) ** 2 if rng.random() < 0.5 else hump(size)
        roar = noise(rng, size, band(size, low, low * 10)) * rising
        brake = tone(rng, glide(brake_hz * 1.5, brake_hz / 2, size), (1.0, 0.5, 0.4, 0.3)) * rising
        return roar + np.float32(0.35) * brake

    return placed(n, scattered(rng, n, per_second), train)


def beeps(
    place: np.random.Generator,
    rng: np.random.Generator,
    n: int,
    *,
    hertz: Range,
    count: Range,
    per_second: float,
) -> Signal:
    """Signals of doors and tills: a steady run of short equal tones, 0.1 to 0.2 s apart."""
    pitch, gap = between(place, hertz), place.uniform(0.16, 0.26)

    def run() -> Signal:
        tones = max(1, round(between(rng, count)))
        size = samples(gap * tones + 0.1)
        held = np.full(samples(gap * 0.5), pitch, dtype=np.float32)
        return placed(size, np.arange(tones) * gap, lambda: tone(rng, held, (1.0, 0.4, 0.3)) * hump(held.size))

    return placed(n, scattered(rng, n, per_second), run)


def chime(place: np.random.Generator, rng: np.random.Generator, n: int, *, notes: int, per_second: float) -> Signal:
    """A public-address gong: two to four struck notes, falling by thirds, each ringing into the next."""
    base, gap = between(place, (450.0, 900.0)), place.uniform(0.28, 0.42)

    def gong() -> Signal:
        size = samples(gap * notes + 0.8)
        pitches = iter(base * 2.0 ** (-np.arange(notes) / 3.0))
        return placed(size, np.arange(notes) * gap, lambda: _note(rng, float(next(pitches)), 0.9))

    return placed(n, scattered(rng, n, per_second), gong)


def _note(rng: np.random.Generator, hertz: float, seconds: float) -> Signal:
    return ring(rng, [hertz, hertz * 2, hertz * 3.01], seconds) * np.float32(1.5)


def music(place: np.random.Generator, rng: np.random.Generator, n: int, *, beats: Range) -> Signal:
    """Background music: a chord and a melody of plucked notes on a steady beat, in the location's key."""
    root, beat = between(place, (180.0, 360.0)), between(place, beats)
    scale = root * 2.0 ** (np.array((0, 2, 4, 7, 9, 12, 14, 16)) / 12.0)

    def melody() -> Signal:
        return _note(rng, float(rng.choice(scale)), 0.5)

    def chord() -> Signal:
        return ring(rng, [float(hertz) for hertz in rng.choice(scale, 3)], 1.6) * np.float32(1.5)

    return placed(n, paced(rng, n, beat, 0.0), melody) + placed(n, paced(rng, n, beat / 4, 0.0), chord)


def rolling(place: np.random.Generator, rng: np.random.Generator, n: int, *, per_second: Range) -> Signal:
    """Trolleys and cases on wheels: a rattle of quick clicks, 6 to 9 a second over tiles, that comes and goes."""
    tiles, low = between(place, per_second), between(place, (800.0, 2500.0))
    near: Signal = np.clip(0.8 + 0.5 * drift(rng, n, 0.6), 0.2, 1.5)
    clicks = placed(n, paced(rng, n, tiles, 0.05), lambda: burst(rng, 0.05, low, low * 3))
    return (clicks + np.float32(0.12) * noise(rng, n, band(n, low / 2, low * 2))) * near


def hiss(place: np.random.Generator, rng: np.random.Generator, n: int, *, per_second: float) -> Signal:
    """Air let out of brakes and doors: a sudden bright noise that dies within a third to two thirds of a second."""
    low, seconds = between(place, (1500.0, 3500.0)), place.uniform(0.5, 1.0)
    return placed(n, scattered(rng, n, per_second), lambda: burst(rng, seconds, low, 12_000.0) * np.float32(2.0))


def horn(place: np.random.Generator, rng: np.random.Generator, n: int, *, per_second: float) -> Signal:
    """Car horns: two steady buzzing tones a third apart, held for 0.2 to 0.6 s."""
    base = between(place, (320.0, 480.0))

    def honk() -> Signal:
        size = samples(rng.uniform(0.2, 0.6))
        held = np.power(hump(size), np.float32(0.3)) * np.float32(0.3)
        low = np.full(size, base * rng.uniform(0.9, 1.1), dtype=np.float32)
        return (tone(rng, low, np.ones(12)) + tone(rng, low * np.float32(1.26), np.ones(12))) * held

    return placed(n, scattered(rng, n, per_second), honk)


def bell(place: np.random.Generator, rng: np.random.Generator, n: int, *, hertz: Range, strokes: Range) -> Signal:
    """A struck bell, on a tram or a tower: inharmonic partials, strokes in a steady beat."""
    base = between(place, hertz)
    partials = [base * ratio for ratio in (1.0, 1.19, 1.5, 2.0, 2.74)]
    onsets = paced(rng, n, between(place, strokes), 0.03)
    return placed(n, onsets, lambda: ring(rng, partials, 1.2) * np.float32(rng.uniform(0.3, 1.5)))


def fountain(place: np.random.Generator, rng: np.random.Generator, n: int) -> Signal:
    """Falling water: steady bright noise with a swarm of small drops that ring up in pitch."""
    low = between(place, (600.0, 1800.0))

    def drop() -> Signal:
        size = samples(0.1)
        hertz = low * rng.uniform(0.7, 1.6)
        return tone(rng, glide(hertz, hertz * 1.6, size), (1.0,)) * hump(size) * np.float32(rng.uniform(0.2, 1.0))

    return noise(rng, n, band(n, low, low * 6)) * np.float32(0.12) + placed(n, scattered(rng, n, 9.0), drop)
