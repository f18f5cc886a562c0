"""Peak activation memory of one clip: the most numbers that are alive at the same time while the network runs.

For those who deploy: a runtime keeps an operator's input until its last use and its output from then on. Reshapes share
memory, and arithmetic element by element (activations, folded normalisation, residual additions) writes into an input
that is not needed again. Weights and frontend are not part of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.complexity.operators import Kind
from harness.complexity.reading import Step

IN_PLACE = frozenset({Kind.PASSES, Kind.ADDS, Kind.PRODUCT, Kind.ACCUMULATES})
BITS = (8, 16, 32)


def peak_bytes(steps: Sequence[Step], sizes: Mapping[int, int]) -> dict[str, int]:
    """Bytes by width of a number: "8", "16", "32"."""
    numbers = peak_numbers(steps, sizes)
    return {str(bits): numbers * bits // 8 for bits in BITS}


def peak_numbers(steps: Sequence[Step], sizes: Mapping[int, int]) -> int:
    """The most numbers alive at once; `sizes` are those of each step's memory."""
    last = {memory: place for place, step in enumerate(steps) for memory in (*step.reads, *step.writes)}
    alive = _inputs(steps)
    peak = sum(sizes[memory] for memory in alive)
    for place, step in enumerate(steps):
        fresh = [memory for memory in dict.fromkeys(step.writes) if memory not in alive]
        dying = [memory for memory in dict.fromkeys(step.reads) if memory in alive and last[memory] == place]
        reused = _reused(step, fresh, dying, sizes)
        alive.update(fresh)
        peak = max(peak, sum(sizes[memory] for memory in alive) - reused)
        alive = {memory for memory in alive if last[memory] > place}
    return peak


def _inputs(steps: Sequence[Step]) -> set[int]:
    """Memory that is read before anything writes it: the features."""
    written: set[int] = set()
    features: set[int] = set()
    for step in steps:
        features.update(memory for memory in step.reads if memory not in written)
        written.update(step.writes)
    return features


def _reused(step: Step, fresh: Sequence[int], dying: Sequence[int], sizes: Mapping[int, int]) -> int:
    """Numbers of a result that take the place of an input."""
    if step.kind not in IN_PLACE:
        return 0
    return sum(sizes[memory] for memory in fresh if any(sizes[other] >= sizes[memory] for other in dying))
