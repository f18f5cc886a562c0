"""What a system thinks of every test clip (paper 003, table 6)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from harness.contract import Probed


def probe(system: Probed) -> dict[str, NDArray[np.float32]]:
    """`probabilities` (clips, classes): softmax of the logits; their sigmoid where a clip may have several labels."""
    found = [_probabilities(system, system.predict(clips)) for _, clips in system.batches()]
    return {"probabilities": np.concatenate(found)}


def _probabilities(system: Probed, logits: Tensor) -> NDArray[np.float32]:
    logits = logits.float()
    found = logits.sigmoid() if system.task.multi_label else logits.softmax(1)
    return np.asarray(found.cpu().numpy(), dtype=np.float32)
