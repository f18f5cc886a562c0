"""The meta file of a system as a record: the keys of the 2024 template; filled from what was declared and measured.

Where an edition has one output, its results stand in one block in place of one a split; the keys of 2022, 2023 and 2025
were not seen (docs/packages.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, create_model

from harness.complexity.limits import held_bytes
from harness.editions import Edition
from harness.entry import ExternalData
from harness.outcomes import Mistake
from harness.packages.declared import Challenge, Description, Tags
from harness.packages.labels import Label
from harness.results import Result
from harness.scoring import ClassScore, PartScore, Scores
from harness.validated import Record

Words = str | int | float | None
"""What a template leaves open: a rate may be written 32000 or 32kHz."""

Count = Annotated[int, Field(ge=0)]
Percent = Annotated[float, Field(ge=0, le=100)]

SPLIT = "output."
"""What an output's ending begins with; what follows is the block of its results: `split_5`."""


class Affiliation(Record):
    abbreviation: str
    institute: str
    department: Words = None
    location: Words


class Author(Record):
    lastname: str
    firstname: str
    email: str
    corresponding: StrictBool
    affiliation: Affiliation


class About(Record):
    """Who submits what."""

    label: str
    name: str
    abbreviation: Annotated[str, Field(max_length=10)]
    authors: Annotated[tuple[Author, ...], Field(min_length=1)]


class Tagged(Record):
    """What the system does, in tags with commas between them."""

    input_sampling_rate: Words
    acoustic_features: Words
    data_augmentation: Words
    machine_learning_method: Words
    external_data_usage: Words
    complexity_management: Words
    pipeline: Words
    framework: Words
    split_adaptations: Words
    system_adaptations: Words


class Cost(Record):
    """Bytes of the weights, their number, and multiply-accumulates of one clip, as the organisers count."""

    total_model_size: Count
    total_parameters: Count
    macs: Count


class External(Record):
    name: str
    url: Words
    total_audio_length: float | None


class Of(Record):
    """What the system is."""

    description: Tagged
    complexity: Cost
    external_datasets: tuple[External, ...] | None
    source_code: Words


class Pair(Record):
    """Accuracy in per cent."""

    logloss: Annotated[float, Field(ge=0)] | None
    accuracy: Percent | None


class Block(Record):
    """Scores on the development test set."""

    overall: Pair
    class_wise: dict[str, Pair] | None
    device_wise: dict[str, Pair] | None


class Meta(Record):
    """A meta file whose results are blocks by split, or one block."""

    submission: About
    system: Of
    results: Any


def model(edition: Edition) -> type[Meta]:
    """The record of an edition's meta files: results have the blocks of its outputs."""
    splits = [ending.removeprefix(SPLIT) for ending in edition.package.outputs.value if ending.startswith(SPLIT)]
    fields: dict[str, Any] = dict.fromkeys(splits, (Block | None, ...))
    block = create_model("Splits", __base__=Record, **fields) if splits else Block
    results = create_model("Results", __base__=Record, development_dataset=(block, ...))
    return create_model("MetaOf", __base__=Meta, results=(results, ...))


def filled(
    label: Label, challenge: Challenge, system: str, found: Mapping[str, Result | None], sample_rate: int,
    cost: Mapping[str, int], external: Literal["none"] | Sequence[ExternalData], source_code: str | None,
) -> dict[str, Any]:  # fmt: skip
    """The meta file of a system from its results, by the endings of its outputs; what is not there is null."""
    own = challenge.systems.get(system)
    description = own.description if own and own.description else challenge.description
    return {
        "submission": {
            "label": str(label),
            "name": (own.name if own else None) or challenge.name,
            "abbreviation": (own.abbreviation if own else None) or challenge.abbreviation,
            "authors": [
                {
                    "lastname": one.last_name, "firstname": one.first_name, "email": one.email,
                    "corresponding": one.corresponding,
                    "affiliation": {
                        "abbreviation": one.affiliation.abbreviation, "institute": one.affiliation.institute,
                        "department": one.affiliation.department, "location": one.affiliation.location,
                    },
                }
                for one in challenge.authors
            ],
        },
        "system": {
            "description": _tagged(description, sample_rate),
            "complexity": dict(cost),
            "external_datasets": _external(external),
            "source_code": source_code,
        },
        "results": {"development_dataset": _blocks(found)},
    }  # fmt: skip


def _external(declared: Literal["none"] | Sequence[ExternalData]) -> list[dict[str, Any]] | None:
    if isinstance(declared, str):
        return None
    return [{"name": one.name, "url": one.url, "total_audio_length": one.total_audio_minutes} for one in declared]


def _tagged(description: Description, sample_rate: int) -> dict[str, str | None]:
    known: dict[str, Tags] = {"input_sampling_rate": (f"{sample_rate / 1000:g}kHz",), **dict(description)}
    return {key: ", ".join(known[key]) or None for key in Tagged.model_fields}


def cost(found: Iterable[Result], edition: Edition) -> dict[str, int]:
    """The most that any of the trained networks costs, as the organisers count."""
    costs = [one.complexity for one in found if one.complexity is not None]
    if not costs:
        raise Mistake("package.complexity", "A result does not say what its network costs.", "Run it again.")
    return {
        "total_model_size": max(held_bytes(one, edition) for one in costs),
        "total_parameters": max(one.official_parameters or one.parameters for one in costs),
        "macs": max(one.official_macs for one in costs),
    }


def _blocks(found: Mapping[str, Result | None]) -> dict[str, Any]:
    blocks = {ending: _block(result) if result else None for ending, result in found.items()}
    if all(ending.startswith(SPLIT) for ending in blocks):
        return {ending.removeprefix(SPLIT): block for ending, block in blocks.items()}
    return next(iter(blocks.values())) or {}


def _block(result: Result) -> dict[str, Any] | None:
    scores = result.scores
    if not isinstance(scores, Scores):
        return None
    return {
        "overall": {"logloss": round(scores.log_loss, 4), "accuracy": round(100 * scores.macro_accuracy, 2)},
        "class_wise": {name: _pair(one) for name, one in scores.per_class.items()},
        "device_wise": {name: _pair(one) for name, one in scores.per_device.items()},
    }


def _pair(one: ClassScore | PartScore) -> dict[str, float]:
    return {"logloss": round(one.log_loss, 4), "accuracy": round(100 * one.accuracy, 2)}
