"""Learning-rate schedules, as data: each gives the factor on the peak learning rate at a moment of the training."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Schedule(BaseModel):
    """A factor of the learning rate, by step or by epoch."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def factor(self, step: int, steps_per_epoch: int, epochs: int) -> float:
        """The factor of optimiser step `step`, counted from 0, in a training of `epochs` epochs."""
        raise NotImplementedError


class Constant(Schedule):
    """The peak learning rate throughout."""

    kind: Literal["constant"] = "constant"

    def factor(self, step: int, steps_per_epoch: int, epochs: int) -> float:  # noqa: ARG002 - the schedules' words
        return 1.0


class WarmupCosine(Schedule):
    """Linear from 0 over the warm-up, then half a cosine down to 0, by step.

    DCASE 2024 baseline and paper 004 (transformers' `get_cosine_schedule_with_warmup`), 2,000 steps of warm-up.
    """

    kind: Literal["warmup_cosine"] = "warmup_cosine"
    warmup_steps: int = Field(ge=0)

    def factor(self, step: int, steps_per_epoch: int, epochs: int) -> float:
        if step < self.warmup_steps:
            return step / max(1, self.warmup_steps)
        rest = steps_per_epoch * epochs - self.warmup_steps
        progress = (step - self.warmup_steps) / max(1, rest)
        return max(0.0, 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


class WarmupRamp(Schedule):
    """exp(-5 (1 - e / W)^2) in the warm-up, then 1, then a straight line down to `last`, by epoch.

    CP-JKU 2023 and PaSST: e is cut to [0.5, W]; from epoch `ramp_start` the line takes `ramp_epochs` epochs.
    """

    kind: Literal["warmup_ramp"] = "warmup_ramp"
    warmup_epochs: int = Field(ge=0)
    ramp_start: int = Field(ge=0)
    ramp_epochs: int = Field(ge=1)
    last: float = Field(ge=0, le=1)

    def factor(self, step: int, steps_per_epoch: int, epochs: int) -> float:  # noqa: ARG002 - its epochs are given
        epoch = step // max(1, steps_per_epoch)
        rise = 1.0
        if self.warmup_epochs and epoch <= self.warmup_epochs:
            rise = math.exp(-5.0 * (1 - min(max(epoch, 0.5), self.warmup_epochs) / self.warmup_epochs) ** 2)
        fall = 1.0
        if epoch > self.ramp_start:
            share = min(1.0, (epoch - self.ramp_start) / self.ramp_epochs)
            fall = self.last + (1 - self.last) * (1 - share)
        return rise * fall


class Decay(Schedule):
    """Multiplied by `by` every `every` epochs from epoch `start` (counted from 1); linear warm-up over the first steps.

    AST and PSLA: AudioSet 0.5 from 2 (AST) or 10 (PSLA) every epoch or every 5, ESC-50 0.85 from 5; where they warm up,
    over 1,000 steps, updated every 50: the first 50 steps have a rate of 0, as released.
    """

    kind: Literal["decay"] = "decay"
    start: int = Field(ge=1)
    every: int = Field(default=1, ge=1)
    by: float = Field(default=0.5, gt=0, le=1)
    warmup_steps: int = Field(default=0, ge=0)
    warmup_every: int = Field(default=50, ge=1)

    def factor(self, step: int, steps_per_epoch: int, epochs: int) -> float:  # noqa: ARG002 - without an end
        rise = 1.0
        if step < self.warmup_steps:
            rise = (step - step % self.warmup_every) / self.warmup_steps
        epoch = step // max(1, steps_per_epoch) + 1
        falls = 0 if epoch <= self.start else 1 + (epoch - self.start - 1) // self.every
        return rise * float(self.by**falls)


class Plateau(Schedule):
    """Multiplied by `by` whenever the held-out score has not risen for `patience` epochs.

    Paper 003, FSD50K: 0.5 after 2.
    """

    kind: Literal["plateau"] = "plateau"
    patience: int = Field(default=2, ge=1)
    by: float = Field(default=0.5, gt=0, le=1)

    def factor(self, step: int, steps_per_epoch: int, epochs: int) -> float:  # noqa: ARG002 - see `reduced`
        return 1.0

    def reduced(self, scores: list[float]) -> float:
        """The factor after epochs that scored so."""
        best, since, factor = -math.inf, 0, 1.0
        for score in scores:
            since = 0 if score > best else since + 1
            best = max(best, score)
            if since > self.patience:
                factor, since = factor * self.by, 0
        return factor


AnySchedule = Annotated[Constant | WarmupCosine | WarmupRamp | Decay | Plateau, Field(discriminator="kind")]
