"""The process ends in the middle of a sitting."""

from __future__ import annotations

import os
from itertools import count

from torch import Tensor

from harness.contract import Classifier, Clips
from tests.entries.timed_parts import TIMED, Config, build, train

__all__ = ["Config", "build", "predict", "train"]

CALLS = count()


def predict(classifier: Classifier, clips: Clips) -> Tensor:
    if TIMED and next(CALLS) == 5:
        os._exit(0)
    return classifier(clips.waveforms)
