"""Steps on targets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Generator, Tensor

from baselines.augmentations.steps import Sample, Step


class LabelSmoothing(Step):
    """Targets t become (1 - amount) t + amount / classes; stands before or after mixing, as a recipe says."""

    kind: Literal["label_smoothing"] = "label_smoothing"
    amount: float = Field(ge=0, lt=1)

    @property
    def where(self) -> None:
        return None

    def apply(self, sample: Sample, generator: Generator) -> Sample:  # noqa: ARG002 - nothing random
        return sample.having(sample.x, smoothed(sample.shares(), self.amount))


def smoothed(shares: Tensor, amount: float) -> Tensor:
    """(batch, classes) shares with `amount` of them spread over all classes."""
    return (1 - amount) * shares + amount / shares.shape[1]
