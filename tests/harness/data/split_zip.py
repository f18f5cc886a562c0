"""A zip archive cut into volumes, as `zip -s` would: written from PKWARE's APPNOTE, apart from what reads it."""

from __future__ import annotations

import io
import struct
import zipfile

MARK = b"PK\x07\x08"


def cut(content: bytes, name: str, size: int) -> dict[str, bytes]:
    """The volumes of a zip archive by name, each of `size` bytes but the last: `set.z01`, `set.z02`, …, `set.zip`."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        offsets = [member.header_offset + len(MARK) for member in archive.infolist()]
        begin = archive.start_dir + len(MARK)
    rest = bytearray(MARK + content)
    end = rest.rindex(b"PK\x05\x06")
    position = begin
    for offset in offsets:
        struct.pack_into("<H", rest, position + 34, offset // size)
        struct.pack_into("<L", rest, position + 42, offset % size)
        position += 46 + sum(struct.unpack_from("<3H", rest, position + 28))
    pieces = [bytes(rest[start : min(start + size, end)]) for start in range(0, end, size)]
    here, where = len(pieces) - 1, begin // size
    pieces[-1] += struct.pack("<4s4H2LH", b"PK\x05\x06", here, where, *2 * [len(offsets)], end - begin, begin % size, 0)
    return {f"{name}.z{k + 1:02}" if k < here else f"{name}.zip": piece for k, piece in enumerate(pieces)}
