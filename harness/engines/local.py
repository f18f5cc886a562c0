"""One machine: cells one after the other, each stage in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from harness.outcomes import Outcome
from harness.plan import Cell
from harness.results import Result

Walk = Callable[[Cell], Result]


def run(cells: Iterable[Cell], walk: Walk) -> list[Result]:
    """The results of all cells, in their order: teachers come before their students; one that fails is a row."""
    return [walk(cell) for cell in cells]


def worst(results: Iterable[Result]) -> Outcome:
    """`ok` where all cells ended well, else the first other outcome."""
    return next((result.outcome for result in results if result.outcome is not Outcome.OK), Outcome.OK)
