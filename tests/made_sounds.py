"""Made folders in the layouts of ESC-50 and Speech Commands, with clips that are tones of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import soundfile

RATE = 8000
ESC_LABELS = ("dog", "rain", "siren")
ESC10 = ("dog", "rain")
WORDS = ("no", "up", "yes")
COLUMNS = ("filename", "fold", "target", "category", "esc10", "src_file", "take")


def esc_rows(folds: Sequence[str] = ("1", "2"), recordings: int = 2) -> list[dict[str, str]]:
    """Rows of a list in the ESC-50 layout: in each fold, of each class, `recordings` with two takes each."""
    rows = []
    for fold in folds:
        for target, category in enumerate(ESC_LABELS):
            for number in range(recordings):
                source = f"{fold}{target}{number}"
                for take in "AB":
                    values = (f"{fold}-{source}-{take}-{target}.wav", fold, target, category, category in ESC10, source)
                    rows.append(dict(zip(COLUMNS, map(str, (*values, take)), strict=True)))
    return rows


def write_esc(path: Path, rows: Sequence[Mapping[str, str]], columns: Sequence[str] = COLUMNS) -> None:
    """A list in the ESC-50 layout."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [",".join(columns), *(",".join(row[name] for name in columns) for row in rows)]
    path.write_text("\n".join(lines) + "\n")


def esc_folder(
    folder: Path,
    folds: Sequence[str] = ("1", "2"),
    rate: int = RATE,
    recordings: int = 2,
    seconds: Sequence[float] = (1,),
) -> Path:
    """A folder in the ESC-50 layout; its clips last `seconds`, one after the other."""
    (folder / "audio").mkdir(parents=True)
    rows = esc_rows(folds, recordings)
    write_esc(folder / "meta" / "esc50.csv", rows)
    for number, row in enumerate(rows):
        length = round(rate * seconds[number % len(seconds)])
        soundfile.write(folder / "audio" / row["filename"], tone(int(row["target"]), length, rate, number), rate)
    return folder


def tone(label: int, length: int, rate: int, seed: int) -> np.ndarray:
    """(length,) a tone of the class in noise."""
    generator = np.random.default_rng(seed)
    time = np.arange(length) / rate
    return 0.1 * (np.sin(2 * np.pi * (300 + 500 * label) * time) + generator.normal(0, 0.3, length))


def commands_folder(folder: Path, rate: int = RATE) -> Path:
    """A folder in the Speech Commands layout: of each word six speakers with two clips, one each in the lists."""
    validation, testing = [], []
    for label, word in enumerate(WORDS):
        (folder / word).mkdir(parents=True)
        for speaker in range(6):
            for number in range(2):
                name = f"{word}/{speaker:08x}_nohash_{number}.wav"
                soundfile.write(folder / name, tone(label, rate - 100 * speaker, rate, speaker), rate)
                if speaker > 3:
                    (validation if speaker == 4 else testing).append(name)
    (folder / "_background_noise_").mkdir()
    (folder / "_background_noise_" / "pink_noise.wav").write_bytes(b"not looked at")
    (folder / "validation_list.txt").write_text("\n".join(validation) + "\n")
    (folder / "testing_list.txt").write_text("\n".join(testing) + "\n")
    return folder


TRACK = """
name = "sounds"
title = "Sounds for tests"
dataset = "{dataset}"
data = "{data}"
labels = {labels}
length = "{length}"
{lists}
seeds = [0]

[device_groups]

[ranking]
rule = "mean_of_splits"
status = "derived"
source = "a test"
"""


def _track_file(path: Path, data: Path, labels: Sequence[str], **words: str) -> Path:
    path.write_text(TRACK.format(data=data.as_posix(), labels=list(labels), **words).replace("'", '"'))
    return path


def esc_track(
    path: Path,
    data: Path,
    folds: Sequence[str] = ("1", "2"),
    labels: Sequence[str] = ESC_LABELS,
    length: str = "crop_or_pad",
    more: str = "",
) -> Path:
    """A track over folds of the made ESC folder."""
    return _track_file(path, data, labels, dataset="esc50", length=length, lists=f"folds = {list(folds)}\n{more}")


def commands_track(path: Path, data: Path, more: str = "") -> Path:
    """A track over the made Speech Commands folder."""
    lists = f'test = "testing_list.txt"\nsplits = {{ train = "training" }}\n{more}'
    return _track_file(path, data, WORDS, dataset="speech-commands", length="crop_or_pad", lists=lists)
