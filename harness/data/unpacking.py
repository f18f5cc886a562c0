"""Archives unpacked into a folder: no member leaves it, and a mark that names the members tells that all are there.

<folder>/.downloads/
    <archive>          while it is fetched and unpacked; its volumes (`.z01`, …) beside it
    <archive>.done     digest of the archive, and the files that came out of it
"""

from __future__ import annotations

import json
import lzma
import shutil
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from gzip import BadGzipFile, GzipFile
from pathlib import Path, PurePosixPath
from tarfile import TarError, TarFile, TarInfo
from typing import IO
from zipfile import BadZipFile, ZipFile, ZipInfo

from harness.console import Progress
from harness.data import volumes
from harness.data.server import Digest
from harness.files import write_json
from harness.outcomes import Mistake

BACKSTAGE = ".downloads"
DAMAGED = (
    BadZipFile, TarError, BadGzipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError,
    ValueError,
)  # fmt: skip
"""What zipfile and tarfile raise for archives that are cut off, altered, encrypted or of an unknown kind."""

TAR_ENDINGS = (".tar.gz", ".tgz")
CHUNK = 1 << 20

Listing = Callable[[Path], frozenset[str]]


def place_of(archive: str, folder: Path) -> Path:
    """Where an archive lies while it is fetched and unpacked."""
    return folder / BACKSTAGE / archive


@dataclass(frozen=True)
class Member:
    """What an archive holds under a name; `opened` begins to read it, and is None for links, devices and the like."""

    path: PurePosixPath
    is_folder: bool
    size: int
    opened: Callable[[], IO[bytes]] | None


def unpack(archive: Path, folder: Path, root: str | None, progress: Progress, before: Sequence[Path] = ()) -> list[str]:
    """The files of `archive`, now in `folder`; those in the archive's folder `root` stand there without it.

    `before`: the volumes of a zip archive that come before `archive`, its last. Raises `Mistake` when the archive is
    damaged (it is then removed, with all its volumes) or does not fit on the disk, and, before anything is written,
    when a member would leave the folder or is neither file nor folder. OSError is of the disk.
    """
    is_tar = archive.name.endswith(TAR_ENDINGS)
    opening = _opened_tar(archive) if is_tar else _opened_zip(archive, before)
    try:
        with opening as found:
            members = _members(found, archive.name, root)
            total = sum(member.size for member in members.values())
            require_room(folder, total, f"What is in {archive.name}")
            done = 0
            for name, member in members.items():
                _write(member, folder / name)
                done += member.size
                progress(done, total, "bytes")
    except DAMAGED as error:
        remove(archive, before)
        problem = f"{archive.name} is no whole {'tar' if is_tar else 'zip'} archive ({str(error).rstrip('.')})."
        raise Mistake("download.archive", problem, "Run the same command again; the archive is fetched anew.") from None
    return list(members)


def remove(archive: Path, before: Sequence[Path] = ()) -> None:
    """Takes away an archive and the volumes before it."""
    for path in (*before, archive):
        path.unlink()


@contextmanager
def _opened_zip(archive: Path, before: Sequence[Path]) -> Iterator[list[Member]]:
    if before:
        with volumes.opened([*before, archive]) as (opened, members):
            yield [_of_zip(opened, member) for member in members]
    else:
        with ZipFile(archive) as opened:
            yield [_of_zip(opened, member) for member in opened.infolist()]


def _of_zip(opened: ZipFile, member: ZipInfo) -> Member:
    plain = stat.S_IFMT(member.external_attr >> 16) in {0, stat.S_IFREG, stat.S_IFDIR}
    opening = partial(opened.open, member) if plain else None
    return Member(PurePosixPath(member.filename), member.is_dir(), member.file_size, opening)


@contextmanager
def _opened_tar(archive: Path) -> Iterator[list[Member]]:
    """The archive is read twice: to its checksum at the end, and again for what its files hold.

    tarfile takes a header that is damaged for the end of the archive; the checksum tells.
    """
    with GzipFile(archive) as stream, TarFile.open(fileobj=stream, mode="r:") as opened:
        members = [_of_tar(opened, member) for member in opened]
        while stream.read(CHUNK):
            pass
        yield members


def _of_tar(opened: TarFile, member: TarInfo) -> Member:
    opening = partial(_file_of_tar, opened, member) if member.isfile() or member.isdir() else None
    return Member(PurePosixPath(member.name), member.isdir(), member.size, opening)


def _file_of_tar(opened: TarFile, member: TarInfo) -> IO[bytes]:
    file = opened.extractfile(member)
    assert file is not None  # noqa: S101 - it is None for what is no file
    return file


def require_room(folder: Path, needed: int, what: str) -> None:
    """Raises `Mistake` where the disk of `folder` has less than `needed` bytes left."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        problem = f"{what} takes {_sized(needed)}, and the disk of {folder} has {_sized(free)} left."
        raise Mistake("download.room", problem, "Free some space, or choose another folder with --into DIR.")


def _sized(count: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


def _members(found: Iterable[Member], archive: str, root: str | None) -> dict[str, Member]:
    """The files of an archive by the names they get; `Mistake` for any that should not be written."""
    members: dict[str, Member] = {}
    for member in found:
        path = member.path
        if path.is_absolute() or ".." in path.parts or member.opened is None:
            problem = f"{archive} holds {str(path)!r}, which is a link or leads out of the folder."
            raise Mistake("download.unsafe", problem, "Nothing of it was unpacked; tell whoever publishes it.")
        name = "/".join(path.parts[1:] if path.parts[:1] == (root,) else path.parts)
        if name and not member.is_folder:
            members[name] = member
    return members


def _write(member: Member, target: Path) -> None:
    """A file of its own: what stood there, which may be a link to elsewhere, is taken away and not written through."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    assert member.opened is not None  # noqa: S101 - others are refused before anything is written
    with member.opened() as source, target.open("wb") as stream:
        shutil.copyfileobj(source, stream)


def mark(archive: Path, digest: Digest | None, files: Iterable[str]) -> None:
    """Notes that `files` came out of `archive`, once they are all there."""
    write_json(_mark_of(archive), {"digest": digest and str(digest), "files": list(files)})


def is_unpacked(archive: Path, digest: Digest | None, folder: Path, listing: Listing) -> bool:
    """Whether an archive with this digest was unpacked, and the files that came out of it are still in `folder`."""
    try:
        known = json.loads(_mark_of(archive).read_text(encoding="utf-8"))
        split = [name.rpartition("/") for name in known["files"]]
        same = known["digest"] == (digest and str(digest))
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return False
    return same and all(name in listing(folder / parent) for parent, _, name in split)


def names_in(folder: Path) -> frozenset[str]:
    """The names in a folder; none where there is no such folder."""
    try:
        return frozenset(path.name for path in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return frozenset()


def _mark_of(archive: Path) -> Path:
    return archive.with_name(f"{archive.name}.done")
