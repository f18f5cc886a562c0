"""The recordings of a source folder: TAU layout (meta.csv) or ESC layout (esc50.csv), of a single device.

A file named by the TAU grammar, in agreement with its row, is a piece of a segment: the pieces that follow on each
other are one recording, so that a response's tail runs on over the cuts. Any other file is a recording of its own; its
segment is its number among the files of its location.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import count, pairwise
from pathlib import Path, PurePosixPath

from harness.data import audio_files, lists
from harness.data.audio_files import Unusable
from harness.data.lists import META_COLUMNS, normal_name
from harness.files import digest_of_value
from harness.outcomes import Mistake, nearest
from harness.validated import read_text

LOWEST_RATE, HIGHEST_RATE = 2000, 384_000
ESC_COLUMNS = ("filename", "category", "src_file")
SHOWN_FAULTS = 5

_GRAMMAR = re.compile(r"([^-]+)-([^-]+-[^-]+)-([^-]+)-(?:(\d+)-)?([^-]+)")
_SAFE = re.compile(r"[A-Za-z0-9_.]+")
_SLUG = 40  # characters of a name that are kept where it has to be changed
_LAYOUTS = "It needs audio/ beside meta.csv (TAU layout), or beside meta/esc50.csv or esc50.csv (ESC layout)."


@dataclass(frozen=True)
class Recording:
    """The files of one segment, each with its number, in this order."""

    scene: str
    city: str
    location: str
    segment: str
    pieces: tuple[tuple[int, Path], ...]

    @property
    def stem(self) -> str:
        """What the names of its clips begin with: `<scene>-<city>-<location>-<segment>`."""
        return f"{self.scene}-{self.city}-{self.location}-{self.segment}"

    @property
    def runs(self) -> list[tuple[int, list[Path]]]:
        """(first number, files) of pieces that follow on each other; several runs where pieces are missing."""
        starts = [0, *(place for place in range(1, len(self.pieces)) if self._breaks_before(place)), len(self.pieces)]
        runs = [self.pieces[start:end] for start, end in pairwise(starts)]
        return [(run[0][0], [path for _, path in run]) for run in runs]

    def _breaks_before(self, place: int) -> bool:
        return self.pieces[place][0] != self.pieces[place - 1][0] + 1


@dataclass(frozen=True)
class Found:
    """The recordings of a source, and the digest of the rows they come from."""

    recordings: tuple[Recording, ...]
    digest: str


@dataclass(frozen=True, order=True)
class _Row:
    name: str
    label: str
    identifier: str
    device: str


def read(folder: Path, labels: Sequence[str] | None, device: str | None) -> Found:
    """The recordings in `folder` with one of `labels`, by `device`, in the order of their names.

    Raises `Mistake` where there is no such folder or list, for an unknown label or device, for several devices, and
    where a list names something twice.
    """
    rows = sorted(_rows(folder))
    twice = [name for name, times in Counter(row.name for row in rows).items() if times > 1]
    if twice:
        raise Mistake("simulation.twice", f"The list of {folder} has {twice[0]} twice.", "Every file may stand once.")
    rows = _of_device(rows, device, folder)
    names = _field_names(rows)
    kept = _of_labels(rows, labels, folder)
    digest = digest_of_value([[row.name, row.label, row.identifier, row.device] for row in kept])
    return Found(_recordings(kept, _numbered(rows), names, folder), digest)


def _rows(folder: Path) -> list[_Row]:
    if not folder.is_dir():
        raise Mistake("simulation.source", f"{folder} is not a folder.", _LAYOUTS)
    meta = folder / "meta.csv"
    esc = [path for path in (folder / "meta" / "esc50.csv", folder / "esc50.csv") if path.is_file()]
    if not meta.is_file() and not esc:
        raise Mistake("simulation.source", f"{folder} holds neither meta.csv nor esc50.csv.", _LAYOUTS)
    if not (folder / "audio").is_dir():
        raise Mistake("simulation.source", f"{folder} holds no audio folder.", _LAYOUTS)
    rows = _tau_rows(meta) if meta.is_file() else _esc_rows(esc[0])
    if not rows:
        raise Mistake("simulation.source", f"The list of {folder} names no file.", "Unpack it again.")
    return rows


def _tau_rows(path: Path) -> list[_Row]:
    table = lists.read(path, META_COLUMNS)
    lists.require_complete(table)
    columns = (table.columns[name] for name in META_COLUMNS)
    return [_Row(normal_name(name), *rest) for name, *rest in zip(*columns, strict=True)]


def _esc_rows(path: Path) -> list[_Row]:
    reader = csv.DictReader(StringIO(read_text(path, rule="simulation.list").removeprefix("\ufeff")))
    missing = [column for column in ESC_COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        problem = f'{path} has no column "{missing[0]}".'
        raise Mistake("simulation.list", problem, "Columns are separated by commas and named in the first line.")
    rows = []
    for values in reader:
        name, label, source = (values[column] for column in ESC_COLUMNS)
        if not (name and label and source):
            raise Mistake("simulation.list", f"{path}, line {reader.line_num} has too few columns.", "Complete it.")
        rows.append(_Row(normal_name(name), label, f"freesound-{source}", "a"))
    return rows


def _of_device(rows: list[_Row], device: str | None, folder: Path) -> list[_Row]:
    known = sorted({row.device for row in rows})
    if device is None:
        if len(known) > 1:
            problem = f"{folder} has recordings of {len(known)} devices: {', '.join(known)}."
            raise Mistake("simulation.source_device", problem, "Name one with --source-device.")
        return rows
    if device not in known:
        problem = f'{folder} has no recording of device "{device}". {nearest(device, known)}'
        raise Mistake("simulation.source_device", problem, "Correct it.")
    return [row for row in rows if row.device == device]


def _of_labels(rows: list[_Row], labels: Sequence[str] | None, folder: Path) -> list[_Row]:
    if labels is None:
        return rows
    known = {row.label for row in rows}
    for label in labels:
        if label not in known:
            problem = f'{folder} has no scene "{label}". {nearest(label, known)}'
            raise Mistake("simulation.label", problem, "Correct it.")
    if not labels:
        raise Mistake("simulation.label", "No scene was asked for.", "Name one or more, or leave labels out for all.")
    return [row for row in rows if row.label in labels]


def _field_names(rows: Iterable[_Row]) -> dict[str, str]:
    """Scene labels as they stand in names: "_" for what cannot; raises `Mistake` where two would become one."""
    names = {label: re.sub(r"[^A-Za-z0-9_.]", "_", label) for label in sorted({row.label for row in rows})}
    taken: dict[str, str] = {}
    for label, name in names.items():
        if name in taken:
            problem = f'The scenes "{taken[name]}" and "{label}" would both be written "{name}".'
            raise Mistake("simulation.label", problem, "Rename one of them in the source's list.")
        taken[name] = label
    return names


def _numbered(rows: Iterable[_Row]) -> dict[_Row, tuple[str, int]]:
    """(segment, number of the piece) of each row, as its name says, or else numbers free at its location."""
    parsed = {row: _parsed(row) for row in rows}
    taken = {(row.identifier, part[0]) for row, part in parsed.items() if part}
    free: dict[str, Iterator[str]] = {}
    for row in parsed:
        free.setdefault(row.identifier, _not_in(taken, row.identifier))
    return {row: part or (next(free[row.identifier]), 0) for row, part in parsed.items()}


def _not_in(taken: set[tuple[str, str]], identifier: str) -> Iterator[str]:
    return (str(number) for number in count() if (identifier, str(number)) not in taken)


def _parsed(row: _Row) -> tuple[str, int] | None:
    """(segment, number of the piece) of a name by the TAU grammar that agrees with its row; None for any other."""
    match = _GRAMMAR.fullmatch(PurePosixPath(row.name).stem)
    if match is None or (match[1], match[2], match[5]) != (row.label, row.identifier, row.device):
        return None
    return match[3], int(match[4] or 0)


def _recordings(
    rows: Iterable[_Row], numbered: Mapping[_Row, tuple[str, int]], names: Mapping[str, str], folder: Path
) -> tuple[Recording, ...]:
    """The rows put together by segment; raises `Mistake` where two are the same piece of it."""
    found: dict[tuple[str, str, str, str], dict[int, Path]] = {}
    for row in rows:
        segment, number = numbered[row]
        pieces = found.setdefault((names[row.label], *place_of(row.identifier), safe(segment)), {})
        if number in pieces:
            problem = f"{pieces[number].name} and {PurePosixPath(row.name).name} in {folder} are the same clip."
            raise Mistake("simulation.twice", problem, "Remove one of them from the list.")
        pieces[number] = folder / row.name
    return tuple(Recording(*key, tuple(sorted(pieces.items()))) for key, pieces in found.items())


def place_of(identifier: str) -> tuple[str, str]:
    """(city, location) of an identifier, free of "-"; different identifiers stay different.

    "lyon-12" is ("lyon", "12"); what has not two such parts gets a digest: "x-y-z" is ("x", "y_z_1a2b3c4d").
    """
    city, dash, location = identifier.partition("-")
    if dash and _SAFE.fullmatch(city) and _SAFE.fullmatch(location):
        return city, location
    return (city if dash and _SAFE.fullmatch(city) else "place"), _marked(location if dash else city, identifier)


def safe(name: str) -> str:
    """A name as it is where it may stand in a file's name, else what can be kept of it and a digest."""
    return name if _SAFE.fullmatch(name) else _marked(name, name)


