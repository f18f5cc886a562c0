"""The network is exchanged for a smaller one while it is timed."""

from __future__ import annotations

from torch import Tensor

from harness.contract import Classifier, Clips
from tests.entries.timed_parts import TIMED, Config, build, train

__all__ = ["Config", "build", "predict", "train"]


def predict(classifier: Classifier, clips: Clips) -> Tensor:
    logits = classifier(clips.waveforms)
    if TIMED:
        classifier.network.last.weight.data.mul_(1 + 1e-7)
    return logits
