"""The files of a package, a folder or a zip. Nothing is ever unpacked: each file is read whole, up to a limit."""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from lzma import LZMAError
from pathlib import Path, PurePosixPath

from harness.outcomes import Mistake
from harness.packages.faults import Fault, Faults

LARGEST_TABLE = 256 << 20
"""Bytes of an output: ten times as many as the table of the evaluation set of 2025, about 170,000 clips, has."""

LARGEST_META = 1 << 20
LARGEST_OTHER = 64 << 20
MOST_FILES = 5_000
MOST_BYTES = 4 << 30
"""What all files of a package may hold together, by what the zip says of them."""

ENCRYPTED = 0x1
LINK_MODE = 0o170000


@dataclass(frozen=True)
class Member:
    """A file of a package: what it is called there, how many bytes it is said to hold, and where it comes from."""

    name: str
    size: int
    path: Path | None = None
    inside: zipfile.ZipInfo | None = None

    @property
    def base(self) -> str:
        return PurePosixPath(self.name).name

    @property
    def folder(self) -> str:
        return PurePosixPath(self.name).parent.name


class Contents:
    """The files of a package by their names; `faults` has those that cannot or must not be read."""

    def __init__(self, place: Path, faults: Faults) -> None:
        self.place = place
        self.faults = faults
        self.archive: zipfile.ZipFile | None = None
        self.members: dict[str, Member] = {}
        self._texts: dict[str, str | None] = {}
        if place.is_dir():
            self._list_folder()
        else:
            self._list_zip()

    def read(self, member: Member, largest: int) -> bytes | None:
        """What a file holds; None, and a fault, where it is larger than it may be, or damaged."""
        if member.size > largest:
            self._fault("package.size", member.name, f"holds {member.size:,} bytes.", f"At most {largest:,} are read.")
            return None
        try:
            if member.path is not None:
                return member.path.read_bytes()
            assert self.archive is not None  # noqa: S101 - members without a path are of a zip
            assert member.inside is not None  # noqa: S101
            with self.archive.open(member.inside) as stream:
                content = stream.read(largest + 1)
        except (
            OSError,
            EOFError,
            zipfile.BadZipFile,
            zlib.error,
            LZMAError,
            NotImplementedError,
            RuntimeError,
        ) as error:
            self._fault("package.damaged", member.name, f"cannot be read ({error}).", "Make the package again.")
            return None
        if len(content) > largest:
            self._fault("package.size", member.name, "holds more than it says.", f"At most {largest:,} bytes are read.")
            return None
        return content

    def text(self, member: Member, largest: int) -> str | None:
        """The text of a file; None, and a fault with the line, where it is no UTF-8. Small ones are kept."""
        if member.name not in self._texts:
            found = self._text(member, largest)
            if largest > LARGEST_META:
                return found
            self._texts[member.name] = found
        return self._texts[member.name]

    def _text(self, member: Member, largest: int) -> str | None:
        content = self.read(member, largest)
        if content is None:
            return None
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            self.faults.add(
                Fault("package.encoding", member.name, "is not UTF-8 text.", "Save it as UTF-8.", line=line)
            )
            return None
        if text.startswith("\ufeff"):
            self._fault("package.encoding", member.name, "begins with a byte order mark.", "Save it without.", line=1)
            text = text[1:]
        return text

    def _fault(self, rule: str, file: str, problem: str, remedy: str, line: int | None = None) -> None:
        self.faults.add(Fault(rule, file, problem, remedy, line=line))

    def _list_folder(self) -> None:
        for path in sorted(self.place.rglob("*")):
            name = path.relative_to(self.place).as_posix()
            if _shown(name) != name:
                self._fault("package.path", _shown(name), "has letters in its name that are none.", "Rename it.")
            elif path.is_symlink():
                self._fault("package.link", name, "is a link.", "Put the file itself there.")
            elif path.is_file():
                self.members[name] = Member(name, path.stat().st_size, path=path)
            if len(self.members) > MOST_FILES:
                self._fault(
                    "package.size", "", f"holds more than {MOST_FILES:,} files.", "Leave out what is not asked."
                )
                return

    def _list_zip(self) -> None:
        try:
            self.archive = zipfile.ZipFile(self.place)
            inside = self.archive.infolist()
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            problem = f"{self.place} is no zip archive that can be read ({error})."
            raise Mistake("package.zip", problem, "Give a folder, or a .zip that opens.") from None
        if len(inside) > MOST_FILES:
            self._fault("package.size", "", f"holds {len(inside):,} files.", f"At most {MOST_FILES:,} are taken.")
            return
        if sum(one.file_size for one in inside) > MOST_BYTES:
            largest = max(inside, key=lambda one: one.file_size)
            problem = f"is said to hold {largest.file_size:,} bytes; all files together are too large."
            self._fault("package.size", _shown(largest.filename), problem, f"At most {MOST_BYTES:,} bytes are taken.")
            return
        for one in inside:
            why = _forbidden(one)
            if why:
                self._fault("package.path", _shown(one.filename), why, "Make the zip from inside its folder.")
            elif one.filename in self.members:
                self._fault("package.twice", one.filename, "is there twice.", "Keep one of them.")
            elif not one.is_dir():
                self.members[one.filename] = Member(one.filename, one.file_size, inside=one)


def _shown(name: str) -> str:
    """A name without what a terminal would obey, or cannot show."""
    return re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]", "?", name)


def _forbidden(one: zipfile.ZipInfo) -> str | None:
    """Why a file of a zip may not be there."""
    name = one.orig_filename
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if name.startswith(("/", "\\")) or re.match(r"^[A-Za-z]:", name) or ".." in parts:
        return "lies outside the package."
    if "\\" in name:
        return "has \\ in its name, which is no separator in a zip."
    if _shown(name) != name:
        return "has control characters in its name."
    if stat.S_ISLNK((one.external_attr >> 16) & LINK_MODE):
        return "is a link."
    return "is encrypted." if one.flag_bits & ENCRYPTED else None


def without_noise(members: dict[str, Member]) -> Iterator[Member]:
    """The files that somebody put there, without those that desktops leave behind."""
    for member in members.values():
        left_behind = "__MACOSX" in member.name or member.base.startswith("._")
        if not left_behind and member.base not in {".DS_Store", "Thumbs.db"}:
            yield member
