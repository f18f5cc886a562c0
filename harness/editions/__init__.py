"""Editions: the rule set of one year of DCASE Task 1, as data.

Every figure carries where it was seen. What no stored copy of the rules confirms is marked `unconfirmed` and stays so
until a person has checked it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Generic, Literal, TypeVar

from harness.outcomes import Mistake, nearest
from harness.validated import Record, read_toml

Value = TypeVar("Value")

FOLDER = Path(__file__).parent


class Fact(Record, Generic[Value]):
    """A figure of the rules, how sure it is, and where it was seen."""

    value: Value
    status: Literal["primary", "derived", "secondary", "unconfirmed"]
    source: str


class Limits(Record):
    """What a network may cost for one 1 s clip. A figure at the limit passes (organisers' checker of 2025: `<=`)."""

    macs: Fact[int]
    parameter_bytes: Fact[int]
    parameters: Fact[int] | None = None


class PackageFormat(Record):
    """What a challenge package holds.

    `outputs`: endings of a system's output files, one a training split, or one without a split. `audio_prefix`: clips
    are named with `audio/`. `meta`: whether the keys of the meta file are known. `inference`: an installable package
    with the system is asked for.
    """

    outputs: Fact[tuple[str, ...]]
    audio_prefix: Fact[bool]
    meta: Fact[bool]
    inference: Fact[bool]


class Edition(Record):
    """One year's rules. `device_revealed`: the test clips' device ids are known to the system."""

    name: str
    year: int
    title: str
    limits: Limits
    official_counter: Fact[str]
    zeros_count: Fact[bool]
    device_revealed: Fact[bool]
    external_data: Fact[str]
    systems_per_team: Fact[int]
    package: PackageFormat


def names() -> list[str]:
    """Names of the editions this project knows."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


@cache
def load(name: str) -> Edition:
    """The edition called `name`; `Mistake` with the nearest name where there is none."""
    if name not in names():
        raise Mistake("edition.unknown", f'There is no edition "{name}".', nearest(name, names()))
    return read_toml(FOLDER / f"{name}.toml", Edition, rule="edition")
