"""Training and test lists for a folder in the TAU layout, by the rules of the official ones.

    test or training   by location: all that was recorded under one identifier stays on one side
    all or nothing     a recording, that is one segment by one device with all its clips, is in a list or not
    unseen devices     in the test list only
    main device        has a fixed share of the training clips; the other devices are parallel to it
    nested             twenty blocks of 5 %, alike in devices and scenes; a list of 25 % is the first five
    test               as many recordings of every device as of every other, scene by scene

Pure: a table goes in, lists come out. What is drawn depends on the seed and on names alone: each draw is an order by
SHA-256, so neither the order of the rows nor a release of numpy changes it.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, combinations, product, zip_longest
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.data import lists, tau
from harness.data.lists import Table, normal_name
from harness.outcomes import Mistake, nearest

BLOCKS = 20
BLOCK_PERCENT = 100 // BLOCKS
TRIES = 256
"""Random orders of the locations from which the best choice for the test is kept."""
EQUALLY_NEAR = 2
"""Decimals of a share of segments; of choices that agree in them, the devices decide."""
ROUNDING = 1e-9
"""Below this, two sums of shares are the same."""
NAME = re.compile(r"audio/([^-/]+)-([^-/]+-[^-/]+)-[^-/]+-\d+-([^-/]+)\.wav")
GRAMMAR = "audio/<scene>-<city>-<location>-<segment>-<k>-<device>.wav"
TEST = "test"
UNUSED = "unused"

Counts = NDArray[np.int64]
Shares = NDArray[np.float64]
Flags = NDArray[np.bool_]
Field = Literal["location", "scene", "device"]
FIELDS: tuple[Field, ...] = ("location", "scene", "device")
Item = TypeVar("Item")


@dataclass(frozen=True)
class Wishes:
    """What decides the lists; the defaults are those of TAU 2022.

    `test_share` is of the segments of each scene, `main_share` of the training clips, `shares` are percentages.
    """

    unseen: tuple[str, ...] = ()
    main_device: str | None = None
    test_share: float = 0.3
    main_share: float = 0.73
    shares: tuple[int, ...] = (5, 10, 25, 50, 100)
    seed: int = 0


@dataclass(frozen=True)
class Recording:
    """What one device recorded of one segment; `clips` are names with `audio/`, sorted."""

    scene: str
    location: str
    segment: str
    device: str
    clips: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """Lists and what they hold.

    `training` maps each share ("5") to its recordings' clips in the order of the list, and `test` are the test clips,
    both as (filename, scene). `unused` are the names that no list holds. `by_device` and `by_scene` count clips of
    every list, and of those "unused".
    """

    labels: tuple[str, ...]
    devices: tuple[str, ...]
    seen: tuple[str, ...]
    training: Mapping[str, tuple[tuple[str, str], ...]]
    test: tuple[tuple[str, str], ...]
    unused: tuple[str, ...]
    test_locations: tuple[str, ...]
    by_device: Mapping[str, Mapping[str, int]]
    by_scene: Mapping[str, Mapping[str, int]]


def plan(meta: Table, wishes: Wishes) -> Plan:
    """The lists for the clips of `meta`, a meta.csv.

    Raises `Mistake` for a wish that cannot be meant, a row that breaks the layout, and data too few for the wish.
    """
    _require_sensible(wishes)
    found = recordings_of(meta)
    _require_scenes(found)
    _require_devices(found, wishes)
    _require_stock(found, wishes)
    outside = test_locations(found, wishes)
    training = training_of([one for one in found if one.location not in outside], wishes)
    _require_training(training, found, wishes)
    test = test_of([one for one in found if one.location in outside], wishes.seed)
    return _as_plan(found, outside, blocks_of(training, wishes.seed), test, wishes)


def _require_sensible(wishes: Wishes) -> None:
    for option, share in (("--test-share", wishes.test_share), ("--main-share", wishes.main_share)):
        if not 0 < share < 1:
            raise Mistake("splits.share", f"{option} {share} is no share.", "Give a number between 0 and 1.")
    wrong = [share for share in wishes.shares if share not in range(BLOCK_PERCENT, 101, BLOCK_PERCENT)]
    if wrong:
        problem = f"A training list of {wrong[0]} % cannot be made of blocks of {BLOCK_PERCENT} %."
        raise Mistake("splits.shares", problem, f"Give multiples of {BLOCK_PERCENT} up to 100 with --shares.")
    if 100 not in wishes.shares:
        raise Mistake("splits.shares", "The whole training list is not among --shares.", "Add 100 to --shares.")
    if wishes.main_device in wishes.unseen:
        problem = f'The main device "{wishes.main_device}" is among the unseen devices.'
        raise Mistake("splits.unseen", problem, "It has the most training clips; take it out of --unseen.")


def recordings_of(meta: Table) -> tuple[Recording, ...]:
    """The recordings in `meta`, in the order of their names.

    Raises `Mistake` by line for a name that breaks the grammar, contradicts its row or stands there twice.
    """
    lists.require_complete(meta)
    names = list(map(normal_name, meta.columns["filename"]))
    columns = (meta.columns[name] for name in ("scene_label", "identifier", "source_label"))
    rows = list(zip(*columns, strict=True))
    clips: defaultdict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for number, name, row in zip(meta.lines, names, rows, strict=True):
        match = NAME.fullmatch(name)
        if match is None or match.groups() != row:
            raise _bad_row(meta, number, name, row)
        scene, location, device = row
        clips[scene, location, tau.segment_of(name), device].append(name)
    if len(set(names)) != len(names):
        raise _twice(meta, names)
    return tuple(Recording(*key, tuple(sorted(clips[key]))) for key in sorted(clips, key=lambda key: (key[2], key[3])))


def _bad_row(meta: Table, number: int, name: str, row: Sequence[str]) -> Mistake:
    where = f"{meta.path}, line {number}: {name}"
    match = NAME.fullmatch(name)
    if match is None:
        return Mistake("splits.name", f"{where} is not of the form {GRAMMAR}.", "Rename the clip.")
    fields = zip(("scene_label", "identifier", "source_label"), match.groups(), row, strict=True)
    column, named, given = next(field for field in fields if field[1] != field[2])
    problem = f'{where} has "{named}" in its name and "{given}" in the column {column}.'
    return Mistake("splits.column", problem, "Correct the one that is wrong.")


def _twice(meta: Table, names: Sequence[str]) -> Mistake:
    first: dict[str, int] = {}
    row = next(row for row, name in enumerate(names) if first.setdefault(name, row) != row)
    earlier = meta.lines[first[names[row]]]
    problem = f"{meta.path}, line {meta.lines[row]}: {names[row]} stands in line {earlier} already."
    return Mistake("splits.twice", problem, "Remove one of the two lines.")


def _require_scenes(found: Sequence[Recording]) -> None:
    scenes = _all(found, "scene")
    if len(scenes) < 2:
        problem = f"meta.csv has clips of {len(scenes)} scene{'' if scenes else 's'}; there is nothing to tell apart."
        raise Mistake("splits.scenes", problem, "Add clips of another scene.")


def _require_devices(found: Sequence[Recording], wishes: Wishes) -> None:
    devices = _all(found, "device")
    wished = (*((wishes.main_device,) if wishes.main_device is not None else ()), *wishes.unseen)
    for device in wished:
        if device not in devices:
            problem = f'meta.csv has no clip of the device "{device}".'
            raise Mistake("splits.device", problem, nearest(device, devices))
    if set(devices) == set(wishes.unseen):
        problem = "Every device is to be unseen, so there is none to train with."
        raise Mistake("splits.unseen", problem, f"Leave at least one of {', '.join(devices)} out of --unseen.")


def _require_stock(found: Sequence[Recording], wishes: Wishes) -> None:
    """Raises `Mistake` where a scene has too few locations for two sides, or lacks a device."""
    devices = _all(found, "device")
    places: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for one in found:
        places[one.scene,].add(one.location)
        places[one.scene, one.device].add(one.location)
    for scene in _all(found, "scene"):
        _require_two(places[scene,], f'Scene "{scene}" was recorded')
        for device in devices:
            if not places[scene, device]:
                problem = f'Scene "{scene}" has no recording of device "{device}"; the test needs every device.'
                raise Mistake("splits.missing", problem, "Record it, or leave that device's clips out of meta.csv.")
        if wishes.main_device is not None:
            what = f'Scene "{scene}" was recorded with the main device "{wishes.main_device}"'
            _require_two(places[scene, wishes.main_device], what)


def _require_two(places: Iterable[str], what: str) -> None:
    count = len(set(places))
    if count < 2:
        problem = f"{what} at {count} location; training and test need one each."
        raise Mistake("splits.locations", problem, "Record it at another location, or leave it out of meta.csv.")


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
    locations, scenes, devices = (_all(family, field) for field in FIELDS)
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
    drawn = [_drawn(stock.locations, wishes.seed, "locations", attempt) for attempt in range(TRIES)]
    orders = np.array([[places[location] for location in order] for order in drawn])
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


def training_of(found: Sequence[Recording], wishes: Wishes) -> list[Recording]:
    """The recordings of the whole training list, from those of the training locations.

    With a main device: all of it, and of the others (its segments only) as many as bring its share of the clips
    nearest to `main_share`, taken in turn from the devices, and for each device in turn from the scenes.
    """
    seen = [one for one in found if one.device not in wishes.unseen]
    if wishes.main_device is None:
        return seen
    main = [one for one in seen if one.device == wishes.main_device]
    parallel = {one.segment for one in main}
    others = [one for one in seen if one.device != wishes.main_device and one.segment in parallel]
    line = _in_turn([_scenes_in_turn(group, wishes.seed) for group in _by(others, "device").values()])
    allowed = _clips(main) * (1 - wishes.main_share) / wishes.main_share
    sums = list(accumulate((len(one.clips) for one in line), initial=0))
    kept = min(range(len(sums)), key=lambda count: abs(sums[count] - allowed))
    return [*main, *line[:kept]]


def _scenes_in_turn(found: Sequence[Recording], seed: int) -> list[Recording]:
    """The recordings of one device, shuffled within their scenes; the scenes take turns in a drawn order."""
    groups = _by(found, "scene")
    drawn = _drawn(groups, seed, "scenes", found[0].device)
    return _in_turn([_drawn(groups[scene], seed, "training") for scene in drawn])


def blocks_of(training: Sequence[Recording], seed: int) -> tuple[tuple[Recording, ...], ...]:
    """The recordings in `BLOCKS` blocks, of which any two differ by one recording of a scene or of a device at most.

    They are dealt like cards, in the order of device, scene and a draw. Then, as long as two blocks differ by more,
    these two pool their recordings and share them fairly. That ends, for it lowers the sum of the squared counts, and
    there always is such a sharing: it is an equitable edge colouring of the bipartite graph with scenes and devices as
    nodes and recordings as edges (de Werra, 1971).
    """
    line = [
        one
        for device in _by(training, "device").values()
        for scene in _by(device, "scene").values()
        for one in _drawn(scene, seed, "blocks")
    ]
    blocks = [line[start::BLOCKS] for start in range(BLOCKS)]
    counts = [_scenes_and_devices(block) for block in blocks]
    waiting = True
    while waiting:
        waiting = False
        for one, other in combinations(range(BLOCKS), 2):
            if _uneven(counts[one], counts[other]):
                blocks[one], blocks[other] = _shared(blocks[one], blocks[other])
                counts[one], counts[other] = map(_scenes_and_devices, (blocks[one], blocks[other]))
                waiting = True
    return tuple(map(tuple, blocks))


def _scenes_and_devices(block: Iterable[Recording]) -> Counter[tuple[str, str]]:
    return Counter((field, getattr(one, field)) for one in block for field in ("scene", "device"))


def _uneven(one: Counter[tuple[str, str]], other: Counter[tuple[str, str]]) -> bool:
    return any(abs(one[key] - other[key]) > 1 for key in one.keys() | other.keys())


def _shared(one: Sequence[Recording], other: Sequence[Recording]) -> tuple[list[Recording], list[Recording]]:
    """The recordings of two blocks, shared so that scenes and devices differ by one at most, and clips by little.

    Every other link of a chain goes to one block, the rest to the other: the half with more clips to the block that
    has fewer, beginning with the chain whose halves differ most.
    """
    halves = [sorted((links[::2], links[1::2]), key=_clips) for links in _chains([*one, *other])]
    sides: tuple[list[Recording], list[Recording]] = ([], [])
    ahead = 0
    for fewer, more in sorted(halves, key=lambda pair: _clips(pair[0]) - _clips(pair[1])):
        larger = int(ahead > 0)
        sides[larger].extend(more)
        sides[1 - larger].extend(fewer)
        ahead += (_clips(more) - _clips(fewer)) * (1 - 2 * larger)
    return sides


def _chains(pooled: Sequence[Recording]) -> list[list[Recording]]:
    """The recordings in chains: within each scene they are joined two by two, and within each device.

    So a recording has two joints at most, and a ring has as many links of either kind of joint: an even number.
    """
    joints: list[list[int]] = [[] for _ in pooled]
    alike = sorted(range(len(pooled)), key=lambda link: (pooled[link].scene, pooled[link].device))
    for field in ("scene", "device"):
        members_of: defaultdict[str, list[int]] = defaultdict(list)
        for link in alike:
            members_of[getattr(pooled[link], field)].append(link)
        for members in members_of.values():
            for link, joined in zip(members[::2], members[1::2], strict=False):
                joints[link].append(joined)
                joints[joined].append(link)
    chains: list[list[Recording]] = []
    left = dict.fromkeys(sorted(range(len(pooled)), key=lambda link: len(joints[link])))  # ends come before rings
    while left:
        following: int | None = next(iter(left))
        chains.append([])
        while following is not None:
            del left[following]
            chains[-1].append(pooled[following])
            following = next((link for link in joints[following] if link in left), None)
    return chains


def test_of(found: Sequence[Recording], seed: int) -> list[Recording]:
    """The recordings of the test list, from those of the test locations.

    In each scene every device has as many as the one that has the fewest, from segments that all devices recorded
    as far as these go; the order is drawn by segment, so that devices tend to have the same ones.
    """
    test: list[Recording] = []
    for scene in _by(found, "scene").values():
        devices = _by(scene, "device")
        fewest = min(map(len, devices.values()))
        recorded = Counter(one.segment for one in scene)
        for group in devices.values():
            drawn = _drawn(group, seed, "test")
            test += sorted(drawn, key=lambda one: recorded[one.segment] < len(devices))[:fewest]
    return test


def _require_training(training: Sequence[Recording], found: Sequence[Recording], wishes: Wishes) -> None:
    """Raises `Mistake` where the training list lacks a scene or a seen device, or is too short for its blocks."""
    for scene in _all(found, "scene"):
        if scene not in _all(training, "scene"):
            problem = f'The training list would have no clip of scene "{scene}".'
            raise Mistake("splits.locations", problem, "Record it at more locations.")
    for device in _seen(found, wishes):
        if device not in _all(training, "device"):
            raise _untrained(device, wishes)
    if len(training) < BLOCKS and set(wishes.shares) != {100}:
        problem = f"The training list has {len(training)} recordings; {BLOCKS} blocks need at least {BLOCKS}."
        raise Mistake("splits.small", problem, "Add recordings, or ask for --shares 100 only.")


def _untrained(device: str, wishes: Wishes) -> Mistake:
    problem = f'The training list would have no clip of device "{device}".'
    if wishes.main_device is None:
        return Mistake("splits.training", problem, "Record it at more locations, or add it to --unseen.")
    problem += f' It is given {1 - wishes.main_share:.0%} of the clips at most, with the other devices beside "'
    problem += f'{wishes.main_device}", and only segments that "{wishes.main_device}" recorded too.'
    return Mistake("splits.training", problem, "Lower --main-share, or add the device to --unseen.")


def _as_plan(
    found: Sequence[Recording],
    outside: Iterable[str],
    blocks: Sequence[Sequence[Recording]],
    test: Sequence[Recording],
    wishes: Wishes,
) -> Plan:
    first = {str(share): blocks[: share // BLOCK_PERCENT] for share in sorted(set(wishes.shares))}
    used = {*chain(*blocks), *test}
    unused = [one for one in found if one not in used]
    parts = {**{share: list(chain(*some)) for share, some in first.items()}, TEST: test, UNUSED: unused}
    scenes, devices = _all(found, "scene"), _all(found, "device")
    return Plan(
        labels=scenes,
        devices=devices,
        seen=_seen(found, wishes),
        training={share: tuple(chain.from_iterable(map(_rows, some))) for share, some in first.items()},
        test=tuple(_rows(test)),
        unused=tuple(name for name, _ in _rows(unused)),
        test_locations=tuple(sorted(outside)),
        by_device={name: _counted(part, "device", devices) for name, part in parts.items()},
        by_scene={name: _counted(part, "scene", scenes) for name, part in parts.items()},
    )


def _rows(part: Iterable[Recording]) -> list[tuple[str, str]]:
    """Names and scenes of the clips, by name."""
    return sorted((name, one.scene) for one in part for name in one.clips)


def _counted(part: Iterable[Recording], field: Field, values: Iterable[str]) -> dict[str, int]:
    """Clips by device or by scene, with a zero where there is none."""
    groups = _by(part, field)
    return {value: _clips(groups.get(value, ())) for value in values}


def _clips(part: Iterable[Recording]) -> int:
    return sum(len(one.clips) for one in part)


def _seen(found: Iterable[Recording], wishes: Wishes) -> tuple[str, ...]:
    return tuple(device for device in _all(found, "device") if device not in wishes.unseen)


def _all(found: Iterable[Recording], field: Field) -> tuple[str, ...]:
    return tuple(sorted({getattr(one, field) for one in found}))


def _by(found: Iterable[Recording], field: Field) -> dict[str, list[Recording]]:
    """The recordings by a field, in the order of its values."""
    groups: defaultdict[str, list[Recording]] = defaultdict(list)
    for one in found:
        groups[getattr(one, field)].append(one)
    return dict(sorted(groups.items()))


def _in_turn(groups: Iterable[Iterable[Item]]) -> list[Item]:
    """The first of each group, then the second of each, until all groups are used up."""
    return [item for row in zip_longest(*groups) for item in row if item is not None]


def _drawn(items: Iterable[Item], seed: int, *words: object) -> list[Item]:
    """The items in an order that seed and words decide; recordings of one segment stand at one place of it."""

    def draw(item: Item) -> bytes:
        name = item.segment if isinstance(item, Recording) else item
        return hashlib.sha256("\0".join(map(str, (seed, *words, name))).encode()).digest()

    return sorted(items, key=draw)
