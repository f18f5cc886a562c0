"""How far the blocks of transformers look, in frequency and in time (paper 003, figure 6)."""

from __future__ import annotations

from collections.abc import Sequence

from baselines.analysis.findings import Arrays, Panel, Point, Score

TITLE = "Mean attention distance"


def panels(_measure: str) -> tuple[Panel, ...]:
    """Frequency over time, as in the figure."""
    return (
        Panel("frequency", "mean attention distance in frequency, mel bands", "block"),
        Panel("time", "mean attention distance in time, s", "block"),
    )


def compare(probed: Sequence[Arrays], _score: Score) -> list[Point]:
    """Of every system and block, counted from 1: the mean over heads."""
    return [
        Point(panel, (system,), float(distance), float(block))
        for system, one in enumerate(probed)
        for panel, name in (("frequency", "mel_bands"), ("time", "seconds"))
        for block, distance in enumerate(one[name].mean(1), start=1)
    ]
