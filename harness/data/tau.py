"""TAU Urban Acoustic Scenes 2022 Mobile in its own layout, and any folder laid out alike.

    audio/<scene>-<city>-<location>-<segment>-<k>-<device>.wav
    meta.csv                   filename, scene_label, identifier, source_label
    evaluation_setup/          fold1_train.csv, fold1_evaluate.csv, fold1_test.csv
    split_setup/               split5.csv ... split100.csv, test.csv    (or --splits DIR)

Lists are tab separated with a header, with LF or CRLF line ends, with or without the `audio/` prefix.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.data.dataset import Dataset, Rows
from harness.outcomes import Mistake, nearest
from harness.tracks import Track

META_COLUMNS = ("filename", "scene_label", "identifier", "source_label")
SAME_CLIPS = {
    "split100.csv": "fold1_train.csv",
    "fold1_train.csv": "split100.csv",
    "test.csv": "fold1_evaluate.csv",
    "fold1_evaluate.csv": "test.csv",
}
"""Official lists that hold the same clips; the second stands in where the first is absent."""


@dataclass(frozen=True)
class Clip:
    """One row of meta.csv."""

    name: str
    label: int
    device: str
    segment: str
    location: str


def read(folder: Path, track: Track, list_folders: Sequence[Path] = ()) -> Dataset:
    """The data set in `folder` with the lists that `track` names.

    Raises `Mistake` when the folder, a list or a column is missing, or a list names a clip that meta.csv does not have.
    """
    _require_folder(folder, track)
    clips = _read_meta(folder / "meta.csv", track.labels)
    rows = {clip.name: row for row, clip in enumerate(clips)}
    places = (*list_folders, folder / "split_setup", folder / "evaluation_setup", folder)
    splits = {split: _read_list(name, places, rows, track) for split, name in track.splits.items()}
    test = _read_list(track.test, places, rows, track)
    _require_apart(splits, test, tuple(rows))
    return Dataset(
        audio=folder,
        names=tuple(rows),
        labels=np.array([clip.label for clip in clips], dtype=np.int64),
        devices=np.array([clip.device for clip in clips]),
        segments=np.array([clip.segment for clip in clips]),
        locations=np.array([clip.location for clip in clips]),
        splits=splits,
        test=test,
    )


def _require_apart(splits: Mapping[str, Rows], test: Rows, names: Sequence[str]) -> None:
    for split, rows in splits.items():
        both = np.intersect1d(rows, test)
        if len(both):
            problem = f"The list of split {split} holds {len(both)} test clips, the first is {names[both[0]]}."
            raise Mistake("data.leak", problem, "Use the official lists.")


def _require_folder(folder: Path, track: Track) -> None:
    what = f"the folder of {track.source.title}" if track.source else "a folder in the TAU 2022 layout"
    where = f"Download {track.source.record}; then" if track.source else "Then"
    remedy = f"{where} give --data DIR, the folder that holds audio/ and meta.csv."
    if not folder.is_dir():
        raise Mistake("data.missing", f"{folder} is not a folder; {track.name} needs {what}.", remedy)
    if not (folder / "meta.csv").is_file():
        raise Mistake("data.meta", f"{folder} holds no meta.csv; {track.name} needs {what}.", remedy)
    if not (folder / "audio").is_dir():
        raise Mistake("data.audio", f"{folder} holds no audio folder; {track.name} needs {what}.", remedy)


def _read_meta(path: Path, labels: Sequence[str]) -> list[Clip]:
    index = {label: number for number, label in enumerate(labels)}
    clips = [_clip(row, index, f"{path}, line {number}") for number, row in _table(path, META_COLUMNS)]
    if not clips:
        raise Mistake("data.meta", f"{path} lists no clip.", "Unpack the meta archive again.")
    if len({clip.name for clip in clips}) != len(clips):
        raise Mistake("data.twice", f"{path} lists {_first_twice(clips)} twice.", "Every clip may stand there once.")
    return clips


def _clip(row: Mapping[str, str], index: Mapping[str, int], where: str) -> Clip:
    name, label = normal_name(row["filename"]), row["scene_label"]
    if label not in index:
        raise Mistake(
            "data.label",
            f'{where}: "{label}" is no label of this track. {nearest(label, index)}',
            "Correct it.",
        )
    segment, _, _ = Path(name).stem.rpartition("-")[0].rpartition("-")
    return Clip(name, index[label], row["source_label"], segment or name, f"{label}-{row['identifier']}")


def _first_twice(clips: Iterable[Clip]) -> str:
    seen: set[str] = set()
    return next(clip.name for clip in clips if clip.name in seen or seen.add(clip.name))  # type: ignore[func-returns-value]


def normal_name(name: str) -> str:
    """A clip's name with the `audio/` prefix, whether the list had it (2025) or not (2024)."""
    return name if name.startswith("audio/") else f"audio/{name}"


def _read_list(name: str, places: Sequence[Path], rows: Mapping[str, int], track: Track) -> Rows:
    path = _find_list(name, places, track)
    found: list[int] = []
    for number, row in _table(path, ("filename",)):
        clip = normal_name(row["filename"])
        if clip not in rows:
            raise Mistake(
                "data.list",
                f"{path}, line {number}: {clip} is not in meta.csv.",
                "Use the list of this data set.",
            )
        found.append(rows[clip])
    if not found:
        raise Mistake("data.list", f"{path} lists no clip.", "Use the official list.")
    if len(set(found)) != len(found):
        raise Mistake("data.list", f"{path} lists a clip twice.", "Use the official list.")
    return np.array(found, dtype=np.int64)


def _find_list(name: str, places: Sequence[Path], track: Track) -> Path:
    names = [name, *([SAME_CLIPS[name]] if name in SAME_CLIPS else [])]
    for candidate in names:
        for place in places:
            if (place / candidate).is_file():
                return place / candidate
    looked = ", ".join(str(place) for place in places)
    problem = f"The list {name} of track {track.name} is in none of {looked}."
    raise Mistake("data.list", problem, "Put it into split_setup/ of the data folder, or give --splits DIR.")


def _table(path: Path, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """Line numbers and rows of a tab-separated file that has `columns`."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
            missing = [column for column in columns if column not in (reader.fieldnames or ())]
            if missing:
                has = ", ".join(reader.fieldnames or ()) or "nothing"
                problem = f'{path} has no column "{missing[0]}"; its header has {has}.'
                raise Mistake("data.column", problem, "Columns are separated by tabs and named in the first line.")
            rows = [(reader.line_num, row) for row in reader]
    except UnicodeDecodeError:
        raise Mistake("data.encoding", f"{path} is not UTF-8 text.", "Save it as UTF-8.") from None
    for number, row in rows:
        if any(row[column] is None or row[column] == "" for column in columns):
            raise Mistake("data.row", f"{path}, line {number} has too few columns.", "Complete or remove the line.")
    return rows
