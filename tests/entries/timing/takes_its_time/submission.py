"""One request takes for ever."""

from __future__ import annotations

import time

from torch import Tensor

from harness.contract import Classifier, Clips
from tests.entries.timed_parts import TIMED, Config, build, train

__all__ = ["Config", "build", "predict", "train"]


def predict(classifier: Classifier, clips: Clips) -> Tensor:
    if TIMED:
        time.sleep(1000)
    return classifier(clips.waveforms)
