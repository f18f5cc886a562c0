"""How alike the predictions of systems are, pair by pair (paper 003, table 6, upper part)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from baselines.analysis.findings import Arrays, Panel, Point, Score
from baselines.analysis.similarity import prediction_correlation

TITLE = "Correlation of predictions"
PANEL = "prediction correlation"


def panels(_measure: str) -> tuple[Panel, ...]:
    """One number a pair."""
    return (Panel(PANEL, "Pearson correlation of probabilities, mean over clips"),)


def compare(probed: Sequence[Arrays], _score: Score) -> list[Point]:
    """Of every pair; raises ValueError where one says the same of every class."""
    said = [one["probabilities"] for one in probed]
    pairs = combinations(range(len(said)), 2)
    return [Point(PANEL, (a, b), prediction_correlation(said[a], said[b])) for a, b in pairs]
