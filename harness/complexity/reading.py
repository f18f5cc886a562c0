"""What running `predict` once has shown: the records that the meter writes and others read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor

from harness.complexity.operators import Kind

WHOLE = "predict"
"""The name of what runs in no module of the classifier."""


class Origin(NamedTuple):
    """Where a tensor's numbers come from.

    From the clip or not; which held tensors they are a plain copy of; which stages of a frontend they have passed; and
    whether the network has worked on them.
    """

    of_the_clip: bool
    copies: frozenset[str] = frozenset()
    passed: frozenset[str] = frozenset()
    worked_on: bool = False


class Operand(NamedTuple):
    """A tensor that an operator reads, the identity of its memory as it was then, and its origin."""

    tensor: Tensor
    key: int
    origin: Origin


@dataclass(frozen=True)
class Step:
    """One operator that ran, with the storages it read and wrote: for what is alive at the same time."""

    kind: Kind
    reads: tuple[int, ...]
    writes: tuple[int, ...]


@dataclass
class Reading:
    """What running `predict` once cost.

    `macs` by the innermost module that ran them, frontend aside; `free` counts the elements that arithmetic without
    MACs gave. `outside` are the tensors that came from nowhere (first reader, bytes, digest), `decisions` the
    operators that let the clip decide what happens next; `sequence` has every operator with the Python numbers it was
    given.
    """

    macs: Counter[str] = field(default_factory=Counter)
    frontend_macs: int = 0
    free: int = 0
    frontend_free: int = 0
    unknown: Counter[tuple[str, str]] = field(default_factory=Counter)
    draws: Counter[tuple[str, str]] = field(default_factory=Counter)
    decisions: Counter[tuple[str, str]] = field(default_factory=Counter)
    outside: dict[str, tuple[str, int, str]] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    read_in_network: set[str] = field(default_factory=set)
    numbers: set[float] = field(default_factory=set)
    sequence: list[tuple[str, tuple[float, ...]]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    sizes: dict[int, int] = field(default_factory=dict)
    shapes: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """MACs without the frontend's."""
        return sum(self.macs.values())


class Watcher:
    """What looks at operators of the frontend while they run; see `frontend.Inspection`."""

    def saw(
        self,
        name: str,
        kind: Kind,
        operands: Sequence[Operand],
        shapes: Mapping[str, tuple[int, ...]],
        args: Sequence[object],
        *,
        sums_constants: bool,
    ) -> str:
        """An operator ran inside the frontend; `shapes` are those of whole held tensors and constants, by word.

        Returns the stage of a frontend that it is ("" for none): what it gives has passed it.
        """
        del name, kind, operands, shapes, args, sums_constants
        return ""
