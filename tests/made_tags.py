"""Made folders in the layouts of FSD50K and AudioSet: clips with several labels, each a sum of tones."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import soundfile

RATE = 1000
FSD_LABELS = ("Animal", "Bark", "Dog", "Rain")
MIDS = ("/m/0jbk", "/m/05tny_", "/m/0bt9lr", "/m/06mb1")

FSD_CLIPS: dict[str, dict[int, tuple[str, str, str]]] = {
    "dev": {
        101: ("Bark,Dog,Animal", "train", "ada"),
        102: ("Rain", "train", "ada"),
        103: ("Dog,Animal", "train", "ben"),
        104: ("Rain,Dog,Animal", "val", "ben"),
        105: ("Animal", "val", "cy"),
    },
    "eval": {201: ("Rain", "", "dot"), 202: ("Bark,Dog,Animal,Rain", "", "eve"), 203: ("Dog,Animal", "", "dot")},
}
"""Of each set by number: labels, part and uploader."""

DISPLAY = ("Animal", "Bark", "Male speech, man speaking", "Rain")
BALANCED = {
    "--aaaaaaaa1": (30.0, 40.0, (0, 1)), "Yideaaaaaa2": (0.0, 10.0, (3,)), "aaaaaaaaa_3": (7.5, 17.5, (2,)),
    "aaaaaaaaaa4": (100.0, 108.0, (0, 2, 3)),
}  # fmt: skip
UNBALANCED = {"bbbbbbbbbb1": (10.0, 20.0, (1,)), "bbbbbbbbbb2": (20.0, 30.0, (0, 1, 2, 3))}
EVAL = {"cccccccccc1": (30.0, 40.0, (0,)), "cccccccccc2": (0.0, 10.0, (2, 3)), "-ccccccccc3": (50.0, 60.0, (1,))}

TRACK = """
name = "tags"
title = "Tags for tests"
dataset = "{dataset}"
data = "{data}"
multi_label = true
labels = {labels}
length = "{length}"
seeds = [0]
{lists}

[device_groups]

[ranking]
rule = "mean_average_precision"
status = "derived"
source = "a test"
"""


def sound(path: Path, classes: Sequence[int], number: int, seconds: float = 0.1) -> None:
    """A file that holds a tone of each class in noise of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(number)
    time = np.arange(round(RATE * seconds)) / RATE
    tones = [np.sin(2 * np.pi * (50 + 90 * label) * time) for label in classes]
    soundfile.write(path, 0.1 * np.sum([*tones, generator.normal(0, 0.3, len(time))], axis=0), RATE)


def fsd_folder(folder: Path, *, uploaders: bool = True) -> Path:
    """FSD50K in its published layout, of three clips for training, two for validation and three for the test."""
    truth = folder / "FSD50K.ground_truth"
    truth.mkdir(parents=True)
    mids = dict(zip(FSD_LABELS, MIDS, strict=True))
    rows = [f"{index},{label},{mids[label]}" for index, label in enumerate(FSD_LABELS)]
    (truth / "vocabulary.csv").write_text("\n".join(rows) + "\n")
    for one, clips in FSD_CLIPS.items():
        lines = ["fname,labels,mids,split" if one == "dev" else "fname,labels,mids"]
        for number, (labels, part, _) in clips.items():
            each = labels.split(",")
            values = [str(number), _quoted(labels), _quoted(",".join(mids[label] for label in each)), part]
            lines.append(",".join(values if one == "dev" else values[:3]))
            seconds = 0.02 * (number % 10)
            sound(
                folder / f"FSD50K.{one}_audio" / f"{number}.wav", [*map(FSD_LABELS.index, each)], number, 0.9 + seconds
            )
        (truth / f"{one}.csv").write_text("\n".join(lines) + "\n")
        if uploaders:
            told = {str(number): {"title": "x", "uploader": person} for number, (_, _, person) in clips.items()}
            (folder / "FSD50K.metadata").mkdir(exist_ok=True)
            (folder / "FSD50K.metadata" / f"{one}_clips_info_FSD50K.json").write_text(json.dumps(told))
    return folder


def _quoted(text: str) -> str:
    return f'"{text}"' if "," in text else text


def fsd_track(path: Path, data: Path, more: str = "") -> Path:
    """A track over the parts of the made FSD50K."""
    lists = f'splits = {{ train = "train" }}\nvalidation = "val"\ntest = "eval"\n{more}'
    return _track(path, dataset="fsd50k", data=data, labels=FSD_LABELS, lists=lists, length="crop_or_pad")


def _track(path: Path, data: Path, labels: Sequence[str], **words: str) -> Path:
    path.write_text(TRACK.format(data=data.as_posix(), labels=json.dumps(labels), **words))
    return path


def audioset_folder(folder: Path) -> Path:
    """AudioSet in its published layout, with the audio of every segment in a folder for each list."""
    folder.mkdir(parents=True)
    rows = [f'{index},{mid},"{label}"' for index, (mid, label) in enumerate(zip(MIDS, DISPLAY, strict=True))]
    (folder / "class_labels_indices.csv").write_text("\n".join(["index,mid,display_name", *rows]) + "\n")
    lists = {"balanced_train": BALANCED, "unbalanced_train": UNBALANCED, "eval": EVAL}
    for name, segments in lists.items():
        write_segments(folder / f"{name}_segments.csv", segments)
        for number, (video, (_, _, classes)) in enumerate(segments.items()):
            sound(folder / "audio" / name / f"{video}.wav", classes, 10 * len(name) + number)
    return folder


def write_segments(path: Path, segments: Mapping[str, tuple[float, float, Sequence[int]]]) -> None:
    """A list of segments with the comments that the published ones begin with."""
    count = len(segments)
    lines = [
        "# Segments csv created Sun Mar  5 10:54:31 2017",
        f"# num_ytids={count}, num_segs={count}, num_unique_labels={len(DISPLAY)}, num_positive_labels={count}",
        "# YTID, start_seconds, end_seconds, positive_labels",
    ]
    for video, (start, end, classes) in segments.items():
        mids = ",".join(MIDS[index] for index in classes)
        lines.append(f'{video}, {start:.3f}, {end:.3f}, "{mids}"')
    path.write_text("\n".join(lines) + "\n")


def audioset_track(path: Path, data: Path, more: str = "missing_share = 0.4", train: str = "balanced") -> Path:
    """A track over the made AudioSet: its split "balanced", or "full" of both lists for training."""
    both = "balanced_train_segments.csv + unbalanced_train_segments.csv"
    files = {"balanced": "balanced_train_segments.csv", "full": both}
    lists = f'splits = {{ {train} = "{files[train]}" }}\ntest = "eval_segments.csv"\n{more}'
    return _track(path, dataset="audioset", data=data, labels=DISPLAY, lists=lists, length="any")
