"""A prediction depends on its clip alone: the challenge forbids the use of other test clips.

A clip gets the same logits alone, in another batch, in another order, and when it is asked for again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from harness.outcomes import Mistake

PredictRows = Callable[[Sequence[int]], Tensor]
"""Logits (rows, classes) of the clips with these numbers, as one batch."""

ROUNDING = {True: 1e-3, False: 2e-2}
"""How far apart logits may lie, relative to the largest: 32 bit on a CPU, and everything else."""


def require_alone(predict_rows: PredictRows, rows: Sequence[int], reference: Tensor, within: float) -> None:
    """Raises `Mistake` where the logits of `rows` differ from `reference` (rows, classes) in other company."""
    again = predict_rows(rows)
    _require_close(again, reference, within, "when it is predicted again, in another batch")
    backwards = list(reversed(range(len(rows))))
    other = predict_rows([rows[i] for i in backwards])
    _require_close(other, reference[backwards], within, "in another order")
    for i in backwards:
        _require_close(predict_rows([rows[i]]), reference[i : i + 1], within, "alone")


def rounding(classifier: nn.Module) -> float:
    """How far apart the same logits of this classifier may lie by rounding alone."""
    tensors = [*classifier.parameters(), *classifier.buffers()]
    held = any(True for _ in classifier.parameters())
    exact = {torch.float16, torch.float32, torch.float64, torch.int64, torch.int32, torch.bool}
    return ROUNDING[held and all(tensor.device.type == "cpu" and tensor.dtype in exact for tensor in tensors)]


def _require_close(logits: Tensor, reference: Tensor, within: float, when: str) -> None:
    one, other = logits.detach().float().cpu(), reference.detach().float().cpu()
    scale = max(1.0, float(other.abs().max())) if other.numel() else 1.0
    if one.shape != other.shape or bool(((one - other).abs() > within * scale).any()):
        apart = float((one - other).abs().max()) if one.shape == other.shape else float("nan")
        problem = f"A clip gets other logits {when}: they differ by up to {apart:.3g}."
        remedy = "Predict each clip by itself: no statistics over a batch, no memory of earlier clips."
        raise Mistake("predict.alone", problem, remedy)
