"""Lists made for a folder, and the track that uses them: its TOML file, and what is written where.

    split_setup/split5.csv ... split100.csv, test.csv    in the data folder
    <name>.toml                                          in the data folder, or where it is wanted

Nothing is written unless all can be, and the track last: where it stands, its lists do.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness import tracks
from harness.data import lists, splitting
from harness.data.lists import LIST_COLUMNS, META_COLUMNS
from harness.data.splitting import Plan, Wishes
from harness.files import digest_of_file, disk_mistake, write_bytes
from harness.outcomes import Mistake
from harness.tracks import Source, Track
from harness.validated import misfit

LISTS = "split_setup"
SIMULATED = re.compile(r"s\d+")
"""Devices that TAU simulates, by their names; all others are real ones."""


@dataclass(frozen=True)
class Heading:
    """What a track says of itself beside its lists; without a title it is called by its name."""

    name: str
    title: str | None = None
    edition: str | None = None
    preset: str | None = None
    seeds: tuple[int, ...] = (0, 1, 2)
    source: Source | None = None
    clip_seconds: float = 1.0


@dataclass(frozen=True)
class Made:
    """The plan and the track, where the track's file is, and which files were `written` or stood there `unchanged`."""

    plan: Plan
    track: Track
    path: Path
    written: tuple[Path, ...]
    unchanged: tuple[Path, ...]


def make(
    folder: Path,
    wishes: Wishes,
    heading: Heading,
    *,
    path: Path | None = None,
    with_data: bool = True,
    overwrite: bool = False,
) -> Made:
    """Writes the lists of `folder` and their track: at `path`, or in the folder under the track's name.

    The track says where its data lie, as seen from its file, unless `with_data` is False: then a command has to.
    The same call again changes nothing. Raises `Mistake` for what `splitting.plan` refuses, a name or an edition that
    is none, and, unless `overwrite`, for a file that holds something else; nothing is written then.
    """
    meta = folder / "meta.csv"
    plan = splitting.plan(lists.read(meta, META_COLUMNS), wishes)
    target = path or folder / f"{heading.name}.toml"
    data = _as_seen_from(target.parent, folder) if with_data else None
    track, text = track_of(plan, wishes, heading, data)
    comment = f"# Made by `{command(wishes, heading.name)}` from a meta.csv with the SHA-256 {digest_of_file(meta)}."
    contents = {folder / LISTS / name: content for name, content in list_files(plan).items()}
    contents[target] = _encoded(f"{comment}\n{text}", heading.name)
    unchanged = tuple(file for file, content in contents.items() if _stands(file, content, overwrite=overwrite))
    written = tuple(file for file in contents if file not in unchanged)
    for file in written:
        try:
            write_bytes(file, contents[file])
        except OSError as error:
            raise disk_mistake(error, str(file)) from None
    return Made(plan, track, target, written, unchanged)


def _as_seen_from(place: Path, folder: Path) -> str:
    return Path(os.path.relpath(folder.resolve(), place.resolve())).as_posix()


