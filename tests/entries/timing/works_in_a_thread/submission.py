"""A thread that was started at import does the work, after the answer was given."""

from __future__ import annotations

import threading
from queue import Queue

import torch
from torch import Tensor

from harness.contract import Classifier, Clips
from tests.entries.timed_parts import TIMED, Config, build, train

__all__ = ["Config", "build", "predict", "train"]


WORK: Queue[tuple[Classifier, Tensor, Tensor]] = Queue()


def _work() -> None:
    while True:
        classifier, waveforms, logits = WORK.get()
        with torch.inference_mode():
            logits.copy_(classifier(waveforms))


if TIMED:
    threading.Thread(target=_work, daemon=True).start()


def predict(classifier: Classifier, clips: Clips) -> Tensor:
    if not TIMED:
        return classifier(clips.waveforms)
    logits = torch.zeros(len(clips.waveforms), 3)
    WORK.put((classifier, clips.waveforms, logits))
    return logits
