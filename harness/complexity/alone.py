"""A prediction depends on its clip alone: the challenge forbids the use of other test clips.

A clip gets the same logits alone, in another batch, in another order, and when it is asked for again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from harness.complexity.inventory import take
from harness.outcomes import Mistake

PredictRows = Callable[[Sequence[int]], Tensor]
"""Logits (rows, classes) of the clips with these numbers, as one batch."""

ROUNDING = {True: 1e-2, False: 5e-2}
"""How far apart log-probabilities may lie: 32 bit on a CPU, and everything else."""

EXACT = frozenset({torch.float32, torch.float64, torch.complex64, torch.int64, torch.int32, torch.bool})
"""Types whose arithmetic differs by rounding of 32 bit at most."""

LEAST = -20.0
"""Log-probabilities below this are as good as never."""


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
    """How far apart log-probabilities of this classifier may lie by rounding alone."""
    held = [one.tensor for one in take(classifier) if one.tensor is not None and one.values > 1]
    exact = all(tensor.device.type == "cpu" and tensor.dtype in EXACT for tensor in held)
    return ROUNDING[exact]


def _require_close(logits: Tensor, reference: Tensor, within: float, when: str) -> None:
    apart = max(_apart(logits, reference, form) for form in (_log_probabilities, _bounded))
    if not apart <= within:
        problem = f"A clip gets other logits {when}: its log-probabilities differ by up to {apart:.3g}."
        remedy = (
            "Predict each clip by itself: no statistics over a batch (torchaudio's AmplitudeToDB(top_db) takes some "
            "where features have no channel axis), no memory of earlier clips."
        )
        raise Mistake("predict.alone", problem, remedy)


def _apart(one: Tensor, other: Tensor, form: Callable[[Tensor], Tensor]) -> float:
    if one.shape != other.shape:
        return float("nan")
    return float((form(one) - form(other)).abs().max()) if one.numel() else 0.0


def _log_probabilities(logits: Tensor) -> Tensor:
    """Of classes that exclude each other; a number added to all classes changes nothing."""
    return logits.detach().double().cpu().log_softmax(dim=-1).clamp_min(LEAST)


def _bounded(logits: Tensor) -> Tensor:
    """Of classes that do not."""
    return torch.nn.functional.logsigmoid(logits.detach().double().cpu()).clamp_min(LEAST)
