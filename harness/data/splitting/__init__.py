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

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from harness.data.lists import Table
from harness.data.splitting import requirements
from harness.data.splitting.blocks import blocks_of, training_of
from harness.data.splitting.recordings import Field, Recording, clips_in, drawn, every, grouped, recordings_of
from harness.data.splitting.requirements import seen_devices
from harness.data.splitting.sides import test_locations
from harness.data.splitting.wishes import BLOCK_PERCENT, Wishes, require_sensible

__all__ = ["Plan", "Wishes", "plan"]

TEST = "test"
UNUSED = "unused"


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
    require_sensible(wishes)
    found = recordings_of(meta)
    requirements.require_scenes(found)
    requirements.require_devices(found, wishes)
    requirements.require_stock(found, wishes)
    outside = test_locations(found, wishes)
    training = training_of([one for one in found if one.location not in outside], wishes)
    requirements.require_training(training, found, wishes)
    test = test_of([one for one in found if one.location in outside], wishes.seed)
    return _as_plan(found, outside, blocks_of(training, wishes.seed), test, wishes)


def test_of(found: Sequence[Recording], seed: int) -> list[Recording]:
    """The recordings of the test list, from those of the test locations.

    In each scene every device has as many as the one that has the fewest, from segments that all devices recorded
    as far as these go; the order is drawn by segment, so that devices tend to have the same ones.
    """
    test: list[Recording] = []
    for scene in grouped(found, "scene").values():
        devices = grouped(scene, "device")
        fewest = min(map(len, devices.values()))
        recorded = Counter(one.segment for one in scene)
        for group in devices.values():
            order = drawn(group, seed, "test")
            test += sorted(order, key=lambda one: recorded[one.segment] < len(devices))[:fewest]
    return test


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
    scenes, devices = every(found, "scene"), every(found, "device")
    return Plan(
        labels=scenes,
        devices=devices,
        seen=seen_devices(found, wishes),
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
    groups = grouped(part, field)
    return {value: clips_in(groups.get(value, ())) for value in values}
