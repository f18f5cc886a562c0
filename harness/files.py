"""Files that are written whole or not at all, and digests of what files and values hold."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from harness.outcomes import Mistake

CHUNK = 1 << 20


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """An open binary file that takes the place of `path` when the block ends well, and vanishes when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    """What the user keeps from others; reading it means setting it for a moment."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def write_bytes(path: Path, content: bytes) -> None:
    """`content` at `path`, whole or not at all."""
    with replacing(path) as stream:
        stream.write(content)


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401 - any JSON value
    """`value` as indented JSON at `path`, whole or not at all."""
    write_bytes(path, (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode())


def disk_mistake(error: OSError, what: str) -> Mistake:
    """The sentence for an `OSError` met while writing `what`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Mistake("disk.full", f"{what} could not be written: the disk is full.", "Free some space and run again.")
    reason = error.strerror or type(error).__name__
    return Mistake(
        "disk.unwritable", f"{what} could not be written: {reason}.", "Check the folder and its permissions."
    )


def require_writable(folder: Path, what: str) -> None:
    """Makes `folder`, or raises `Mistake` before any work that would be lost for want of it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"0")
    except OSError as error:
        raise disk_mistake(error, f"{what} {folder}") from None


def digest_of_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def digest_of_files(files: Iterable[tuple[str, Path]]) -> str:
    """SHA-256 over names and contents; the order in which the pairs come does not matter."""
    return digest_of_value(sorted((name, digest_of_file(path)) for name, path in files))


def digest_of_value(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """SHA-256 of a JSON value; the order of an object's keys does not matter."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def digest_of_path(path: Path) -> str:
    """The digest of a file, or of all files in a folder."""
    if path.is_file():
        return digest_of_file(path)
    files = (file for file in path.rglob("*") if file.is_file())
    return digest_of_files((file.relative_to(path).as_posix(), file) for file in files)


def find_path(path: Path, places: Iterable[Path]) -> Path | None:
    """Where `path` exists, looked for in `places` in their order; an absolute path is taken as it is."""
    return next(((place / path).resolve() for place in places if (place / path).exists()), None)
