"""A named set of files on a disk: each fetched, checked, unpacked where it is an archive, and never twice."""

from __future__ import annotations

import csv
import fcntl
import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from harness.console import Progress
from harness.data import downloads, unpacking
from harness.data.downloads import Download, Expected, File, Piece
from harness.data.fetching import Part, Patience, fetch
from harness.data.server import Remote
from harness.files import disk_mistake, require_writable
from harness.outcomes import Mistake

Step = Callable[[str], AbstractContextManager[Progress]]
"""Begins a step that a person sees, and yields what is told how far it is (`console.Reporter.step`)."""


@dataclass(frozen=True)
class Fetched:
    """What a download came to: names of files that came now and of those that were there; `bytes` came now."""

    folder: Path
    fetched: tuple[str, ...]
    present: tuple[str, ...]
    bytes: int


def download(
    wanted: str | Download,
    folder: Path,
    *,
    step: Step,
    mirror: str | None = None,
    keep_archives: bool = False,
    patience: Patience | None = None,
) -> Fetched:
    """Sees to it that `folder` holds the files of a download; `mirror` is a place that has them by their names.

    Run again after any interruption, it goes on where it stopped. Archives lie in `.downloads/` until they are
    unpacked, and stay there with `keep_archives`. Raises `Mistake` when a file cannot be had, is a wrong one, or finds
    no room.
    """
    record = downloads.load(wanted) if isinstance(wanted, str) else wanted
    place = _Place(record, _address(record, mirror), folder, keep_archives, patience or Patience())
    require_writable(folder, "The data folder")
    try:
        with _alone(folder, step):
            return _download(place, step)
    except OSError as error:
        raise disk_mistake(error, f"The data folder {folder}") from None


@dataclass(frozen=True)
class _Place:
    """A download, where it comes from and where it goes."""

    record: Download
    url: str
    folder: Path
    keep_archives: bool
    patience: Patience

    def remote(self, piece: Piece) -> Remote:
        return Remote(piece.name, self.url.replace("{name}", quote(piece.name)), piece.bytes, piece.digest)

    def into(self, file: File) -> Path:
        return self.folder / file.folder

    def targets(self, file: File) -> tuple[Path, ...]:
        """Where the bytes of each piece of a file go: an archive's backstage, any other file's where it belongs."""
        if not file.unpack:
            return (self.into(file) / file.name,)
        return tuple(unpacking.place_of(piece.name, self.folder) for piece in file.pieces)

    def has(self, piece: Piece, target: Path) -> bool:
        """Whether the bytes of a piece are at their target, and are the right ones."""
        return target.is_file() and self.remote(piece).fault(target) is None


def _address(record: Download, mirror: str | None) -> str:
    if mirror is None:
        return record.url
    try:
        parts = urlsplit(mirror)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or True)
    except ValueError:
        valid = False
    if not valid or any(character.isspace() for character in mirror):
        problem = f'The mirror "{mirror}" is no address of a server.'
        raise Mistake("download.address", problem, "Give one like http://localhost:8000/folder.")
    return f"{mirror.rstrip('/')}/{{name}}"


@contextmanager
def _alone(folder: Path, step: Step) -> Iterator[None]:
    """One command downloads into a folder at a time; another waits, and then finds the files there."""
    path = unpacking.place_of("lock", folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with step(f"waiting for another command that downloads into {folder}"):
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _download(place: _Place, step: Step) -> Fetched:
    listing = functools.cache(unpacking.names_in)
    missing = [file for file in place.record.files if not _is_done(place, file, listing)]
    _require_room(place, missing)
    received: dict[str, int] = {}
    count = sum(len(file.pieces) for file in missing)
    for file in missing:
        for piece, target in zip(file.pieces, place.targets(file), strict=True):
            what = f"{piece.name} ({len(received) + 1} of {count})"
            received[piece.name] = _fetch(place, piece, target, step, what)
        if file.unpack:
            _unpack(place, file, step)
    came = tuple(name for name, count in received.items() if count)
    present = tuple(piece.name for piece in place.record.pieces if piece.name not in came)
    return Fetched(place.folder, came, present, sum(received.values()))


def _is_done(place: _Place, file: File, listing: unpacking.Listing) -> bool:
    *_, target = place.targets(file)
    if file.unpack:
        return unpacking.is_unpacked(target, file.digest, place.into(file), listing)
    return place.has(file, target)


def _require_room(place: _Place, missing: Sequence[File]) -> None:
    """Raises `Mistake` where the disk is too small for what is missing, as far as sizes are known."""
    archives = [_bytes(file) for file in missing if file.unpack]
    plain = [_bytes(file) for file in missing if not file.unpack]
    beside = sum(archives) if place.keep_archives else max(archives, default=0)
    needed = sum(plain) + _unpacked(place.record, sum(archives)) + beside - _there(place, missing)
    unpacking.require_room(place.folder, needed, f"What is missing of {place.record.title}")


def _bytes(file: File) -> int:
    """Bytes of a file, its volumes among them, as far as they are known."""
    return sum(piece.bytes or 0 for piece in file.pieces)


def _unpacked(record: Download, archived: int) -> int:
    """Bytes that come out of `archived` bytes of archives: a share of what all of them hold."""
    whole = sum(_bytes(file) for file in record.files if file.unpack)
    return archived * record.unpacked_bytes // whole if record.unpacked_bytes and whole else archived


def _there(place: _Place, files: Sequence[File]) -> int:
    """Bytes of `files` that take their room already."""
    targets = [target for file in files for target in place.targets(file)]
    return sum(path.stat().st_size for target in targets for path in (target, Part(target).path) if path.is_file())


def _fetch(place: _Place, piece: Piece, target: Path, step: Step, what: str) -> int:
    """Bytes that came; 0 where the piece was there."""
    if place.has(piece, target):
        return 0
    with step(f"fetching {what}") as progress:
        return fetch(place.remote(piece), target, progress, place.patience)


def _unpack(place: _Place, file: File, step: Step) -> None:
    """The mark is the last to be written: without it, all of this is done again."""
    *volumes, archive = place.targets(file)
    with step(f"unpacking {file.name}") as progress:
        files = unpacking.unpack(archive, place.into(file), file.root, progress, volumes)
    if file.expect and (fault := _fault(file.expect, place.into(file))):
        unpacking.remove(archive, volumes)
        problem = f"{file.name} is not the data set that was expected: {fault}."
        raise Mistake("download.content", problem, "Run the same command again; the archive is fetched anew.")
    unpacking.mark(archive, file.digest, files)
    if not place.keep_archives:
        unpacking.remove(archive, volumes)


def _fault(expected: Expected, folder: Path) -> str | None:
    """What `folder` lacks of what is expected of it; None where it lacks nothing."""
    try:
        with (folder / expected.list).open(newline="", encoding="utf-8") as stream:
            listed = [row[expected.column] for row in csv.DictReader(stream)]
    except FileNotFoundError:
        return f"it has no {expected.list}"
    except (KeyError, ValueError, csv.Error):
        return f"{expected.list} is no list with a column {expected.column}"
    if len(listed) != expected.rows:
        return f"{expected.list} has {len(listed):,} rows instead of {expected.rows:,}"
    missing = sorted(set(listed) - unpacking.names_in(folder / expected.folder))
    return f"{len(missing):,} files of {expected.list} are missing, {missing[0]!r} among them" if missing else None
