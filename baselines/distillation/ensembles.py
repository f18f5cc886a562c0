"""Several teachers as one: a tree of means and of BEAs over their logits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from harness.contract import Mistake, nearest


class Ensemble(BaseModel):
    """The mean, or the BEA, of what `of` names: teachers, or ensembles of teachers.

    A name stands for the teacher so called and for all its seeds ("cpr" for "cpr@0", "cpr@1", …), each a member. System
    S2 of paper 004 is `{ of = [{ kind = "bea", of = ["cpr"] }, "passt"] }`. Without `of`: every teacher.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["mean", "bea"] = "mean"
    of: tuple[Annotated[str, Field(min_length=1)] | Ensemble, ...] = ()

    def asks(self, teacher: str) -> bool:
        """Whether the ensemble has this teacher in it."""
        return not self.of or any(
            part.asks(teacher) if isinstance(part, Ensemble) else part in called(teacher) for part in self.of
        )

    def combined(self, logits: Mapping[str, Tensor]) -> Tensor:
        """Logits (batch, classes) of the ensemble, from those of each teacher."""
        members: list[Tensor] = []
        for part in self.of or tuple(logits):
            members += [part.combined(logits)] if isinstance(part, Ensemble) else _named(part, logits)
        require_alike(members)
        together = torch.stack(members)
        return together.mean(0) if self.kind == "mean" else bea(together)


def bea(logits: Tensor) -> Tensor:
    """Bayesian ensemble averaging as the code of paper 004 computes it; logits (teachers, batch, classes).

    The mean over teachers plus (1 / n) mean over teachers of the unbiased variance over the *batch*: an offset for each
    class, the same for all clips of the batch. Raises `Mistake` for a batch of one, whose variance is undefined. The
    method the paper cites (Xu et al., CVPR 2023) and its word "sampling" are something else.
    """
    if logits.shape[1] < 2:
        problem = "BEA takes the variance over a batch, and this batch has one clip."
        raise Mistake(
            "distillation.bea", problem, "Set drop_last, use batches of two and more, or the mean of the logits."
        )
    return logits.mean(0) + logits.var(dim=1, unbiased=True).mean(0) / len(logits)


def require_alike(logits: Sequence[Tensor]) -> None:
    """Raises `Mistake` where there is no teacher, or one has other classes or clips than the others."""
    if not logits:
        raise Mistake(
            "distillation.teachers", "There is no teacher to learn from.", "Name one in the system's `needs`."
        )
    shapes = sorted({tuple(one.shape) for one in logits})
    if len(shapes) > 1:
        problem = f"Teachers give logits of different shapes: {', '.join(map(str, shapes))}."
        raise Mistake("distillation.classes", problem, "Use teachers that were trained on the same task.")


def _named(name: str, logits: Mapping[str, Tensor]) -> list[Tensor]:
    found = [value for teacher, value in logits.items() if name in called(teacher)]
    if not found:
        problem = f'The ensemble names the teacher "{name}", which the system does not need.'
        raise Mistake("distillation.teachers", problem, nearest(name, logits))
    return found


def called(teacher: str) -> set[str]:
    """What an ensemble may call a teacher: "cpr@0", or "cpr" with all its seeds."""
    return {teacher, teacher.rpartition("@")[0]} - {""}
