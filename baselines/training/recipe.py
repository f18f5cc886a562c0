"""The knobs that every training shares, as fields of an entry's `Config`."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from baselines.training.schedules import AnySchedule, Constant
from harness.contract import Config


class Averaging(BaseModel):
    """Weights averaged over a training, which are what is kept in the end.

    "swa": the mean of the weights after epochs `start`, `start + every`, … (counted from 1; PaSST 50 and 5, AST the
    checkpoints of epochs 6 to 25 of balanced AudioSet). "ema": after every step, `decay` of the average so far and the
    rest of the weights now.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["swa", "ema"]
    start: int = Field(default=1, ge=1)
    every: int = Field(default=1, ge=1)
    decay: float = Field(default=0.999, ge=0, lt=1)


class Recipe(Config):
    """Base of the `Config` of an entry that trains with `fit`: inherit, and give what the paper says as defaults.

    `learning_rate` is the peak. Adam's weight decay is an L2 penalty, AdamW's is decoupled. `minimum_steps` adds
    epochs where a split is so small that `epochs` of it would be fewer steps. `drop_last` leaves out a last batch that
    is smaller. `gradient_clip` is the largest norm of all gradients. `bfloat16` computes the network, not the frontend
    or the loss, at 16 bit. `sampling="balanced"` draws clips with replacement, all classes alike. `holdout` is the
    share of the training list's locations that are kept apart and scored after every epoch, where the data set has no
    list for that of its own; `keep="best"` returns the epoch that scored best on them. `score_training` scores the
    clips that it learns from as well, without augmentations: one more pass over them an epoch, by the weights as they
    are then, not averaged. `snapshots` keeps the last k epochs for tables over their mean. `compile` needs a C++
    compiler where the training runs.
    """

    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    optimiser: Literal["adam", "adamw"] = "adamw"
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (0.9, 0.999)
    schedule: AnySchedule = Constant()
    minimum_steps: int = Field(default=0, ge=0)
    drop_last: bool = False
    gradient_clip: float | None = Field(default=None, gt=0)
    precision: Literal["float32", "bfloat16"] = "float32"
    averaging: Averaging | None = None
    sampling: Literal["shuffled", "balanced"] = "shuffled"
    holdout: float = Field(default=0.0, ge=0, lt=1)
    keep: Literal["last", "best"] = "last"
    score_training: bool = False
    snapshots: int = Field(default=0, ge=0)
    compile: bool = False

    def steps_per_epoch(self, clips: int) -> int:
        """Batches of an epoch; one where there are fewer clips than a batch has."""
        return max(1, clips // self.batch_size) if self.drop_last else math.ceil(clips / self.batch_size)

    def epochs_of(self, clips: int) -> int:
        """Epochs on a split of `clips` clips."""
        return max(self.epochs, math.ceil(self.minimum_steps / max(1, self.steps_per_epoch(clips))))
