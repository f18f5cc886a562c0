"""Ranking: the order of a board's rows by its track's rule. The one place where ranks are computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from harness.statistics.estimates import Sample
from harness.tracks import Ranking
from leaderboard.rows import Cost, Row

WEIGHTS: Mapping[str, Fraction] = MappingProxyType(
    {"accuracy": Fraction(1, 2), "bytes": Fraction(1, 4), "macs": Fraction(1, 4)}
)
"""Weights of the ranks by macro accuracy, parameter bytes and MACs in the rule of 2023; no rules seen confirm them."""

Floats = NDArray[np.float64]

HIGHER_IS_BETTER = frozenset({"macro_accuracy", "mean_of_splits", "mean_average_precision"})


def ranked(rows: Sequence[Row], ranking: Ranking) -> tuple[Row, ...]:
    """The rows with rank and score, best first; rows of one score share the better rank and stand by name."""
    scores = scores_by_rule(ranking, rows)
    ranks = competition_ranks(scores, higher_is_better=ranking.rule in HIGHER_IS_BETTER)
    placed = [replace(row, rank=rank, score=score) for row, rank, score in zip(rows, ranks, scores, strict=True)]
    return tuple(sorted(placed, key=lambda row: (row.rank or 0, row.name, row.settings)))


def scores_by_rule(ranking: Ranking, rows: Sequence[Row]) -> list[float]:
    """The number that each row is ranked by."""
    if ranking.rule == "log_loss":
        return [row.others["log_loss"].value for row in rows]
    if ranking.rule == "weighted_rank":
        return weighted_ranks(rows)
    return [_main(row) for row in rows]


def drawn(ranking: Ranking, rows: Sequence[Row], samples: Sequence[Sample]) -> tuple[Floats, Floats]:
    """(rows,) and (resamples, rows): the number that rows are ranked by, on the clips and on every draw of them.

    `samples` are main scores, or log losses where those rank. For the weighted rank the rows are ranked anew on
    every draw; what they cost stays.
    """
    values = np.array([sample.value for sample in samples])
    replicates = np.stack([sample.replicates for sample in samples], axis=1).astype(np.float64)
    if ranking.rule != "weighted_rank":
        return values, replicates
    from scipy.stats import rankdata  # noqa: PLC0415 - it takes seconds to load, and one rule needs it

    figures = {"bytes": [_cost(row).parameter_bytes for row in rows], "macs": [_cost(row).macs for row in rows]}
    fixed = np.zeros(len(rows))
    for figure, cost in figures.items():
        fixed += float(WEIGHTS[figure]) * np.array(competition_ranks(cost, higher_is_better=False))
    by_accuracy = np.asarray(rankdata(-replicates, method="min", axis=1), dtype=np.float64)
    return np.array(weighted_ranks(rows)), fixed + float(WEIGHTS["accuracy"]) * by_accuracy


def weighted_ranks(rows: Sequence[Row]) -> list[float]:
    """Weighted mean of each row's ranks by macro accuracy (higher is better), bytes and MACs (smaller is better)."""
    by_figure = {
        "accuracy": competition_ranks([_main(row) for row in rows], higher_is_better=True),
        "bytes": competition_ranks([_cost(row).parameter_bytes for row in rows], higher_is_better=False),
        "macs": competition_ranks([_cost(row).macs for row in rows], higher_is_better=False),
    }
    return [
        float(sum(weight * by_figure[figure][index] for figure, weight in WEIGHTS.items()))
        for index in range(len(rows))
    ]


def _main(row: Row) -> float:
    assert row.main is not None, f"{row.name} is incomplete"  # noqa: S101 - eligibility sees to it
    return row.main.value


def _cost(row: Row) -> Cost:
    assert row.cost is not None, f"{row.name} was not counted"  # noqa: S101 - eligibility sees to it
    return row.cost


def competition_ranks(values: Sequence[float], *, higher_is_better: bool) -> list[int]:
    """1 + the number of values that are better: equal values share the better rank, and the next ones are skipped.

    >>> competition_ranks([0.5, 0.7, 0.5, 0.1], higher_is_better=True)
    [2, 1, 2, 4]
    """
    order = sorted(values, reverse=higher_is_better)
    return [order.index(value) + 1 for value in values]
