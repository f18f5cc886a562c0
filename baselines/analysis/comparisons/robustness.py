"""What systems lose where test clips are disturbed, by kind and strength (paper 003, figures 4 and 5).

The paper shows the "performance drop (%)" without a formula. Here it is relative, a share of the score on clean clips;
the scores themselves stand in the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from baselines.analysis.disturbances import CLEAN, DISTURBANCES, Disturbance
from baselines.analysis.findings import Arrays, Panel, Point, Score

TITLE = "Robustness"


def panels(measure: str) -> tuple[Panel, ...]:
    """Drops, which are drawn, then the scores."""
    drops = [Panel(_drop(one), f"{one.title}: drop of {measure}, % of clean", one.of) for one in DISTURBANCES]
    scores = [Panel(_score(one), f"{measure}, %", one.of, drawn=False) for one in DISTURBANCES]
    return (*drops, *scores)


def compare(probed: Sequence[Arrays], score: Score) -> list[Point]:
    """Of every system, kind and strength, a point for each draw, and one where nothing is disturbed.

    Raises ValueError where a system gets nothing right that it could lose.
    """
    return [
        point
        for system, one in enumerate(probed)
        for disturbance in DISTURBANCES
        for point in _points(system, disturbance, one, score)
    ]


def _points(system: int, disturbance: Disturbance, arrays: Arrays, score: Score) -> Iterator[Point]:
    clean = score(arrays[CLEAN])
    if clean <= 0:
        raise ValueError(f"on clean clips a system has a {score.measure} of 0: there is nothing to lose")
    kept = [] if disturbance.without is None else [(disturbance.without, clean)]
    by_strength = zip(disturbance.strengths, arrays[disturbance.kind], strict=True)
    for at, value in [*kept, *((at, score(logits)) for at, draws in by_strength for logits in draws)]:
        yield Point(_drop(disturbance), (system,), 100 * (clean - value) / clean, at)
        yield Point(_score(disturbance), (system,), 100 * value, at)


def _drop(disturbance: Disturbance) -> str:
    return f"{disturbance.title}: drop"


def _score(disturbance: Disturbance) -> str:
    return f"{disturbance.title}: score"
