"""What `predict` must return: finite floating-point logits, one row a clip."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.outcomes import Mistake


def require_logits(logits: object, clips: int, classes: int) -> Tensor:
    """The logits (clips, classes) as they are; raises `Mistake` that says what is wrong with them."""
    problem = ""
    if not isinstance(logits, Tensor):
        problem = f"predict returned {type(logits).__name__} instead of a tensor."
    elif tuple(logits.shape) != (clips, classes):
        problem = f"predict returned shape {tuple(logits.shape)} for {clips} clips and {classes} classes."
    elif not logits.is_floating_point():
        problem = f"predict returned {str(logits.dtype).removeprefix('torch.')} instead of floating-point logits."
    elif not torch.isfinite(logits.float()).all():
        problem = "predict returned values that are not finite."
    if problem:
        raise Mistake("contract.logits", problem, "Return finite float logits (batch, classes), one row a clip.")
    assert isinstance(logits, Tensor)  # noqa: S101 - for the type checker
    return logits
