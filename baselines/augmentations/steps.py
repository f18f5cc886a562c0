"""What every step of a recipe is: a record of its settings that turns a batch into another one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict
from torch import Generator, Tensor

Domain = Literal["waveform", "mel", "log_mel"]
"""Where a step works: waveforms (batch, samples); linear or log mel (batch, channels, n_mels, n_frames)."""


@dataclass(frozen=True)
class Sample:
    """A batch on its way through a recipe.

    `x` is in the domain of the step that comes next. `targets` are labels (batch,) int64 until a step mixes or smooths
    them into shares (batch, classes) float; tasks with several labels a clip bring them as floats. `devices` holds the
    device of each clip, for steps that change some devices only; `responses` is the folder of impulse responses.
    """

    x: Tensor
    targets: Tensor
    devices: tuple[str, ...]
    sample_rate: int
    n_classes: int
    responses: Path | None = None

    def shares(self) -> Tensor:
        """The targets as (batch, classes) float32."""
        if self.targets.is_floating_point():
            return self.targets
        return F.one_hot(self.targets, self.n_classes).float()

    def having(self, x: Tensor, targets: Tensor | None = None) -> Sample:
        """The same batch with other values and, where given, other targets."""
        return replace(self, x=x, targets=self.targets if targets is None else targets)

    def changed(self, rows: Tensor, values: Tensor) -> Sample:
        """The same batch with other values in some `rows`."""
        return self.having(self.x.index_copy(0, rows.to(self.x.device), values))


class Step(BaseModel):
    """One step of a recipe: settings, typed and checked, and `apply`. Everything random comes from the generator."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @property
    def where(self) -> Domain | None:
        """The domain the step works in; None where any will do."""
        raise NotImplementedError

    def apply(self, sample: Sample, generator: Generator) -> Sample:
        """The batch after this step; the one before is left as it was."""
        raise NotImplementedError
