"""Comparisons: every analysis has its two files, and what they say is what was put in."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from types import ModuleType

import numpy as np
import pytest

from baselines.analysis.comparisons import attention, correlation, robustness, svcca
from baselines.analysis.disturbances import DISTURBANCES, DRAWS
from baselines.analysis.findings import Panel, Point
from harness.analysing import plugins

RANDOM = np.random.default_rng(0)


class Share:
    """The share of clips whose first logit is above 0."""

    measure = "share"

    def __call__(self, scores: np.ndarray) -> float:
        return float((np.asarray(scores)[:, 0] > 0).mean())


def by_place(points: Sequence[Point], panel: str) -> dict[tuple[tuple[int, ...], float | None], list[float]]:
    found: dict[tuple[tuple[int, ...], float | None], list[float]] = {}
    for point in points:
        if point.panel == panel:
            found.setdefault((point.systems, point.at), []).append(point.value)
    return found


@pytest.mark.parametrize("name", plugins.names())
def test_an_analysis_is_a_probe_and_a_comparison(name: str) -> None:
    assert list(inspect.signature(plugins.probe(name)).parameters) == ["system"]
    found = plugins.comparison(name)
    assert isinstance(found, ModuleType)
    assert isinstance(found.TITLE, str)
    panels = found.panels("macro accuracy")
    assert all(isinstance(one, Panel) for one in panels)
    assert len({one.name for one in panels}) == len(panels)
    assert any(one.drawn for one in panels)
    inspect.signature(found.compare).bind([], None)
    assert plugins.digest(name) != plugins.digest(next(one for one in plugins.names() if one != name))


def test_every_pair_is_compared_once() -> None:
    said = [{"probabilities": RANDOM.random((20, 4))} for _ in range(3)]
    found = by_place(correlation.compare(said, Share()), correlation.PANEL)
    assert found.keys() == {((0, 1), None), ((0, 2), None), ((1, 2), None)}
    expected = [np.corrcoef(said[0]["probabilities"][clip], said[2]["probabilities"][clip])[0, 1] for clip in range(20)]
    assert found[(0, 2), None] == [pytest.approx(np.mean(expected))]
    held = [{"representations": RANDOM.normal(size=(30, width))} for width in (5, 9)]
    held.append({"representations": 2 * held[0]["representations"] + 1})
    found = by_place(svcca.compare(held, Share()), svcca.PANEL)
    assert len(found) == 3
    assert found[(0, 2), None] == [pytest.approx(1)]
    assert found[(0, 1), None] == [pytest.approx(found[(1, 2), None][0])]
    assert found[(0, 1), None][0] < 0.9


def test_attention_is_the_mean_over_heads_of_each_block_and_depths_may_differ() -> None:
    deep = {"mel_bands": np.array([[10.0, 20.0], [30.0, 50.0]]), "seconds": np.array([[0.1, 0.3], [0.2, 0.2]])}
    flat = {"mel_bands": np.array([[7.0]]), "seconds": np.array([[1.5]])}
    points = attention.compare([deep, flat], Share())
    assert by_place(points, "frequency") == {((0,), 1): [15], ((0,), 2): [40], ((1,), 1): [7]}
    assert by_place(points, "time") == {((0,), 1): [0.2], ((0,), 2): [0.2], ((1,), 1): [1.5]}


def logits(share: float, *lead: int) -> np.ndarray:
    """Logits (…, 10 clips, 2 classes) of which so many clips are right."""
    return np.broadcast_to(np.where(np.arange(10)[:, None] < round(10 * share), 1.0, -1.0) * np.ones(2), (*lead, 10, 2))


def test_a_drop_is_the_share_of_the_clean_score_that_is_lost() -> None:
    arrays = {"clean": logits(0.8)}
    for disturbance in DISTURBANCES:
        levels = [[logits(0.4 if level else 0.6)] * DRAWS for level in range(len(disturbance.strengths))]
        arrays[disturbance.kind] = np.array(levels)
    points = robustness.compare([arrays], Share())
    for disturbance in DISTURBANCES:
        drops = by_place(points, f"{disturbance.title}: drop")
        scores = by_place(points, f"{disturbance.title}: score")
        first, *rest = disturbance.strengths
        assert drops[(0,), first] == pytest.approx([25] * DRAWS)
        assert scores[(0,), first] == pytest.approx([60] * DRAWS)
        assert [drops[(0,), strength] for strength in rest] == [pytest.approx([50] * DRAWS)] * len(rest)
        if disturbance.without is not None:
            assert drops[(0,), disturbance.without] == [0]
            assert scores[(0,), disturbance.without] == [80]
        assert len(drops) == len(disturbance.strengths) + (disturbance.without is not None)


def test_who_gets_nothing_right_has_nothing_to_lose() -> None:
    with pytest.raises(ValueError, match="there is nothing to lose"):
        robustness.compare([{"clean": logits(0)}], Share())
