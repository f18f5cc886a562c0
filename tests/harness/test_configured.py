"""Configurations: what an entry gets is what is recorded of it, for the record is the cell's name."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, field_validator

from harness import contract
from harness.child.entries import configured
from harness.outcomes import Mistake


class Teaching(BaseModel):
    """A part with a default that an entry might take for "not said"."""

    tau: float = 1.0


class Config(contract.Config):
    width: int = 3
    rates: tuple[float, ...] = (0.1, 0.2)
    teaching: Teaching | None = None
    file: Path | None = None


@pytest.mark.parametrize(
    ("one", "other"),
    [({}, {"width": 3}), ({"teaching": {}}, {"teaching": {"tau": 1.0}}), ({"file": None}, {"rates": [0.1, 0.2]})],
)
def test_configurations_that_are_recorded_alike_are_alike_in_every_way(one: dict, other: dict) -> None:  # type: ignore[type-arg]
    first, second = configured(Config, one), configured(Config, other)
    assert first == second
    assert first.model_fields_set == second.model_fields_set
    parts = [config.teaching.model_fields_set for config in (first, second) if config.teaching]  # type: ignore[attr-defined]
    assert all(part == {"tau"} for part in parts)


def test_paths_and_tuples_come_back_as_what_they_are() -> None:
    config = configured(Config, {"file": "data/weights.pth", "rates": [1, 2]})
    assert (config.file, config.rates) == (Path("data/weights.pth"), (1.0, 2.0))  # type: ignore[attr-defined]


class Growing(contract.Config):
    width: int = 3
    depth: int = 1

    @field_validator("width")
    @classmethod
    def _one_more(cls, value: int) -> int:
        return value + 1


def test_a_configuration_that_is_another_when_it_is_read_again_is_refused() -> None:
    with pytest.raises(Mistake, match=r"read again from its record: width") as caught:
        configured(Growing, {"depth": 2})
    assert caught.value.rule == "config.record"


def test_a_configuration_that_does_not_fit_is_refused_by_its_key() -> None:
    with pytest.raises(Mistake, match='unknown key "widht"'):
        configured(Config, {"widht": 3})
