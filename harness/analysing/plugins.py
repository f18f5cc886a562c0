"""Analyses by name: plug-ins that are imported when they are asked for, as entries are.

A probe runs in a stage's process, a comparison in the parent, which never imports torch.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from numpy.typing import NDArray

from harness.analysing.judging import Score
from harness.entry import baselines_of
from harness.files import digest_of_files
from harness.outcomes import Mistake, nearest

PROBES = "baselines.analysis.probes"
COMPARISONS = "baselines.analysis.comparisons"

Arrays = Mapping[str, NDArray[Any]]
Probe = Callable[[Any], Arrays]
"""From a `contract.Probed` to arrays by name; importing the contract would import torch."""


class Panel(Protocol):
    """A part of a figure: the titles of its axes, and whether it is drawn or stands in tables only."""

    @property
    def name(self) -> str: ...
    @property
    def y(self) -> str: ...
    @property
    def x(self) -> str | None: ...
    @property
    def drawn(self) -> bool: ...


class Point(Protocol):
    """A number of a panel, of the systems at some places of the list."""

    @property
    def panel(self) -> str: ...
    @property
    def systems(self) -> tuple[int, ...]: ...
    @property
    def value(self) -> float: ...
    @property
    def at(self) -> float | None: ...


class Comparison(Protocol):
    """The module of a comparison: what the arrays of several systems mean. ValueError: they mean nothing."""

    TITLE: str

    def panels(self, measure: str, /) -> Sequence[Panel]: ...

    def compare(self, probed: Sequence[Arrays], score: Score, /) -> Sequence[Point]: ...


def names() -> list[str]:
    """Every analysis that there is."""
    found = importlib.util.find_spec(PROBES)
    places = found.submodule_search_locations if found else None
    return sorted(module.name for module in pkgutil.iter_modules(places or []))


def require(name: str) -> None:
    """Raises `Mistake` where there is no analysis of that name."""
    if name not in names():
        raise Mistake("analysis.unknown", f'There is no analysis "{name}".', nearest(name, names()))


def probe(name: str) -> Probe:
    """What a trained system is asked; imports torch."""
    return cast("Probe", importlib.import_module(f"{PROBES}.{name}").probe)


def comparison(name: str) -> Comparison:
    """What the answers mean."""
    return cast("Comparison", importlib.import_module(f"{COMPARISONS}.{name}"))


def digest(name: str) -> str:
    """A digest of the files that decide what a probe returns."""
    spec = importlib.util.find_spec(f"{PROBES}.{name}")
    assert spec is not None  # noqa: S101 - its name was found in this folder
    assert spec.origin is not None  # noqa: S101
    file = Path(spec.origin)
    return digest_of_files([(name, file), *baselines_of([file])])
