"""How well test clips are told apart, for comparisons: they hand in logits and never see the labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from harness import multilabel, scoring
from harness.data.dataset import Labels
from harness.tracks import Track


@dataclass(frozen=True)
class Score:
    """Macro-average accuracy; mean average precision where clips have several labels. In 0…1.

    `labels` are those of the clips in the order of the logits.
    """

    labels: Labels
    track: Track

    @property
    def measure(self) -> str:
        return measure(self.track)

    def __call__(self, scores: ArrayLike) -> float:
        """Of logits (clips, classes). Raises ValueError where no clip has a label."""
        names = self.track.labels
        if not self.track.multi_label:
            return scoring.score(scores, np.asarray(self.labels, dtype=np.int64), None, names, {}).macro_accuracy
        found = multilabel.score(scores, self.labels, names).mean_average_precision
        if found is None:
            raise ValueError("no test clip has a label")
        return found


def measure(track: Track) -> str:
    """What ranks systems on the track, in words."""
    return "mean average precision" if track.multi_label else "macro accuracy"
