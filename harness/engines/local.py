"""One machine: cells one after the other, each stage in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from harness.cell import Ready
from harness.outcomes import Outcome
from harness.results import Result

Walk = Callable[[Ready], Result]


def run(cells: Iterable[Ready], walk: Walk) -> list[Result]:
    """The results of all cells; a cell that fails is a row, and the next one is walked all the same."""
    return [walk(ready) for ready in cells]


def worst(results: Iterable[Result]) -> Outcome:
    """`ok` where all cells ended well, else the first other outcome."""
    return next((result.outcome for result in results if result.outcome is not Outcome.OK), Outcome.OK)
