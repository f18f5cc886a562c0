"""Who takes which clips of a batch where several processes train together."""

from __future__ import annotations

from torch import Tensor


def share_of(part: Tensor, rank: int, processes: int) -> tuple[Tensor, float]:
    """The rows of a batch that process `rank` of `processes` takes, and the part of the batch that they are.

    Shares differ by one clip at most, the first are the larger. Where there are fewer clips than processes, the batch's
    first clip stands in and counts nothing: a process that took no step would keep the others waiting.
    """
    own = part.tensor_split(processes)[rank]
    return (own, len(own) / len(part)) if len(own) else (part[:1], 0.0)
