"""What a comparison says, for tables and figures of any analysis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import ArrayLike, NDArray

Arrays = Mapping[str, NDArray[Any]]
"""What a probe returned, by name; clips are in the same order for all systems."""


@dataclass(frozen=True)
class Panel:
    """A part of a figure: `y` is what its points are, with the unit, and `x` what they stand over.

    Without `x` a panel has one number for each system, or pair of systems. One that is not `drawn` is in tables only.
    """

    name: str
    y: str
    x: str | None = None
    drawn: bool = True


@dataclass(frozen=True)
class Point:
    """A number of a panel: of the systems at these places of the list, one or two. Several at one `at` are runs."""

    panel: str
    systems: tuple[int, ...]
    value: float
    at: float | None = None


class Score(Protocol):
    """How well test clips are told apart, in 0…1, by what ranks the track; only the referee has the labels."""

    @property
    def measure(self) -> str:
        """What it is called: "macro accuracy", "mean average precision"."""

    def __call__(self, scores: ArrayLike) -> float:
        """Of logits or probabilities (clips, classes)."""
