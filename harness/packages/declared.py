"""What `submission.toml` declares for a challenge package and no run can tell: the tables `[challenge…]`.

They decide no number: they are left out of the entry's digest, and editing them trains nothing again.
"""

from __future__ import annotations

import re
import tomllib
from typing import Annotated, Self

from pydantic import Field, model_validator

from harness.validated import Record

Text = Annotated[str, Field(min_length=1)]
Tags = tuple[Text, ...]

TABLE = re.compile(r"""^\s*\[+\s*["']?(?P<name>[A-Za-z0-9_-]+)""")


class Affiliation(Record):
    """Where an author works; `abbreviation` is part of the systems' labels."""

    institute: Text
    abbreviation: Text
    department: str | None = None
    location: str | None = None


class Person(Record):
    """An author as a challenge wants to know them."""

    last_name: Text
    first_name: Text
    email: Text
    affiliation: Affiliation
    corresponding: bool = False


class Description(Record):
    """What a system does, in tags; the keys of the 2024 meta file."""

    acoustic_features: Tags = ()
    data_augmentation: Tags = ()
    machine_learning_method: Tags = ()
    external_data_usage: Tags = ()
    complexity_management: Tags = ()
    pipeline: Tags = ()
    framework: Tags = ("pytorch",)
    split_adaptations: Tags = ()
    system_adaptations: Tags = ()


class SystemDeclared(Record):
    """What differs for one system."""

    name: str | None = None
    abbreviation: Annotated[str, Field(max_length=10)] | None = None
    description: Description | None = None


class Challenge(Record):
    """The tables `[challenge]`, `[[challenge.authors]]`, `[challenge.description]` and `[challenge.systems.NAME]`."""

    name: Text
    abbreviation: Annotated[str, Field(min_length=1, max_length=10)]
    authors: tuple[Person, ...] = Field(min_length=1)
    description: Description = Description()
    systems: dict[str, SystemDeclared] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_corresponds(self) -> Self:
        count = sum(one.corresponding for one in self.authors)
        if count != 1:
            raise ValueError(f"exactly one author is corresponding = true, not {count}")
        return self

    @property
    def corresponding(self) -> Person:
        return next(one for one in self.authors if one.corresponding)


def left_out(text: str) -> str:
    """The text of a submission.toml as it would be without its tables of the challenge.

    The whole text where it is no TOML, or says in some other way than in tables of its own what it declares: editing
    that trains again.
    """
    kept = _without_tables(text)
    try:
        whole, rest = tomllib.loads(text), tomllib.loads(kept)
    except tomllib.TOMLDecodeError:
        return text
    return kept if {key: value for key, value in whole.items() if key != "challenge"} == rest else text


def _without_tables(text: str) -> str:
    """The lines outside the challenge's tables; without the comments and empty lines right above the first of them."""
    kept: list[str] = []
    gap: list[str] = []
    inside = False
    for line in text.splitlines(keepends=True):
        table = TABLE.match(line)
        if table and table["name"] == "challenge" and not inside:
            inside = True
            while kept and (not kept[-1].strip() or kept[-1].lstrip().startswith("#")):
                gap.insert(0, kept.pop())
        elif table and table["name"] != "challenge" and inside:
            kept += [line for line in gap if not line.strip()]
            gap, inside = [], False
        if not inside:
            kept.append(line)
    return "".join(kept)