def _marked(name: str, whole: str) -> str:
    return f"{re.sub(r'[^A-Za-z0-9_.]', '_', name)[:_SLUG]}_{hashlib.sha256(whole.encode()).hexdigest()[:8]}"


def common_rate(recordings: Sequence[Recording], wanted: int | None) -> int:
    """The rate of all that is made: `wanted`, or the one of all files; reads every file's header.

    Raises `Mistake` for files without a header that can be read, and where none is wanted and the files have several.
    """
    rates: set[int] = set()
    faults: list[str] = []
    for recording in recordings:
        try:
            rates |= {_rate(path) for _, path in recording.pieces}
        except Unusable as fault:
            faults.append(str(fault))
    if faults:
        raise faulty(faults, len(recordings))
    if wanted is None and len(rates) > 1:
        problem = f"The recordings have {len(rates)} sample rates: {', '.join(map(str, sorted(rates)))} Hz."
        raise Mistake("simulation.rate", problem, "Give the one that all should have with --sample-rate.")
    rate = wanted or rates.pop()
    require_rate(rate)
    return rate


def require_rate(rate: int) -> None:
    """Raises `Mistake` for a rate at which devices cannot be told apart, or that no recorder has."""
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        problem = f"A sample rate of {rate} Hz cannot be used."
        raise Mistake("simulation.rate", problem, f"Give a rate of {LOWEST_RATE} to {HIGHEST_RATE} Hz.")


def _rate(path: Path) -> int:
    """The rate in a file's header; raises `Unusable`, whose words begin with the file's name."""
    import soundfile  # noqa: PLC0415 - a command that has nothing to do needs it not

    try:
        return int(soundfile.info(path).samplerate)
    except (OSError, RuntimeError):
        raise Unusable(f"{path.name} {_reason(path)}") from None


def _reason(path: Path) -> str:
    try:
        audio_files.read(path)
    except Unusable as fault:
        return str(fault)
    return "is not audio that can be read"


def faulty(faults: Sequence[str], total: int) -> Mistake:
    """One `Mistake` for the recordings that cannot be used, the first ones by name."""
    shown = "; ".join(sorted(faults)[:SHOWN_FAULTS])
    more = f"; and {len(faults) - SHOWN_FAULTS:,} more" if len(faults) > SHOWN_FAULTS else ""
    problem = f"{len(faults):,} of {total:,} recordings cannot be used: {shown}{more}."
    return Mistake("simulation.recordings", problem, "Unpack these files again; what is made stays.")
