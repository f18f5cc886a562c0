"""Which locations are for the test, so that both sides have what they need."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, product

import numpy as np
from numpy.typing import NDArray

from harness.data.splitting.recordings import FIELDS, Recording, drawn, every
from harness.data.splitting.wishes import Wishes
from harness.outcomes import Mistake

TRIES = 256
"""Random orders of the locations from which the best choice for the test is kept."""
EQUALLY_NEAR = 2
"""Decimals of a share of segments; of choices that agree in them, the devices decide."""
ROUNDING = 1e-9
"""Below this, two sums of shares are the same."""

Counts = NDArray[np.int64]
Shares = NDArray[np.float64]
Flags = NDArray[np.bool_]


def test_locations(found: Sequence[Recording], wishes: Wishes) -> frozenset[str]:
    """The locations for the test, so that every scene comes near its share and has every device on either side.

    Raises `Mistake` where no choice that was tried leaves a scene all its devices.
    """
    return frozenset(chain.from_iterable(_nearest_choice(family, wishes) for family in _families(found)))


def _families(found: Sequence[Recording]) -> list[list[Recording]]:
    """The recordings in groups that have no scene and no location in common, each as small as can be."""
    by_location: defaultdict[str, list[Recording]] = defaultdict(list)
    for one in found:
        by_location[one.location].append(one)
    families: list[tuple[set[str], list[Recording]]] = []
    for location in sorted(by_location):
        members = by_location[location]
        scenes = {one.scene for one in members}
        joined = [family for family in families if not scenes.isdisjoint(family[0])]
        families = [family for family in families if scenes.isdisjoint(family[0])]
        for known, held in joined:
            scenes |= known
            members += held
        families.append((scenes, members))
    return [members for _, members in families]


@dataclass(frozen=True)
class _Stock:
    """What lies at each location of a family.

    `cells` are the scenes, (scene,), and after these (scene, device); `counts` (locations, cells) are segments of a
    scene and recordings of a device in it. `trains` marks the cells that the training side needs too.
    """

    locations: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    counts: Counts
    trains: Flags
    scenes: int

    def missing(self, test: Counts) -> Flags:
        """Which cells a side lacks, where the `test` side (choices, cells) holds so much."""
        return np.asarray((test == 0) | self.trains & (test == self.counts.sum(axis=0)))

    def distance(self, test: Counts, share: float) -> Shares:
        """How far the test side's shares of segments are from `share`: the mean of the scenes, for each choice."""
        return np.asarray(np.abs(self._shares(test)[:, : self.scenes] - share).mean(axis=1))

    def imbalance(self, test: Counts, share: float) -> Shares:
        """How far the device that is farthest off is from `share`: the mean of the scenes, for each choice."""
        off = np.abs(self._shares(test)[:, self.scenes :] - share)
        return np.asarray(off.reshape(len(test), self.scenes, -1).max(axis=2).mean(axis=1))

    def _shares(self, test: Counts) -> Shares:
        return np.asarray(test / self.counts.sum(axis=0))


def _stock(family: Sequence[Recording], unseen: Sequence[str]) -> _Stock:
    locations, scenes, devices = (every(family, field) for field in FIELDS)
    cells: list[tuple[str, ...]] = [*((scene,) for scene in scenes), *product(scenes, devices)]
    segments = {(one.location, one.scene, one.segment) for one in family}
    held: Counter[tuple[str, ...]] = Counter((location, scene) for location, scene, _ in segments)
    held.update((one.location, one.scene, one.device) for one in family)
    counts = np.array([[held[location, *cell] for cell in cells] for location in locations], dtype=np.int64)
    trains = np.array([cell[-1] not in unseen for cell in cells]) & ((counts > 0).sum(axis=0) > 1)
    return _Stock(locations, tuple(cells), counts, trains, len(scenes))


def _nearest_choice(family: Sequence[Recording], wishes: Wishes) -> list[str]:
    """The best of `TRIES` choices of test locations.

    The fewest cells are missing; of these choices, the nearest by segments; of these, the one whose devices are the
    nearest too: a device that is scarce in the test makes its list short.
    """
    stock = _stock(family, wishes.unseen)
    chosen, test = _choices(stock, wishes)
    missing = stock.missing(test)
    distance = stock.distance(test, wishes.test_share).round(EQUALLY_NEAR)
    imbalance = stock.imbalance(test, wishes.test_share).round(9)
    best = np.lexsort((imbalance, distance, missing.sum(axis=1)))[0]
    if missing[best].any():
        raise _no_choice(stock.cells[int(missing[best].argmax())])
    return [location for location, inside in zip(stock.locations, chosen[best], strict=True) if inside]


def _choices(stock: _Stock, wishes: Wishes) -> tuple[Flags, Counts]:
    """`TRIES` choices (choices, locations), and what their test sides hold (choices, cells).

    Each draws an order of the locations and goes through it twice: a location changes sides when fewer cells are
    missing then, or, with as many missing, when the scenes' shares of segments are nearer to the wish.
    """

    def cost(test: Counts) -> Shares:  # a distance is below 1, so what is missing counts first
        return np.asarray(stock.distance(test, wishes.test_share) + stock.missing(test).sum(axis=1))

    tries = np.arange(TRIES)
    places = {location: place for place, location in enumerate(stock.locations)}
    tried = [drawn(stock.locations, wishes.seed, "locations", attempt) for attempt in range(TRIES)]
    orders = np.array([[places[location] for location in order] for order in tried])
    chosen = np.zeros(orders.shape, dtype=np.bool_)
    test = np.zeros((TRIES, len(stock.cells)), dtype=np.int64)
    for place in (*orders.T, *orders.T):
        moved = test + np.where(chosen[tries, place], -1, 1)[:, None] * stock.counts[place]
        better = cost(moved) < cost(test) - ROUNDING
        test[better] = moved[better]
        chosen[tries[better], place[better]] ^= True
    return chosen, test


def _no_choice(cell: tuple[str, ...]) -> Mistake:
    what = f'device "{cell[1]}" in scene "{cell[0]}"' if len(cell) > 1 else f'scene "{cell[0]}"'
    problem = f"No choice of test locations was found that leaves {what} on the sides where it is needed."
    return Mistake("splits.locations", problem, "Record it at more locations, or leave it out of meta.csv.")
