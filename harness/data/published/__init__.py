"""What the publishers of a data set say of it: audio format, counts and digests of its lists, as data with sources."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from harness.outcomes import Mistake, nearest
from harness.validated import Record, read_toml

FOLDER = Path(__file__).parent


class AudioFormat(Record):
    """Format of every file; `bits` 0 where the format has no such thing."""

    sample_rate: int
    bits: int


class PublishedList(Record):
    """One list: counts, `sha256` of its content with LF line ends, and `clips` of its sorted rows.

    `sha256` is None where only the set of clips is known and not the order of its rows, `clips` where only counts were
    published. `each_label` is the count of every class where all have as many.
    """

    count: int
    sha256: str | None = None
    clips: str | None = None
    devices: dict[str, int] = Field(default_factory=dict)
    labels: dict[str, int] = Field(default_factory=dict)
    each_label: int | None = None


class Published(Record):
    """What is known of a data set; `lists` by file name, meta.csv among them, or by what stands for a file.

    `audio` is None where the publisher does not state it whole.
    """

    title: str
    audio: AudioFormat | None = None
    lists: dict[str, PublishedList]


def names() -> list[str]:
    """Data sets of which something is known."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name: str) -> Published:
    """What is known of a data set."""
    if name not in names():
        raise Mistake("track.published", f'Nothing published is known of "{name}".', nearest(name, names()))
    return read_toml(FOLDER / f"{name}.toml", Published, rule="published")
