"""Two answers of three come from a smaller network while it is timed."""

from __future__ import annotations

from itertools import count

import torch
from torch import Tensor

from harness.contract import Classifier, Clips
from tests.entries.timed_parts import TIMED, Config, build, train

__all__ = ["Config", "build", "predict", "train"]


CALLS = count()


def predict(classifier: Classifier, clips: Clips) -> Tensor:
    features = classifier.frontend(clips.waveforms)
    if TIMED and next(CALLS) % 3:
        return features.mean((1, 2, 3))[:, None].expand(-1, 3) * torch.tensor([1.0, 0.5, 0.2])
    return classifier.network(features)
