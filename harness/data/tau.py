"""TAU Urban Acoustic Scenes 2022 Mobile in its own layout, and any folder laid out alike.

    audio/<scene>-<city>-<location>-<segment>-<k>-<device>.wav
    meta.csv                   filename, scene_label, identifier, source_label
    evaluation_setup/          fold1_train.csv, fold1_evaluate.csv, fold1_test.csv
    split_setup/               split5.csv ... split100.csv, test.csv    (or --splits DIR)

How its lists are written: see `lists`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from harness.data import folders, lists
from harness.data.dataset import Dataset, Rows
from harness.data.folders import Wanted
from harness.data.lists import META_COLUMNS, Table, normal_name
from harness.outcomes import Mistake, nearest
from harness.tracks import Track

GRAMMAR = ("scene", "city", "location", "segment", "k", "device")
"""Fields of a clip's name, with - between them."""

SAME_CLIPS = {
    "split100.csv": "fold1_train.csv",
    "fold1_train.csv": "split100.csv",
    "test.csv": "fold1_evaluate.csv",
    "fold1_evaluate.csv": "test.csv",
}
"""Official lists that hold the same clips; the second stands in where the first is absent."""

WANTED = Wanted(
    layout="TAU 2022",
    parts={"meta": ("meta.csv",), "audio": ("audio/",)},
    holds="audio/ and meta.csv",
)


def read(folder: Path, track: Track, list_folders: Sequence[Path] = ()) -> Dataset:
    """The data set in `folder` with the lists that `track` names.

    Raises `Mistake` when the folder, a list or a column is missing, or a list names a clip that meta.csv does not have.
    """
    folders.require(folder, track, WANTED)
    meta = lists.read(folder / "meta.csv", META_COLUMNS)
    names = _names(meta)
    labels = _labels(meta, track.labels)
    _require_devices(meta, track)
    rows = {name: row for row, name in enumerate(names)}
    places = list_places(folder, list_folders)
    splits = {split: _rows_of(find_list(name, places, track), rows) for split, name in track.splits.items()}
    test = _rows_of(find_list(track.test, places, track), rows)
    _require_apart(splits, test, names)
    return Dataset(
        audio=folder,
        names=names,
        labels=np.array(labels, dtype=np.int64),
        devices=np.array(meta.columns["source_label"]),
        segments=np.array([segment_of(name) for name in names]),
        locations=np.array(
            [location_of(*row) for row in zip(meta.columns["scene_label"], meta.columns["identifier"], strict=True)]
        ),
        splits=splits,
        test=test,
        length=track.length,
    )


def segment_of(name: str) -> str:
    """What a clip was cut from, the same for all devices: `<scene>-<city>-<location>-<segment>`.

    A clip whose name is not of the TAU form is a segment of its own.
    """
    fields = name.rpartition("/")[2].split("-")
    return "-".join(fields[:4]) if len(fields) == len(GRAMMAR) else name


def location_of(label: str, identifier: str) -> str:
    """Where a clip was recorded: `<scene>-<city>-<location>`."""
    return f"{label}-{identifier}"


def list_places(folder: Path, list_folders: Sequence[Path]) -> tuple[Path, ...]:
    """The folders in which lists are looked for, in this order."""
    return (*list_folders, folder / "split_setup", folder / "evaluation_setup", folder)


def _require_apart(splits: Mapping[str, Rows], test: Rows, names: Sequence[str]) -> None:
    for split, rows in splits.items():
        both = np.intersect1d(rows, test)
        if len(both):
            problem = f"The list of split {split} holds {len(both)} test clips, the first is {names[both[0]]}."
            raise Mistake("data.leak", problem, "Use the official lists.")


def _names(meta: Table) -> tuple[str, ...]:
    lists.require_complete(meta)
    names = tuple(map(normal_name, meta.columns["filename"]))
    if not names:
        raise Mistake("data.meta", f"{meta.path} lists no clip.", "Unpack the meta archive again.")
    if len(set(names)) != len(names):
        raise Mistake(
            "data.twice", f"{meta.path} lists {_first_twice(names)} twice.", "Every clip may stand there once."
        )
    return names


def _labels(meta: Table, labels: Sequence[str]) -> list[int]:
    index = {label: number for number, label in enumerate(labels)}
    found = [index.get(label, -1) for label in meta.columns["scene_label"]]
    if -1 in found:
        row = found.index(-1)
        unknown = meta.columns["scene_label"][row]
        problem = (
            f'{meta.path}, line {meta.lines[row]}: "{unknown}" is no label of this track. {nearest(unknown, index)}'
        )
        raise Mistake("data.label", problem, "Correct it.")
    return found


def _require_devices(meta: Table, track: Track) -> None:
    known = {device for group in track.device_groups.values() for device in group}
    unknown = set(meta.columns["source_label"]) - known
    if unknown:
        device = min(unknown)
        line = meta.lines[meta.columns["source_label"].index(device)]
        problem = f'{meta.path}, line {line}: "{device}" is no device of this track. {nearest(device, known)}'
        raise Mistake("data.device", problem, "Correct it, or add it to a device group of the track.")


def _first_twice(names: Iterable[str]) -> str:
    seen: set[str] = set()
    return next(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]


def _rows_of(path: Path, rows: Mapping[str, int]) -> Rows:
    table = lists.read(path, ("filename",))
    lists.require_complete(table)
    names = [normal_name(name) for name in table.columns["filename"]]
    found = [rows.get(name, -1) for name in names]
    if not found:
        raise Mistake("data.list", f"{path} lists no clip.", "Use the official list.")
    if -1 in found:
        place = found.index(-1)
        problem = f"{path}, line {table.lines[place]}: {names[place]} is not in meta.csv."
        raise Mistake("data.list", problem, "Use the list of this data set.")
    if len(set(found)) != len(found):
        raise Mistake("data.list", f"{path} lists {_first_twice(names)} twice.", "Use the official list.")
    return np.array(found, dtype=np.int64)


def find_list(name: str, places: Sequence[Path], track: Track) -> Path:
    """The file of a list, or of the one that holds the same clips; raises `Mistake` where there is neither."""
    found = lists.find([name, *([SAME_CLIPS[name]] if name in SAME_CLIPS else [])], places)
    if found:
        return found
    looked = ", ".join(str(place) for place in places)
    problem = f"The list {name} of track {track.name} is in none of {looked}."
    raise Mistake("data.list", problem, "Put it into split_setup/ of the data folder, or give --splits DIR.")
