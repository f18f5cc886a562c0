"""What the entries that try to beat the clock have in common: a network that takes some milliseconds, and a way to know
that it is being timed."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from harness.contract import Classifier, Clips, Task
from tests.entries.parts import Big, Config, Spectrum, train

__all__ = ["TIMED", "Big", "Config", "Spectrum", "build", "predict", "train"]

TIMED = Path("time.job.json").exists()
"""Whether this process is one that is asked by the clock: entries can find out."""


def build(config: Config, task: Task) -> Classifier:
    return Classifier(Spectrum(), Big(task.n_classes), 8000)


def predict(classifier: Classifier, clips: Clips) -> Tensor:
    """What every one of them is counted and scored by."""
    return classifier(clips.waveforms)
