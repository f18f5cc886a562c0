"""Products followed by sums: which products wait to be summed, and when they become multiply-accumulates.

A product element by element is free (gating, scaling) until something adds it to others: a sum over an axis, or an
addition to a tensor that holds another product, as in a matrix product that is written out by hand.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from harness.complexity.operators import Kind

Products = frozenset[int]

NONE: Products = frozenset()


class Flow:
    """The open products of every tensor; a tensor is any key that stays the same while it lives."""

    def __init__(self) -> None:
        self._open: dict[Hashable, Products] = {}
        self._macs: list[int] = []

    def step(self, kind: Kind, sources: Sequence[Hashable], results: Sequence[Hashable], products: int = 0) -> int:
        """Tells of an operator; returns the MACs that its sums make of products. `products`: how many it makes."""
        held = [self._open[key] for key in sources if key in self._open]
        if products:
            made = frozenset({len(self._macs)})
            self._macs.append(products)
            held = [*held, made] if kind is Kind.ACCUMULATES else [made.union(*held)]
        together = NONE.union(*held)
        macs = 0
        if kind in {Kind.CONTRACTS, Kind.TRANSFORMS, Kind.SUMS}:
            macs = 0 if kind is Kind.CONTRACTS else self._closed(together)
            together = NONE
        elif kind in {Kind.ADDS, Kind.ACCUMULATES} and len(set(held)) > 1:
            macs = self._closed(together)  # their names stay: the next product that is added is counted too
        for key in results:
            if together:
                self._open[key] = together
            else:
                self._open.pop(key, None)
        return macs

    def is_open(self, key: Hashable) -> bool:
        """Whether the tensor holds products that nothing has summed."""
        return any(self._macs[product] for product in self._open.get(key, NONE))

    def _closed(self, products: Products) -> int:
        macs = sum(self._macs[product] for product in products)
        for product in products:
            self._macs[product] = 0
        return macs
