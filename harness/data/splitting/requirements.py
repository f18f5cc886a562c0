"""What the data must have for lists to be made of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from harness.data.splitting.recordings import Recording, every
from harness.data.splitting.wishes import BLOCKS, Wishes
from harness.outcomes import Mistake, nearest


def require_scenes(found: Sequence[Recording]) -> None:
    scenes = every(found, "scene")
    if len(scenes) < 2:
        problem = f"meta.csv has clips of {len(scenes)} scene{'' if scenes else 's'}; there is nothing to tell apart."
        raise Mistake("splits.scenes", problem, "Add clips of another scene.")


def require_devices(found: Sequence[Recording], wishes: Wishes) -> None:
    devices = every(found, "device")
    wished = (*((wishes.main_device,) if wishes.main_device is not None else ()), *wishes.unseen)
    for device in wished:
        if device not in devices:
            problem = f'meta.csv has no clip of the device "{device}".'
            raise Mistake("splits.device", problem, nearest(device, devices))
    if set(devices) == set(wishes.unseen):
        problem = "Every device is to be unseen, so there is none to train with."
        raise Mistake("splits.unseen", problem, f"Leave at least one of {', '.join(devices)} out of --unseen.")


def require_stock(found: Sequence[Recording], wishes: Wishes) -> None:
    """Raises `Mistake` where a scene has too few locations for two sides, or lacks a device."""
    devices = every(found, "device")
    places: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for one in found:
        places[one.scene,].add(one.location)
        places[one.scene, one.device].add(one.location)
    for scene in every(found, "scene"):
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


def require_training(training: Sequence[Recording], found: Sequence[Recording], wishes: Wishes) -> None:
    """Raises `Mistake` where the training list lacks a scene or a seen device, or is too short for its blocks."""
    for scene in every(found, "scene"):
        if scene not in every(training, "scene"):
            problem = f'The training list would have no clip of scene "{scene}".'
            raise Mistake("splits.locations", problem, "Record it at more locations.")
    for device in seen_devices(found, wishes):
        if device not in every(training, "device"):
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


def seen_devices(found: Iterable[Recording], wishes: Wishes) -> tuple[str, ...]:
    return tuple(device for device in every(found, "device") if device not in wishes.unseen)