def _encoded(text: str, name: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:  # what a terminal of another encoding typed
        problem = f'What the track "{name}" says of itself has characters that are no Unicode text.'
        raise Mistake("track.encoding", problem, "Type its title and its source in UTF-8.") from None


def _stands(file: Path, content: bytes, *, overwrite: bool) -> bool:
    """Whether the file holds this content; raises `Mistake` where it holds another that is to be kept."""
    try:
        if not file.exists():
            return False
        same = file.read_bytes() == content
    except OSError as error:
        raise disk_mistake(error, str(file)) from None
    if not same and not overwrite:
        problem = f"{file} exists already and holds something else."
        raise Mistake("splits.exists", problem, "Move it away, or give --overwrite to have it replaced.")
    return same


def list_files(plan: Plan) -> dict[str, bytes]:
    """The list files of a plan by name."""
    rows = {_list_name(share): part for share, part in plan.training.items()} | {"test.csv": plan.test}
    return {name: lists.content(LIST_COLUMNS, part) for name, part in rows.items()}


def _list_name(share: str) -> str:
    return f"split{share}.csv"


def command(wishes: Wishes, name: str) -> str:
    """The command that makes these lists of a meta.csv in `DIR`: all that decides them, in words of printable text."""
    words = ["python", "-m", "harness", "data", "make-splits", "--data", "DIR", "--name", name]
    words += ["--test-share", str(wishes.test_share)]
    words += ["--unseen", *wishes.unseen] if wishes.unseen else []
    if wishes.main_device is not None:
        words += ["--main-device", wishes.main_device, "--main-share", str(wishes.main_share)]
    words += ["--shares", *map(str, wishes.shares), "--seed", str(wishes.seed)]
    line = shlex.join(words)
    return line if line.isprintable() else ascii(line)[1:-1]


def track_of(plan: Plan, wishes: Wishes, heading: Heading, data: str | None) -> tuple[Track, str]:
    """The track over the lists of a plan, and its TOML text.

    Raises `Mistake` where the heading does not make a track, or has the name of another that this project ships.
    """
    table = _table(plan, wishes, heading, data)
    try:
        track = Track.model_validate(table)
    except ValidationError as error:
        raise misfit(error, Track, where=f"The track {heading.name!r}", rule="track") from None
    _require_own_name(track)
    return track, toml_of(table)


def _require_own_name(track: Track) -> None:
    """Results are kept by the name of their track: a name that is taken is refused, but for the same track."""
    if track.name not in tracks.names():
        return
    shipped, _ = tracks.load(track.name)
    what_counts = {"labels", "splits", "test", "device_groups"}
    if shipped.model_dump(include=what_counts) != track.model_dump(include=what_counts):
        problem = f'"{track.name}" is the name of another track, of this project.'
        raise Mistake("splits.track", problem, "Give another --name: results are kept by it.")


def _table(plan: Plan, wishes: Wishes, heading: Heading, data: str | None) -> dict[str, Any]:
    """The keys of the TOML file, in their order; without those that have no value."""
    drawn = f"seed {wishes.seed}, {100 * wishes.test_share:g} % of each scene's segments for the test, by location"
    table = {
        "name": heading.name,
        "title": heading.name if heading.title is None else heading.title,
        "dataset": "tau2022",
        "data": data,
        "edition": heading.edition,
        "labels": plan.labels,
        "clip_seconds": None if heading.clip_seconds == 1.0 else heading.clip_seconds,
        "test": "test.csv",
        "seeds": heading.seeds,
        "preset": heading.preset,
        "splits": {share: _list_name(share) for share in plan.training},
        "device_groups": device_groups(plan, wishes),
        "ranking": {
            "rule": "mean_of_splits",
            "status": "derived",
            "source": f"the lists were made by this project's data make-splits: {drawn}",
        },
        "source": heading.source and heading.source.model_dump(),
    }
    return {key: value for key, value in table.items() if value is not None}


def device_groups(plan: Plan, wishes: Wishes) -> dict[str, tuple[str, ...]]:
    """Real, seen and unseen devices, as the organisers call them; the groups that have one."""
    trained = sorted(plan.seen, key=lambda device: (device != wishes.main_device, device))
    groups = {
        "real": tuple(device for device in trained if _is_real(device, wishes)),
        "seen": tuple(device for device in trained if not _is_real(device, wishes)),
        "unseen": tuple(device for device in plan.devices if device not in plan.seen),
    }
    return {name: devices for name, devices in groups.items() if devices}


def _is_real(device: str, wishes: Wishes) -> bool:
    return device == wishes.main_device or not SIMULATED.fullmatch(device)


def toml_of(table: Mapping[str, Any]) -> str:
    """A table of text, numbers, tuples and tables of these as TOML; its keys are bare ones."""
    plain = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    lines = [f"{key} = {_toml_value(value)}" for key, value in plain.items()]
    for name, inner in table.items():
        if name not in plain:
            lines += ["", f"[{name}]", *(f"{key} = {_toml_value(value)}" for key, value in inner.items())]
    return "\n".join(lines) + "\n"


def _toml_value(value: str | float | tuple[str | float, ...]) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml_value, value))}]"
    if isinstance(value, int | float):
        return str(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # the one control JSON leaves as it is
