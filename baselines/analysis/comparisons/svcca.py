"""How alike the representations of systems are, pair by pair (paper 003, table 6, lower part)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from baselines.analysis.findings import Arrays, Panel, Point, Score
from baselines.analysis.similarity import svcca

TITLE = "Similarity of representations"
PANEL = "SVCCA"


def panels(_measure: str) -> tuple[Panel, ...]:
    """One number a pair."""
    return (Panel(PANEL, "SVCCA over the directions of 30 % of the variance"),)


def compare(probed: Sequence[Arrays], _score: Score) -> list[Point]:
    """Of every pair; raises ValueError where a representation is the same for all clips."""
    held = [one["representations"] for one in probed]
    pairs = combinations(range(len(held)), 2)
    return [Point(PANEL, (a, b), svcca(held[a], held[b])) for a, b in pairs]
