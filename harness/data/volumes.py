"""A zip archive in volumes (`set.z01`, `set.z02`, …, `set.zip`), as `zip -s` writes it, read as if it were one file.

Zipfile reads one file only. It is shown the bytes of all volumes in a row, up to the end of the directory, and behind
them an end of one file's archive in place of the real one. Source: PKWARE's APPNOTE 6.3, sections 4.3.16 and 4.4.
"""

from __future__ import annotations

import io
import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import IO
from zipfile import BadZipFile, ZipFile, ZipInfo

END = struct.Struct("<4s4H2LH")
"""Mark; this volume, the directory's, members there and in all; bytes of the directory, its offset; of the comment."""
END_MARK = b"PK\x05\x06"
LONGEST_COMMENT = 65535
NO_DIRECTORY = "its last volume does not say where its directory is"
TOO_LARGE = 2**32 - 1
"""Stands in the end for a number that the record of large archives (Zip64) has."""
LOCATOR = struct.Struct("<4sLQL")
"""Right before the end, where there is such a record: mark; the record's volume, its offset there; volumes in all."""
LOCATOR_MARK = b"PK\x06\x07"
RECORD = struct.Struct("<4s12x2L4Q")
"""Mark; this volume, the directory's; members there and in all; bytes of the directory, its offset."""
RECORD_MARK = b"PK\x06\x06"


@dataclass(frozen=True)
class _Directory:
    """Where the directory begins in the volumes' bytes in a row, and its bytes."""

    start: int
    size: int


@contextmanager
def opened(volumes: Sequence[Path]) -> Iterator[tuple[ZipFile, list[ZipInfo]]]:
    """The archive, and its members as `archive.open` takes them. `volumes` in their order, the one with `.zip` last.

    Raises `BadZipFile` where they are not the volumes of one archive.
    """
    with ExitStack() as stack:
        files = [stack.enter_context(path.open("rb")) for path in volumes]
        starts = list(accumulate((path.stat().st_size for path in volumes), initial=0))
        directory = _directory(files, starts)
        end = END.pack(END_MARK, 0, 0, 0, 0, directory.size, 0, 0)  # zipfile counts the members itself
        joined = io.BufferedReader(_Joined([*files, io.BytesIO(end)], starts, directory.start + directory.size))
        archive = stack.enter_context(ZipFile(joined))
        yield archive, [_placed(member, starts, directory) for member in archive.infolist()]


def _directory(files: Sequence[IO[bytes]], starts: Sequence[int]) -> _Directory:
    """What the end of the last volume says of the directory."""
    longest = LOCATOR.size + END.size + LONGEST_COMMENT
    files[-1].seek(-min(starts[-1] - starts[-2], longest), io.SEEK_END)
    tail = files[-1].read()
    position = tail.rfind(END_MARK)
    if position < 0 or len(tail) - position < END.size:
        raise BadZipFile(NO_DIRECTORY)
    _, this, volume, _, _, size, offset, _ = END.unpack_from(tail, position)
    if this != len(files) - 1:
        raise BadZipFile(f"it has {this + 1:,} volumes, and {len(files):,} are listed")
    if TOO_LARGE in {size, offset}:
        volume, size, offset = _of_large(files, tail[:position])
    if volume > this or size >= TOO_LARGE:
        raise BadZipFile(NO_DIRECTORY)
    return _Directory(starts[volume] + offset, size)


def _of_large(files: Sequence[IO[bytes]], before: bytes) -> tuple[int, int, int]:
    """The directory's volume, its bytes and its offset there, from the record of a large archive."""
    if len(before) < LOCATOR.size:
        raise BadZipFile(NO_DIRECTORY)
    mark, volume, offset, _ = LOCATOR.unpack(before[-LOCATOR.size :])
    if mark != LOCATOR_MARK or volume >= len(files):
        raise BadZipFile(NO_DIRECTORY)
    files[volume].seek(offset)
    record = files[volume].read(RECORD.size)
    if len(record) < RECORD.size or not record.startswith(RECORD_MARK):
        raise BadZipFile(NO_DIRECTORY)
    _, _, where, _, _, size, begin = RECORD.unpack(record)
    return where, size, begin


def _placed(member: ZipInfo, starts: Sequence[int], directory: _Directory) -> ZipInfo:
    """The member where it stands in all volumes; its own offset counts from the begin of its volume.

    Zipfile took offsets for distances from what it was told is the begin of the archive: from the directory's.
    """
    if not 0 <= member.volume < len(starts) - 1:
        raise BadZipFile(f"{member.filename} begins in volume {member.volume + 1:,}")
    placed = ZipInfo(member.orig_filename, member.date_time)
    for name in ("filename", "compress_type", "compress_size", "file_size", "CRC", "flag_bits", "external_attr"):
        setattr(placed, name, getattr(member, name))
    placed.header_offset = member.header_offset - directory.start + starts[member.volume]
    return placed


class _Joined(io.RawIOBase):
    """Files in a row, of which the first `ends` bytes are shown, and behind them the last of `files`, whole."""

    def __init__(self, files: Sequence[IO[bytes]], starts: Sequence[int], ends: int) -> None:
        self._files = files
        self._starts = [*(min(start, ends) for start in starts[:-1]), ends]
        self._length = ends + END.size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._length}[whence]
        self._position = max(begin + offset, 0)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """As much as one file has from here on, and 0 at the end of the last."""
        number = bisect_right(self._starts, self._position) - 1
        ends = [*self._starts[1:], self._length][number]
        file = self._files[number]
        file.seek(self._position - self._starts[number])
        read = file.read(max(min(len(buffer), ends - self._position), 0))
        buffer[: len(read)] = read
        self._position += len(read)
        return len(read)
