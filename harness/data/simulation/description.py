"""What a folder of simulated devices says about itself: devices.json, written before the first clip, and meta.csv."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from harness.data import lists
from harness.data.lists import META_COLUMNS
from harness.data.simulation.devices import Device
from harness.data.simulation.making import Made, clip_name
from harness.data.simulation.sound import Compressor
from harness.files import write_json
from harness.outcomes import Mistake
from harness.validated import Record, read_text

VERSION = 1
"""Of the sound: raised whenever the same settings would give other bytes."""

NAME = "devices.json"
META = "meta.csv"
_REMEDY = "Choose another folder, or empty this one."


class Settings(Record):
    """What was asked for. `source` is the digest of the list's rows, `responses` the one of all response files.

    Audio that changes in place is not noticed: it takes a new folder.
    """

    version: int
    seed: int
    seen: int
    unseen: int
    clip_seconds: float
    sample_rate: int | None
    labels: tuple[str, ...] | None
    source_device: str | None
    source: str
    responses: str


class Simulation(Record):
    """One simulated device: its response's file, SHA-256 and peak in samples, and its compressor."""

    name: str
    response: str
    response_sha256: str
    delay: int
    compressor: Compressor


class Counts(Record):
    """See `Simulated`."""

    clips: int
    recordings: int
    locations: int
    silent: int
    ends: int
    short: int


class Description(Record):
    """What devices.json holds; `counts` is None until the folder is finished. `source_note` is the source's name."""

    settings: Settings
    sample_rate: int
    source_note: str
    devices: tuple[Simulation, ...]
    groups: dict[str, tuple[str, ...]]
    counts: Counts | None = None


def begin(settings: Settings, rate: int, source_note: str, devices: Sequence[Device]) -> Description:
    """The description of a folder that is about to be made."""
    names = tuple(device.name for device in devices)
    return Description(
        settings=settings,
        sample_rate=rate,
        source_note=source_note,
        devices=tuple(
            Simulation(
                name=device.name,
                response=device.file,
                response_sha256=device.digest,
                delay=device.delay,
                compressor=device.compressor,
            )
            for device in devices
        ),
        groups={"real": ("a",), "seen": names[: settings.seen], "unseen": names[settings.seen :]},
    )


def write(out: Path, description: Description) -> None:
    """devices.json in `out`; a list of clips there no longer counts."""
    (out / META).unlink(missing_ok=True)
    write_json(out / NAME, description.model_dump(mode="json"))


def finished(out: Path, settings: Settings) -> Counts | None:
    """What `out` holds where it is finished; None where it is empty, absent or half finished by the same settings.

    Raises `Mistake` where it holds anything else.
    """
    if not out.exists() or (out.is_dir() and all(path.name.startswith(f".{NAME}.") for path in out.iterdir())):
        return None
    if not (out / NAME).is_file():
        problem = f"{out} is not empty and holds no {NAME}." if out.is_dir() else f"{out} is not a folder."
        raise Mistake("simulation.out", problem, _REMEDY)
    found = _read(out / NAME)
    different = [name for name, value in settings if getattr(found.settings, name) != value]
    if different:
        problem = f"{out} holds a set that was made with another {', '.join(different)}."
        raise Mistake("simulation.out", problem, _REMEDY)
    return found.counts if _is_complete(out) else None


def _read(path: Path) -> Description:
    try:
        return Description.model_validate(json.loads(read_text(path, rule="simulation.out")))
    except (ValueError, ValidationError):
        raise Mistake("simulation.out", f"{path} is not the record of a simulated set.", _REMEDY) from None


def _is_complete(out: Path) -> bool:
    """Whether meta.csv is there, and every file that it lists."""
    if not (out / META).is_file():
        return False
    there = {f"audio/{name}" for name in os.listdir(out / "audio")} if (out / "audio").is_dir() else set()  # noqa: PTH208 - no million of Path objects
    return there.issuperset(lists.read(out / META, ("filename",)).columns["filename"])


def finish(out: Path, begun: Description, made: Sequence[Made]) -> Counts:
    """Writes what was counted and then the list of clips; raises `Mistake` where there is no clip."""
    names = begun.groups["real"] + begun.groups["seen"] + begun.groups["unseen"]
    rows = [row for result in made for row in _rows(result, names)]
    if not rows:
        problem = f"None of {len(made)} recordings holds a clip of {begun.settings.clip_seconds:g} s with sound."
        raise Mistake("simulation.nothing", problem, "Give shorter clips, or another source.")
    with_clips = [result.recording for result in made if result.clips]
    counts = Counts(
        clips=len(rows),
        recordings=len(with_clips),
        locations=len({(recording.scene, recording.city, recording.location) for recording in with_clips}),
        silent=sum(result.silent for result in made),
        ends=sum(result.ends for result in made),
        short=sum(result.short for result in made),
    )
    write_json(out / NAME, begun.model_copy(update={"counts": counts}).model_dump(mode="json"))
    lists.write(out / META, META_COLUMNS, rows)
    return counts


def _rows(made: Made, devices: Sequence[str]) -> Iterator[tuple[str, str, str, str]]:
    """The rows of a recording in meta.csv: device by device, each in the order of time."""
    recording = made.recording
    for device in devices:
        for k in made.clips:
            name = f"audio/{clip_name(recording, k, device)}"
            yield name, recording.scene, f"{recording.city}-{recording.location}", device
