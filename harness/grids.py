"""Systems from a grid, for entries whose tables have dozens: one record and its axes in place of each typed out.

[[grids]]
name = "{model}-{size}-{method}"
role = "teacher"
fields = ["model", "size"]                    # axes that are fields of `Config`
[grids.axes]
model = ["cpr", "cpm"]                        # its values are what the name shows
size = ["128k", "450k"]
method = { none = { dir = 0.0 }, dir = { dir = 0.4 } }       # a name, and the fields it sets

[[grids]]
name = "student-{models}"
needs = [{ system = "{models}-128k-dir", seeds = [0, 1, 2] }]
[grids.axes]
models = { cpr = ["cpr"], both = ["cpr", "cpm"] }            # a name, and the words it stands for in `needs`
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from harness.validated import Record

Scalar = bool | int | float | str
Axis = tuple[Scalar, ...] | dict[str, dict[str, Any] | tuple[str, ...]]


class Grid(Record):
    """Systems by the product of axes. An axis is named in braces in `name`, `title`, `description` and `needs`.

    A list axis has scalars; where `fields` names it, each is the value of that field. A table axis has names: for
    tables, the fields that they set; for lists, the words that a name stands for in `needs`, one need for each.
    """

    name: str
    axes: dict[str, Axis] = Field(min_length=1)
    fields: tuple[str, ...] = ()
    title: str = ""
    description: str = ""
    role: Literal["system", "teacher"] = "system"
    presets: tuple[str, ...] = ()
    config: dict[str, Any] = Field(default_factory=dict)
    needs: tuple[str | dict[str, Any], ...] = ()
    processes: int = 1

    @model_validator(mode="after")
    def _names_its_axes(self) -> Self:
        named = set(_names_in(self.name))
        if named != set(self.axes):
            odd = sorted(named ^ set(self.axes))[0]
            raise ValueError(f"the name is to have every axis in braces and nothing else: {odd}")
        unknown = sorted({word for text in self._texts() for word in _names_in(text)} - set(self.axes))
        if unknown:
            raise ValueError(f"{unknown[0]} in braces is no axis")
        fields = sorted(set(self.fields) - {name for name, axis in self.axes.items() if isinstance(axis, tuple)})
        if fields:
            raise ValueError(f"fields names {fields[0]}, which is no axis with a list of values")
        return self

    def _texts(self) -> Iterator[str]:
        yield from (self.title, self.description)
        for need in self.needs:
            yield from (need,) if isinstance(need, str) else (str(value) for value in need.values())

    def systems(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """(name, what `submission.toml` would say of it) for every point of the grid, the last axis fastest."""
        for point in product(*(_values(axis) for axis in self.axes.values())):
            chosen = dict(zip(self.axes, point, strict=True))
            labels = {axis: label for axis, (label, _) in chosen.items()}
            yield (
                self.name.format(**labels),
                {
                    "title": self.title.format(**labels),
                    "description": self.description.format(**labels),
                    "role": self.role,
                    "presets": self.presets,
                    "config": self._config(chosen),
                    "needs": [need for template in self.needs for need in _needs(template, chosen)],
                    "processes": self.processes,
                },
            )

    def _config(self, chosen: Mapping[str, tuple[str, Any]]) -> dict[str, Any]:
        config = dict(self.config)
        for axis, (_, value) in chosen.items():
            if axis in self.fields:
                config[axis] = value
            elif isinstance(value, dict):
                config.update(value)
        return config


def _values(axis: Axis) -> list[tuple[str, Any]]:
    """(what the name shows, what it stands for)."""
    return list(axis.items()) if isinstance(axis, dict) else [(str(value), value) for value in axis]


def _needs(template: str | dict[str, Any], chosen: Mapping[str, tuple[str, Any]]) -> Iterator[dict[str, Any]]:
    """One need for each combination of the words that the axes in it stand for."""
    need = {"system": template} if isinstance(template, str) else template
    used = sorted({word for value in need.values() if isinstance(value, str) for word in _names_in(value)})
    words = [value if isinstance(value, tuple) else (label,) for label, value in (chosen[name] for name in used)]
    for combination in product(*words):
        labels = dict(zip(used, combination, strict=True))
        yield {key: value.format(**labels) if isinstance(value, str) else value for key, value in need.items()}


def _names_in(text: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
