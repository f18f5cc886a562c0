"""What comparisons are told of how well clips are told apart, against scikit-learn."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, balanced_accuracy_score

from harness.analysing.judging import Score, measure

RANDOM = np.random.default_rng(0)


def track(*, multi_label: bool) -> Any:
    return SimpleNamespace(labels=("a", "b", "c"), multi_label=multi_label)


def test_one_label_a_clip_is_judged_by_macro_accuracy() -> None:
    logits, labels = RANDOM.normal(size=(60, 3)), RANDOM.integers(0, 3, 60)
    one = track(multi_label=False)
    assert Score(labels, one)(logits) == pytest.approx(balanced_accuracy_score(labels, logits.argmax(1)))
    assert Score(labels, one).measure == measure(one) == "macro accuracy"


def test_several_labels_are_judged_by_mean_average_precision() -> None:
    logits, labels = RANDOM.normal(size=(60, 3)), RANDOM.random((60, 3)) < 0.3
    several = track(multi_label=True)
    assert Score(labels, several)(logits) == pytest.approx(average_precision_score(labels, logits))
    assert measure(several) == "mean average precision"
    with pytest.raises(ValueError, match="no test clip has a label"):
        Score(np.zeros((60, 3), dtype=bool), several)(logits)
