"""What can be downloaded by name: where it is, under which licence, and what its bytes must be."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import get_args

from pydantic import Field, field_validator, model_validator

from harness.data.server import Digest, DigestKind
from harness.outcomes import Mistake, nearest
from harness.validated import Record, read_toml

FOLDER = Path(__file__).parent


class Expected(Record):
    """What an archive without a published digest must hold: a list of so many rows, and every file it names."""

    list: str
    column: str
    folder: str
    rows: int


class Piece(Record):
    """What is fetched under a name: its bytes and one digest, where they are published."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    bytes: int | None = Field(default=None, gt=0)
    md5: str | None = Field(default=None, pattern=r"^[0-9a-f]{32}$")
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    git_blob: str | None = Field(default=None, pattern=r"^[0-9a-f]{40}$")

    @model_validator(mode="after")
    def _has_one_digest(self) -> Piece:
        if sum(value is not None for value in (self.md5, self.sha256, self.git_blob)) > 1:
            raise ValueError("more than one digest is given")
        return self

    @property
    def digest(self) -> Digest | None:
        """The digest that is given, if any."""
        values = {kind: getattr(self, kind) for kind in get_args(DigestKind)}
        return next((Digest(kind, value) for kind, value in values.items() if value), None)


class File(Piece):
    """One file, and what becomes of it.

    An archive is unpacked into `folder`, without its own folder `root`; any other file is put there. A zip archive in
    volumes is called after its last one, `.zip`; `volumes` are those before it, in their order.
    """

    unpack: bool = False
    volumes: tuple[Piece, ...] = ()
    root: str | None = None
    folder: str = "."
    expect: Expected | None = None

    @field_validator("folder")
    @classmethod
    def _stays_inside(cls, value: str) -> str:
        if PurePosixPath(value).is_absolute() or ".." in PurePosixPath(value).parts:
            raise ValueError("leads out of the folder that is downloaded into")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> File:
        if (self.root or self.expect or self.volumes) and not self.unpack:
            raise ValueError("root, expect and volumes are for archives, and unpack is not set")
        stem = self.name.removesuffix(".zip")
        in_order = [f"{stem}.z{number:02}" for number in range(1, len(self.volumes) + 1)]
        if self.volumes and (stem == self.name or [volume.name for volume in self.volumes] != in_order):
            raise ValueError("volumes are those of a zip archive, in their order: .z01, .z02, …, and .zip by itself")
        return self

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """All that is fetched of it: the volumes before it, and itself."""
        return (*self.volumes, self)


class Download(Record):
    """What has a name and can be downloaded, as its TOML file has it.

    `{name}` in `url` stands for the name of a file; `unpacked_bytes` is what all archives hold together.
    """

    title: str
    licence: str
    url: str = Field(pattern=r"^https?://.*\{name\}")
    unpacked_bytes: int | None = Field(default=None, gt=0)
    files: tuple[File, ...]

    @field_validator("files")
    @classmethod
    def _names_differ(cls, value: tuple[File, ...]) -> tuple[File, ...]:
        if not value:
            raise ValueError("names no file")
        pieces = [piece.name for file in value for piece in file.pieces]
        if len(set(pieces)) != len(pieces):
            raise ValueError("a file stands twice")
        return value

    @property
    def bytes(self) -> int | None:
        """Bytes of all files together, where every one is known."""
        sizes = [piece.bytes for piece in self.pieces if piece.bytes is not None]
        return sum(sizes) if len(sizes) == len(self.pieces) else None

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """All that is fetched."""
        return tuple(piece for file in self.files for piece in file.pieces)


def names() -> list[str]:
    """Names of what can be downloaded."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name: str) -> Download:
    """What is downloaded under a name; `Mistake` where there is no such name."""
    if name not in names():
        raise Mistake("download.unknown", f'There is no download "{name}".', nearest(name, names()))
    return read_toml(FOLDER / f"{name}.toml", Download, rule="download")
