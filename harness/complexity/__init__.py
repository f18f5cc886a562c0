"""What a system costs for one clip: parameters, bytes and multiply-accumulates, counted twice and both ways known.

The thing counted is `predict` on one clip (batch 1, evaluation mode), less what runs inside a frontend that is built
from the transforms which are free (`frontend`). `trace` counts by fvcore, `meter` by what runs, `official` as the
organisers do; `inventory` finds what is held. Neither fvcore nor torchinfo alone is right: fvcore as installed gives
the official 2024 baseline 31,019,968 and would reject it, torchinfo sees nothing in attention.
"""

from __future__ import annotations

from torch import nn

from harness.complexity.inventory import digest, take
from harness.complexity.limits import require_within
from harness.complexity.measuring import Measured, check_alone, evaluate, measure
from harness.complexity.scrutiny import Scrutiny

__all__ = ["Measured", "Scrutiny", "check_alone", "evaluate", "measure", "require_within", "weights_digest"]


def weights_digest(classifier: nn.Module) -> str:
    """SHA-256 of everything that a classifier holds: name, type, shape and bytes."""
    return digest(take(classifier))
