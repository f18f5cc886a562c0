"""Counting while real test clips are predicted: what is scored is what was counted.

Every batch runs under the meter. Where operators let the clip decide, where a batch runs other operators than usual or
costs more than its clips should, each of its clips is counted alone; so is a sample that nobody can foresee, whose
logits must follow from the operators that were counted. The largest figure counts.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from harness.complexity import inventory
from harness.complexity.alone import PredictRows, require_alone, rounding
from harness.complexity.eager import uncompiled
from harness.complexity.frontend import Inspection
from harness.complexity.measuring import Measured, costs, held_by_frontend, with_more
from harness.complexity.meter import Meter
from harness.complexity.reading import Reading
from harness.complexity.running import metered, outside, require_countable, require_torch_as_it_is
from harness.contract import Classifier, Clips, Entry
from harness.logits import require_logits
from harness.outcomes import Mistake, NotCountable
from harness.results import Complexity

ClipsAt = Callable[[Sequence[int]], Clips]
"""Clips of the test list by their numbers, in that order, as one batch."""

OTHER = 0.37
"""What clips are multiplied with to make others of them."""

SAMPLE = 12
"""Clips of the test list that are predicted again: alone, in another order, in other company."""


class Scrutiny:
    """Predicts batches of test clips and keeps what each costs."""

    def __init__(self, entry: Entry, classifier: Classifier, measured: Measured) -> None:
        self._entry, self._classifier, self._measured = entry, classifier, measured
        self._held = inventory.take(classifier)
        self._inspection = Inspection()
        self._meter = Meter(classifier, self._held, self._inspection)
        self._usual: dict[int, int] = {}
        self._suspects: set[int] = set()
        self._clips = 0
        self._constants: dict[str, Reading] = {}
        self._most = measured.complexity
        self._reads: dict[str | None, frozenset[str]] = dict(measured.reads)
        self._numbers = measured.numbers

    def predict(self, clips: Clips) -> Tensor:
        """Whatever `predict` returns for a batch of the test list."""
        count = len(clips.waveforms)
        logits, reading = self._run(clips)
        if {digest for _, _, digest in reading.outside.values()} - self._measured.constants:
            self._require_inside(clips, reading)
        way = hash(tuple(name for name, _ in reading.sequence))
        unusual = self._usual.setdefault(count, way) != way
        if unusual or reading.decisions or self._cost(reading) > count * self._measured.complexity.macs:
            self._suspects.update(range(self._clips, self._clips + count))
        self._clips += count
        return logits

    def finish(self, clips_at: ClipsAt, logits: Tensor) -> Complexity:
        """The complexity with what the test clips have shown. `logits` (clips, classes) are those to be scored.

        Raises `Mistake` where a prediction depends on other clips, the weights changed meanwhile, or the operators that
        were counted do not give the logits.
        """
        require_torch_as_it_is()
        self._require_same_weights()
        for row in sorted(self._suspects):
            self._note_cost(row, self._run(clips_at([row]))[1])
        rows = sorted(random.SystemRandom().sample(range(self._clips), min(SAMPLE, self._clips)))
        with torch.inference_mode():
            require_alone(self._rows(clips_at, logits), rows, logits[rows], rounding(self._classifier))
        self._require_same_weights()
        self._require_same_frontend()
        more = with_more(self._measured, self._constants.values(), self._reads, self._numbers)
        return self._most.model_copy(update=more)

    def _require_inside(self, clips: Clips, reading: Reading) -> None:
        """Raises `NotCountable` where tensors that no operator made follow from the clips, not from their devices."""
        others = Clips(clips.waveforms.flip(0).roll(1, 1) * OTHER, clips.sample_rate, clips.devices)
        again = {digest for _, _, digest in self._run(others)[1].outside.values()}
        for where, _, digest in reading.outside.values():
            if digest not in again and digest not in self._measured.constants:
                raise outside(f"{where} read a tensor that no torch operator made and that changes with the clip")

    def _run(self, clips: Clips, *, replays: bool = False) -> tuple[Tensor, Reading]:
        with uncompiled(self._classifier), self._meter:
            logits = metered(self._entry, self._classifier, clips, self._meter, replays=replays)
        reading = self._meter.reading
        require_countable(reading)
        self._note(clips, reading)
        return logits, reading

    def _rows(self, clips_at: ClipsAt, logits: Tensor) -> PredictRows:
        def predict_rows(rows: Sequence[int]) -> Tensor:
            alone = len(rows) == 1
            predicted, reading = self._run(clips_at(rows), replays=alone)
            if alone:
                self._note_cost(rows[0], reading)
            return require_logits(predicted, len(rows), logits.shape[1])

        return predict_rows

    def _cost(self, reading: Reading) -> int:
        return costs(reading, self._measured.complexity.frontend_counted)[0]

    def _note_cost(self, row: int, reading: Reading) -> None:
        """Keeps what a clip costs alone where it is more than any before."""
        cost, free = costs(reading, self._measured.complexity.frontend_counted)
        self._most = self._most.model_copy(update={"free_operations": max(free, self._most.free_operations or 0)})
        if cost > self._most.macs:
            made = self._measured.complexity.macs
            words = f"Test clip {row} costs {cost:,} multiply-accumulates, made clips cost {made:,}."
            self._most = self._most.model_copy(update={"macs": cost, "metered_macs": cost, "costliest_clip": words})

    def _require_same_frontend(self) -> None:
        """What the frontend did on made clips it must do on every clip."""
        verdict = self._inspection.verdict(self._classifier.frontend, held_by_frontend(self._held))
        if verdict and self._measured.complexity.frontend_counted is None:
            problem = f"The frontend does on test clips what it did not on made ones: {verdict}."
            raise NotCountable("count.frontend", problem, "Let it do the same on every clip.")

    def _note(self, clips: Clips, reading: Reading) -> None:
        """Keeps what a run has read: weights by device where it is of one, numbers, constants of tracks without."""
        self._numbers |= reading.numbers
        if clips.devices is not None:
            if len(clips.devices) == 1:
                device = clips.devices[0]
                self._reads[device] = self._reads.get(device, frozenset()) | reading.read
            return
        for _, _, digest in reading.outside.values():
            self._constants.setdefault(digest, replace(reading, steps=[], sequence=[], sizes={}))

    def _require_same_weights(self) -> None:
        now = inventory.digest(inventory.take(self._classifier), self._measured.names)
        if now != self._measured.digest:
            problem = "predict changed the classifier's weights: they are not those that were counted."
            raise Mistake("weights.changed", problem, "Leave the classifier as train returned it.")
