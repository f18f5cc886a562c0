"""The ten official scenes: which sounds each is made of, how loud, in what room, and what a location changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from harness.data.demo import textures as sounds
from harness.data.demo.sound import Signal, drift, in_room, noise, normalised, response
from harness.data.demo.textures import Range, Texture

LEVEL_SPREAD_DB = 4.5
"""How much the level of a sound differs between locations of a scene (standard deviation)."""

COLOUR_SPREAD_DB = 4.5
"""How much the background spectrum differs between locations, at each of `COLOUR_HZ` (standard deviation)."""

STRANGER_DB = -5.0
"""Level of the sounds a location borrows from other scenes, over its background."""

_BACKGROUND, _ROOM, _CHOICE = 0, 100, 101  # streams of a location's random numbers; its layers count from 1

COLOUR_HZ = (50.0, 160.0, 500.0, 1600.0, 5000.0, 14_000.0)


@dataclass(frozen=True)
class Layer:
    """A sound of a scene: amplitude `level_db` over the background (root mean square), before the location's spread."""

    texture: Texture
    level_db: float


@dataclass(frozen=True)
class Scene:
    """A kind of place: mean background spectrum in dB at `COLOUR_HZ`, reverberation (s; share of power), layers."""

    colour_db: tuple[float, ...]
    room_seconds: Range
    room_share: Range
    layers: tuple[Layer, ...]


Surroundings = tuple[tuple[float, ...], Range, Range]
"""Background spectrum and room of a scene. Scenes share them, so that the average spectrum alone does not tell."""

VEHICLE: Surroundings = ((0, -4, -14, -25, -37, -49), (0.1, 0.3), (0.1, 0.4))
HALL: Surroundings = ((-2, -4, -13, -24, -36, -47), (0.8, 2.2), (0.1, 0.35))
OUTDOORS: Surroundings = ((-1, -6, -15, -25, -35, -46), (0.15, 0.8), (0.02, 0.3))

BABBLE = partial(sounds.babble, rate=(3.0, 5.0))
TALK = partial(sounds.speech, talkers=1, share=0.5, pitch=(90.0, 260.0))
STEPS = partial(sounds.footsteps, walkers=(1.0, 2.0), per_second=(1.5, 2.2))
CARS = partial(sounds.passing_cars, per_second=0.25)
MOTOR = partial(sounds.engine, hertz=(60.0, 120.0), partials=12, wander=0.03)

SCENES: Mapping[str, Scene] = {
    "airport": Scene(
        *HALL,
        (
            Layer(partial(sounds.rolling, per_second=(6.0, 8.5)), 12),
            Layer(partial(sounds.chime, notes=3, per_second=0.6), 4),
            Layer(BABBLE, -10),
        ),
    ),
    "bus": Scene(
        *VEHICLE,
        (
            Layer(partial(sounds.engine, hertz=(24.0, 42.0), partials=40, wander=0.15), 5),
            Layer(partial(sounds.hiss, per_second=0.7), 0),
            Layer(TALK, -8),
        ),
    ),
    "metro": Scene(
        *VEHICLE,
        (
            Layer(partial(sounds.accelerating, hertz=(250.0, 700.0), octaves=(0.7, 1.4)), -3),
            Layer(partial(sounds.rail_joints, per_second=(1.2, 2.0), axles=2), 12),
        ),
    ),
    "metro_station": Scene(
        *HALL,
        (
            Layer(partial(sounds.passing_train, per_second=0.7), 3),
            Layer(partial(sounds.beeps, hertz=(700.0, 1800.0), count=(4.0, 8.0), per_second=0.8), 4),
            Layer(STEPS, 6),
        ),
    ),
    "park": Scene(
        *OUTDOORS,
        (
            Layer(partial(sounds.birds, per_second=1.2), -6),
            Layer(sounds.wind, 0),
        ),
    ),
    "public_square": Scene(
        *OUTDOORS,
        (
            Layer(partial(sounds.bell, hertz=(300.0, 800.0), strokes=(1.0, 1.6)), 12),
            Layer(sounds.fountain, 2),
            Layer(BABBLE, -8),
        ),
    ),
    "shopping_mall": Scene(
        *HALL,
        (
            Layer(partial(sounds.music, beats=(2.5, 4.0)), 9),
            Layer(BABBLE, -8),
        ),
    ),
    "street_pedestrian": Scene(
        *OUTDOORS,
        (
            Layer(partial(sounds.footsteps, walkers=(2.0, 4.0), per_second=(1.6, 2.3)), 12),
            Layer(partial(sounds.speech, talkers=2, share=0.75, pitch=(100.0, 260.0)), 2),
        ),
    ),
    "street_traffic": Scene(
        *OUTDOORS,
        (
            Layer(partial(sounds.passing_cars, per_second=0.9), 7),
            Layer(partial(sounds.horn, per_second=0.4), -1),
        ),
    ),
    "tram": Scene(
        *VEHICLE,
        (
            Layer(partial(sounds.squeal, hertz=(1100.0, 2600.0), per_second=0.8), -3),
            Layer(partial(sounds.engine, hertz=(90.0, 180.0), partials=24, wander=0.25), 1),
            Layer(partial(sounds.rail_joints, per_second=(0.8, 1.4), axles=1), 11),
        ),
    ),
}

STRANGERS: tuple[Texture, ...] = (TALK, STEPS, CARS, MOTOR, BABBLE, sounds.wind)
"""Sounds that may be heard anywhere: every location borrows two of them."""


def source(scene: str, location: tuple[int, ...], segment: tuple[int, ...], n: int) -> Signal:
    """What a perfect microphone hears (n,), root mean square one; both tuples are seeds, the same gives the same."""
    kind, rng = SCENES[scene], np.random.default_rng(segment)
    out = _background(kind, np.random.default_rng((*location, _BACKGROUND)), rng, n)
    for number, layer in enumerate((*kind.layers, *_strangers(location)), start=1):
        place = np.random.default_rng((*location, number))
        level_db = layer.level_db + LEVEL_SPREAD_DB * place.standard_normal()
        out += layer.texture(place, rng, n) * np.float32(10.0 ** (level_db / 20.0))
    place = np.random.default_rng((*location, _ROOM))
    seconds, share = sounds.between(place, kind.room_seconds), sounds.between(place, kind.room_share)
    return normalised(in_room(place, out, seconds, share))


def _strangers(location: tuple[int, ...]) -> list[Layer]:
    place = np.random.default_rng((*location, _CHOICE))
    return [Layer(STRANGERS[choice], STRANGER_DB) for choice in place.permutation(len(STRANGERS))[:2]]


def _background(kind: Scene, place: np.random.Generator, rng: np.random.Generator, n: int) -> Signal:
    colour_db = np.array(kind.colour_db) + COLOUR_SPREAD_DB * place.standard_normal(len(COLOUR_HZ))
    swell: Signal = np.exp(np.float32(0.15) * drift(rng, n, 0.5))
    return noise(rng, n, response(n, COLOUR_HZ, tuple(colour_db.tolist()))) * swell
