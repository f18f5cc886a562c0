"""Whether what was counted is within an edition's limits; a figure at the limit passes."""

from __future__ import annotations

from harness.editions import Edition
from harness.outcomes import OverLimit
from harness.results import Complexity

FREE_SHARE = 4
"""Operations that are free one by one may together be at most this part of the limit on MACs."""


def require_within(complexity: Complexity, edition: Edition | None) -> None:
    """Raises `OverLimit` that names every limit which the complexity exceeds."""
    if edition is None:
        return
    limits = edition.limits
    figures: list[tuple[str, int, int]] = [
        ("bytes of parameters", held_bytes(complexity, edition), limits.parameter_bytes.value),
        ("multiply-accumulates a clip", complexity.macs, limits.macs.value),
        ("multiply-accumulates a clip by torchinfo", complexity.official_macs, limits.macs.value),
        ("operations that are free one by one", complexity.free_operations or 0, limits.macs.value // FREE_SHARE),
    ]
    if limits.parameters:
        figures.append(("parameters", held_values(complexity), limits.parameters.value))
    over = [f"{value:,} {what} ({limit:,} allowed)" for what, value, limit in figures if value > limit]
    if over:
        problem = f"The network exceeds {edition.name}: {'; '.join(over)}."
        raise OverLimit("limits.complexity", problem, "Make it smaller, or choose a track without limits.")


def held_values(complexity: Complexity) -> int:
    """How many numbers are held, whatever they hide in."""
    return max(complexity.parameters, complexity.values or 0)


def held_bytes(complexity: Complexity, edition: Edition) -> int:
    """Bytes as the edition counts them: 2022 holds every number as INT8, the others each in its own type."""
    return held_values(complexity) if edition.limits.parameters else complexity.parameter_bytes
