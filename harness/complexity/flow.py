"""Products followed by sums: which products wait to be summed, and when they become multiply-accumulates.

A product element by element is free (gating, scaling) until something adds it to others: a sum over an axis along which
both factors vary, or an addition to a tensor that holds another product, as in a matrix product written out by hand. A
gate that is the same along the summed axes can be taken out of the sum (response normalisation before pooling), and a
tensor that is added to a scaled copy of itself holds no other product.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

from harness.complexity.operators import Kind

ENDS = frozenset({Kind.CONTRACTS, Kind.TRANSFORMS, Kind.SUMS, Kind.MEASURES})
"""What gives tensors without open products."""

LAYOUT_KEPT = frozenset(
    f"aten::{name}" for name in ("clone", "contiguous", "to", "_to_copy", "detach", "alias", "dropout", "lift_fresh")
)
"""Operators that move numbers and leave every axis where it was."""

Axes = frozenset[int]
"""Axes counted from the last: -1, -2, …"""


class Products(NamedTuple):
    """Products that an operator makes: how many, and the axes along which more than one of its factors varies."""

    number: int
    varying: Axes = frozenset()


def made_of(number: int, shapes: Sequence[Sequence[int]]) -> Products:
    """Products of factors of these shapes."""
    sized = [axis - len(shape) for shape in shapes for axis, size in enumerate(shape) if size > 1]
    return Products(number, frozenset(axis for axis in sized if sized.count(axis) > 1))


class Flow:
    """The open products of every tensor; a tensor is any key that stays the same while it lives."""

    def __init__(self) -> None:
        self._open: dict[Hashable, Mapping[int, bool]] = {}  # product: whether its axes are where they were
        self._made: list[Products] = []

    def step(
        self,
        kind: Kind,
        sources: Sequence[Hashable],
        results: Sequence[Hashable],
        products: Products | None = None,
        *,
        axes: Axes | None = None,
        straight: bool = True,
    ) -> int:
        """Tells of an operator; returns the MACs that its sums make of products.

        `axes` are those that a sum reduces without moving others (None: not known); `straight`: it moves no axis.
        """
        held = [self._open[key] for key in sources if key in self._open]
        if products is not None and products.number:
            made = {len(self._made): True}
            self._made.append(products)
            held = [*held, made] if kind is Kind.ACCUMULATES else [_union([*held, made])]
        together = _union(held)
        macs = 0
        if kind in ENDS:
            summed = {product for product in together if kind is not Kind.SUMS or self._sums(product, together, axes)}
            macs = self._closed(summed) if kind in {Kind.TRANSFORMS, Kind.SUMS} else 0
            together = {product: kept for product, kept in together.items() if product not in summed}
        elif kind in {Kind.ADDS, Kind.ACCUMULATES} and _differ(held, together):
            macs = self._closed(set(together))  # their names stay: the next product that is added is counted too
        for key in results:
            if together:
                self._open[key] = together if straight else dict.fromkeys(together, False)
            else:
                self._open.pop(key, None)
        return macs

    def _sums(self, product: int, together: Mapping[int, bool], axes: Axes | None) -> bool:
        """Whether a sum over these axes adds different products to each other."""
        return axes is None or not together[product] or bool(axes & self._made[product].varying)

    def _closed(self, products: set[int]) -> int:
        macs = sum(self._made[product].number for product in products)
        for product in products:
            self._made[product] = Products(0)
        return macs


def _differ(held: Sequence[Mapping[int, bool]], together: Mapping[int, bool]) -> bool:
    """Whether tensors that are added hold different products: neither has all, or parts of one were moved apart."""
    if len(held) < 2:
        return False
    return all(set(one) != set(together) for one in held) or not all(together.values())


def _union(held: Sequence[Mapping[int, bool]]) -> dict[int, bool]:
    together: dict[int, bool] = {}
    for one in held:
        for product, straight in one.items():
            together[product] = straight and together.get(product, True)
    return together
