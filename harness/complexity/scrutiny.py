"""Counting while real test clips are predicted: what is scored is what was counted.

Every batch runs under the meter. Where operators let the clip decide, each clip is counted alone; where a batch costs
more than its clips should, its clips are. The larger figure counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from harness.complexity import inventory
from harness.complexity.alone import PredictRows, require_alone, rounding
from harness.complexity.eager import uncompiled
from harness.complexity.measuring import Measured, metered, require_countable, with_constants
from harness.complexity.meter import Meter
from harness.complexity.purity import pure
from harness.complexity.reading import Reading
from harness.contract import Classifier, Clips, Entry
from harness.logits import require_logits
from harness.outcomes import Mistake
from harness.results import Complexity

ClipsAt = Callable[[Sequence[int]], Clips]
"""Clips of the test list by their numbers, in that order, as one batch."""

SAMPLE = 12
"""Clips of the test list that are predicted again: alone, in another order, in other company."""


class Scrutiny:
    """Predicts batches of test clips and keeps what each costs."""

    def __init__(self, entry: Entry, classifier: Classifier, measured: Measured) -> None:
        self._entry, self._classifier, self._measured = entry, classifier, measured
        self._meter = Meter(classifier, inventory.storages(inventory.take(classifier)))
        self._decides = False
        self._costly: list[range] = []
        self._clips = 0
        self._constants: dict[str, Reading] = {}

    def predict(self, clips: Clips) -> Tensor:
        """Whatever `predict` returns for a batch of the test list."""
        with uncompiled(self._classifier), self._meter:
            logits = metered(self._entry, self._classifier, clips, self._meter)
        reading, count = self._meter.reading, len(clips.waveforms)
        require_countable(reading)
        rows = range(self._clips, self._clips + count)
        self._clips += count
        self._decides |= bool(reading.decisions)
        if self._cost(reading) > count * self._measured.complexity.macs:
            self._costly.append(rows)
        self._note_constants(reading)
        return logits

    def finish(self, clips_at: ClipsAt, logits: Tensor) -> Complexity:
        """The complexity with what the test clips have shown. `logits` (clips, classes) are those to be scored.

        Raises `Mistake` where a prediction depends on other clips or the weights changed meanwhile.
        """
        complexity = self._with_costliest(clips_at)
        self._require_same_weights()
        rows = sorted({round(i * (self._clips - 1) / max(1, SAMPLE - 1)) for i in range(min(SAMPLE, self._clips))})
        with uncompiled(self._classifier), torch.inference_mode():
            require_alone(self._rows(clips_at, logits), rows, logits[rows], rounding(self._classifier))
        self._require_same_weights()
        return complexity.model_copy(update=with_constants(self._measured, self._constants.values()))

    def _rows(self, clips_at: ClipsAt, logits: Tensor) -> PredictRows:
        def predict_rows(rows: Sequence[int]) -> Tensor:
            with pure():
                predicted = self._entry.predict(self._classifier, clips_at(rows))
            return require_logits(predicted, len(rows), logits.shape[1])

        return predict_rows

    def _cost(self, reading: Reading) -> int:
        counted = self._measured.complexity.frontend_counted is not None
        return reading.total + (reading.frontend_macs if counted else 0)

    def _with_costliest(self, clips_at: ClipsAt) -> Complexity:
        """The complexity, with the cost of the clip that costs most where that is more than was measured."""
        suspects = range(self._clips) if self._decides else [row for rows in self._costly for row in rows]
        complexity, most, which = self._measured.complexity, self._measured.complexity.macs, -1
        with uncompiled(self._classifier), self._meter:
            for row in suspects:
                metered(self._entry, self._classifier, clips_at([row]), self._meter)
                require_countable(self._meter.reading)
                self._note_constants(self._meter.reading)
                if self._cost(self._meter.reading) > most:
                    most, which = self._cost(self._meter.reading), row
        if which < 0:
            return complexity
        words = f"Test clip {which} costs {most:,} multiply-accumulates, the trace says {complexity.macs:,}."
        return complexity.model_copy(update={"macs": most, "metered_macs": most, "costliest_clip": words})

    def _note_constants(self, reading: Reading) -> None:
        for _, _, digest in reading.outside.values():
            self._constants.setdefault(digest, replace(reading, steps=[], sequence=[], sizes={}))

    def _require_same_weights(self) -> None:
        now = inventory.digest(inventory.take(self._classifier), self._measured.names)
        if now != self._measured.digest:
            problem = "predict changed the classifier's weights: they are not those that were counted."
            raise Mistake("weights.changed", problem, "Leave the classifier as train returned it.")
