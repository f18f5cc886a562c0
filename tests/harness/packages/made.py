"""Made challenge packages, in order, and one generator of broken ones."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from harness import editions, tracks
from harness.editions import Edition
from harness.packages import meta, meta_files, outputs
from harness.packages.declared import Challenge
from harness.packages.labels import Label
from harness.tracks import Track
from tests.leaderboard import made

CLIPS = 30
TEAM = "Lovelace_AS_task1"
CHALLENGE = Challenge.model_validate({
    "name": "Linear model",
    "abbreviation": "linear",
    "authors": [
        {
            "last_name": "Lovelace", "first_name": "Ada", "email": "ada@example.org", "corresponding": True,
            "affiliation": {"institute": "Analytical Society", "abbreviation": "AS", "location": "London"},
        },
        {
            "last_name": "Babbage", "first_name": "Charles", "email": "c@example.org",
            "affiliation": {"institute": "Analytical Society", "abbreviation": "AS", "department": "Engines"},
        },
    ],
})  # fmt: skip


def track(edition: str = "dcase2024") -> Track:
    known, _ = tracks.load("demo")
    return Track.model_validate({**known.model_dump(), "edition": edition})


def edition(name: str = "dcase2024") -> Edition:
    return editions.load(name)


def names(count: int = CLIPS) -> list[str]:
    return [f"audio/{number}.wav" for number in range(count)]


def logits(seed: int = 0, count: int = CLIPS) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 2, (count, 10))


def package(folder: Path, systems: int = 2, year: str = "dcase2024") -> Path:
    """The folder of a package in which nothing is wrong."""
    rules, on = edition(year), track(year)
    for number in range(1, systems + 1):
        label = Label(TEAM, number)
        place = folder / str(label)
        place.mkdir(parents=True)
        found = {ending: made.predicted("S1", 1.0, seed=at) for at, ending in enumerate(rules.package.outputs.value)}
        for at, ending in enumerate(found):
            table = outputs.table(names(), logits(at), on.labels, audio_prefix=rules.package.audio_prefix.value)
            (place / label.output(ending)).write_bytes(table)
        cost = {"total_model_size": 122_296, "total_parameters": 61_148, "macs": 29_419_156}
        words = meta.filled(label, CHALLENGE, "S1", dict(found), 32_000, cost, "none", None)
        (place / label.meta).write_bytes(meta_files.text(words))
    (folder / Label(TEAM, 1).report).write_bytes(b"%PDF-1.7\n")
    return folder


def zipped(folder: Path) -> Path:
    """The same as a zip beside it."""
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as stream:
        for one in sorted(folder.rglob("*")):
            if one.is_file():
                stream.write(one, one.relative_to(folder).as_posix())
    return path


FIRST = f"{TEAM}_1"
META = f"{FIRST}/{FIRST}.meta.yaml"
OUTPUT = f"{FIRST}/{FIRST}.output.split_25.csv"

Broken = tuple[Callable[[Path], None], str, str, int | None]
"""How to break a package, and the rule, file and line that must be named."""


def edited(file: str, old: str, new: str) -> Callable[[Path], None]:
    """Replaces some text of a file, once."""

    def change(folder: Path) -> None:
        text = (folder / file).read_bytes().decode()
        assert old in text
        (folder / file).write_bytes(text.replace(old, new, 1).encode())

    return change


def row(line: int, change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    """Changes the values of a line of an output."""

    def apply(folder: Path) -> None:
        lines = (folder / OUTPUT).read_text().split("\n")
        lines[line - 1] = "\t".join(change(lines[line - 1].split("\t")))
        (folder / OUTPUT).write_text("\n".join(lines))

    return apply


def lines(change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    """Changes the lines of an output."""

    def apply(folder: Path) -> None:
        (folder / OUTPUT).write_text("\n".join(change((folder / OUTPUT).read_text().split("\n"))))

    return apply


def renamed(old: str, new: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        (folder / new).parent.mkdir(exist_ok=True)
        shutil.move(folder / old, folder / new)

    return apply


def _worst_first(values: list[str]) -> list[str]:
    """Says the least probable class."""
    labels = track().labels
    least = min(range(10), key=lambda at: float(values[2 + at]))
    return [values[0], labels[least], *values[2:]]


def _without(column: int) -> Callable[[list[str]], list[str]]:
    def change(found: list[str]) -> list[str]:
        kept = [line.split("\t") for line in found]
        return ["\t".join(values[:column] + values[column + 1 :]) for values in kept]

    return change


BROKEN: dict[str, Broken] = {
    "a missing column": (lines(_without(4)), "package.columns", OUTPUT, 1),
    "a column by another name": (edited(OUTPUT, "metro_station", "metrostation"), "package.columns", OUTPUT, 1),
    "commas": (lines(lambda found: [line.replace("\t", ",") for line in found]), "package.columns", OUTPUT, 1),
    "CR LF": (edited(OUTPUT, "\n", "\r\n"), "package.lines", OUTPUT, 1),
    "CR LF further down": (lambda f: (f / OUTPUT).write_bytes(
        b"\r\n".join((f / OUTPUT).read_bytes().rsplit(b"\n", 3))), "package.lines", OUTPUT, 29),
    "a row too short": (row(7, lambda values: values[:-1]), "package.row", OUTPUT, 7),
    "an empty line": (lines(lambda found: [*found[:9], "", *found[9:]]), "package.row", OUTPUT, 10),
    "a clip twice": (lines(lambda found: [*found[:-1], found[4], ""]), "package.clips", OUTPUT, 32),
    "a missing clip": (lines(lambda found: [*found[:4], *found[5:]]), "package.clips", OUTPUT, None),
    "an unknown clip": (row(5, lambda values: ["999.wav", *values[1:]]), "package.clips", OUTPUT, 5),
    "a name with audio/": (row(6, lambda values: [f"audio/{values[0]}", *values[1:]]), "package.name", OUTPUT, 6),
    "no sum": (row(8, lambda values: [*values[:2], *(f"{float(one) / 2}" for one in values[2:])]),
               "package.probability", OUTPUT, 8),
    "logits": (row(8, lambda values: [*values[:2], "-3.2", *values[3:]]), "package.probability", OUTPUT, 8),
    "no number": (row(8, lambda values: [*values[:2], "high", *values[3:]]), "package.probability", OUTPUT, 8),
    "nan": (row(8, lambda values: [*values[:2], "nan", *values[3:]]), "package.probability", OUTPUT, 8),
    "a wrong label": (row(9, lambda values: [values[0], "airprot", *values[2:]]), "package.label", OUTPUT, 9),
    "another class than the most probable": (row(9, _worst_first), "package.argmax", OUTPUT, 9),
    "no text": (lambda f: (f / OUTPUT).write_bytes(b"\n".join((f / OUTPUT).read_bytes().split(b"\n")[:18]) + b"\n\xff"),
                "package.encoding", OUTPUT, 19),
    "no rows": (lines(lambda found: [found[0], ""]), "package.clips", OUTPUT, 1),
    "an output by another name": (
        renamed(OUTPUT, OUTPUT.replace("output.split_25", "output.subset_25")), "package.names",
        OUTPUT.replace("output.split_25", "output.subset_25"), None),
    "wrong indent": (edited(META, "  complexity:\n    total", "  complexity:\n   total"), "package.yaml", META, None),
    "a tab": (edited(META, "  name: Linear", "\tname: Linear"), "package.yaml", META, 3),
    "a key twice": (edited(META, "  label:", "  abbreviation: x\n  label:"), "package.yaml", META, 5),
    "an alias": (edited(META, "department: null", "department: &x null\n      more: *x"), "package.yaml", META, None),
    "a key by another name": (edited(META, "total_parameters", "total_params"), "package.meta", META, None),
    "no key": (edited(META, "  abbreviation: linear\n", ""), "package.meta", META, 1),
    "too long an abbreviation": (
        edited(META, "abbreviation: linear", "abbreviation: linear models"), "package.meta", META, 4),
    "another label": (edited(META, f"label: {FIRST}", "label: Sean_NTU_task1_1"), "package.meta", META, 2),
    "nobody corresponding": (edited(META, "corresponding: true", "corresponding: false"), "package.meta", META, 5),
    "a share in place of per cent": (edited(META, "accuracy:", "accuracy: 4123 #"), "package.meta", META, None),
    "over the limit": (edited(META, "macs: 29419156", "macs: 30000001"), "package.limits", META, None),
    "bytes that are none": (edited(META, "total_model_size: 122296", "total_model_size: 1222"),
                            "package.complexity", META, None),
    "an unknown device": (edited(META, "        s1:", "        s12:"), "package.meta", META, None),
    "another folder's label": (renamed(FIRST, "Sean_NTU_task1_1"), "package.names",
                               META.replace(f"{FIRST}/", "Sean_NTU_task1_1/"), None),
    "no meta file": (lambda f: (f / META).unlink(), "package.names", OUTPUT, None),
    "a lost output": (lambda f: (f / OUTPUT).unlink(), "package.names", OUTPUT, None),
    "a report that is none": (lambda f: (f / f"{TEAM}.technical_report.pdf").write_text("draft"), "package.report",
                              f"{TEAM}.technical_report.pdf", None),
}  # fmt: skip
