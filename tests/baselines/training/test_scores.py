"""What a training is told of clips that it does not learn from."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from baselines.training.scores import mean_average_precision


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_mean_average_precision_is_scikit_learn_s(seed: int, *, ties: bool) -> None:
    random = np.random.default_rng(seed)
    logits = np.round(random.normal(size=(120, 6)), 0 if ties else 9)
    labels = random.random((120, 6)) < 0.2
    labels[:, 3] = False
    expected = [average_precision_score(labels[:, at], logits[:, at]) for at in (0, 1, 2, 4, 5)]
    found = mean_average_precision(torch.from_numpy(logits), torch.from_numpy(labels))
    assert found == pytest.approx(np.mean(expected), abs=1e-6)


def test_without_any_label_there_is_no_precision() -> None:
    assert mean_average_precision(torch.zeros(3, 2), torch.zeros(3, 2)) == 0
