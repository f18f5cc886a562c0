"""The whole training list, and its twenty blocks of 5 %, alike in devices and scenes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import accumulate, combinations

from harness.data.splitting.recordings import Recording, clips_in, drawn, grouped, in_turn
from harness.data.splitting.wishes import BLOCKS, Wishes


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
    line = in_turn([_scenes_in_turn(group, wishes.seed) for group in grouped(others, "device").values()])
    allowed = clips_in(main) * (1 - wishes.main_share) / wishes.main_share
    sums = list(accumulate((len(one.clips) for one in line), initial=0))
    kept = min(range(len(sums)), key=lambda count: abs(sums[count] - allowed))
    return [*main, *line[:kept]]


def _scenes_in_turn(found: Sequence[Recording], seed: int) -> list[Recording]:
    """The recordings of one device, shuffled within their scenes; the scenes take turns in a drawn order."""
    groups = grouped(found, "scene")
    order = drawn(groups, seed, "scenes", found[0].device)
    return in_turn([drawn(groups[scene], seed, "training") for scene in order])


def blocks_of(training: Sequence[Recording], seed: int) -> tuple[tuple[Recording, ...], ...]:
    """The recordings in `BLOCKS` blocks, of which any two differ by one recording of a scene or of a device at most.

    They are dealt like cards, in the order of device, scene and a draw. Then, as long as two blocks differ by more,
    these two pool their recordings and share them fairly. That ends, for it lowers the sum of the squared counts, and
    there always is such a sharing: it is an equitable edge colouring of the bipartite graph with scenes and devices as
    nodes and recordings as edges (de Werra, 1971).
    """
    line = [
        one
        for device in grouped(training, "device").values()
        for scene in grouped(device, "scene").values()
        for one in drawn(scene, seed, "blocks")
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
    halves = [sorted((links[::2], links[1::2]), key=clips_in) for links in _chains([*one, *other])]
    sides: tuple[list[Recording], list[Recording]] = ([], [])
    ahead = 0
    for fewer, more in sorted(halves, key=lambda pair: clips_in(pair[0]) - clips_in(pair[1])):
        larger = int(ahead > 0)
        sides[larger].extend(more)
        sides[1 - larger].extend(fewer)
        ahead += (clips_in(more) - clips_in(fewer)) * (1 - 2 * larger)
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
