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


class File(Record):
    """One file: its bytes and one digest where they are published, and what becomes of it.

    An archive is unpacked into `folder`, without its own folder `root`; any other file is put there.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    bytes: int | None = Field(default=None, gt=0)
    md5: str | None = Field(default=None, pattern=r"^[0-9a-f]{32}$")
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    git_blob: str | None = Field(default=None, pattern=r"^[0-9a-f]{40}$")
    unpack: bool = False
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
        if sum(value is not None for value in (self.md5, self.sha256, self.git_blob)) > 1:
            raise ValueError("more than one digest is given")
        if (self.root or self.expect) and not self.unpack:
            raise ValueError("root and expect are for archives, and unpack is not set")
        return self

    @property
    def digest(self) -> Digest | None:
        """The digest that is given, if any."""
        values = {kind: getattr(self, kind) for kind in get_args(DigestKind)}
        return next((Digest(kind, value) for kind, value in values.items() if value), None)


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
        if len({file.name for file in value}) != len(value):
            raise ValueError("a file stands twice")
        return value

    @property
    def bytes(self) -> int | None:
        """Bytes of all files together, where every one is known."""
        sizes = [file.bytes for file in self.files if file.bytes is not None]
        return sum(sizes) if len(sizes) == len(self.files) else None


def names() -> list[str]:
    """Names of what can be downloaded."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name: str) -> Download:
    """What is downloaded under a name; `Mistake` where there is no such name."""
    if name not in names():
        raise Mistake("download.unknown", f'There is no download "{name}".', nearest(name, names()))
    return read_toml(FOLDER / f"{name}.toml", Download, rule="download")
