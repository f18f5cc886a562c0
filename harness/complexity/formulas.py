"""Multiply-accumulates by shapes: one pure function for each way of contracting.

One MAC is one product added to others. Biases, activations and scaling by one number are none. Source of the
conventions: facts measured on the official baseline (conv 29,416,448), and the field's usual formulas.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log2, prod

Shape = Sequence[int]


def linear(x: Shape, weight: Shape) -> int:
    """Inputs (..., in) times a weight (out, in)."""
    return prod(x) * weight[0]


def matmul(a: Shape, b: Shape) -> int:
    """Any form of `torch.matmul`: vectors, matrices, broadcast batches."""
    left, right = (a if len(a) > 1 else (1, *a)), (b if len(b) > 1 else (*b, 1))
    batch = prod(broadcast(left[:-2], right[:-2]))
    return batch * left[-2] * left[-1] * right[-1]


def broadcast(*shapes: Shape) -> tuple[int, ...]:
    """The shape that shapes broadcast to."""
    width = max((len(shape) for shape in shapes), default=0)
    full = [(1,) * (width - len(shape)) + tuple(shape) for shape in shapes]
    return tuple(0 if 0 in sizes else max(sizes) for sizes in zip(*full, strict=True))


def convolution(x: Shape, weight: Shape, out: Shape, *, transposed: bool) -> int:
    """Grouped or not, of any dimension: each weight is used once an output position (transposed: an input position)."""
    spatial = len(weight) - 2
    batch = x[0] if len(x) == spatial + 2 else 1
    places = (x if transposed else out)[-spatial:]
    return batch * prod(places) * prod(weight)


def bilinear(x: Shape, weight: Shape) -> int:
    """`nn.Bilinear` of (..., in1), (..., in2) with a weight (out, in1, in2): first in1 is summed, then in2."""
    out, _, second = weight
    return prod(x[:-1]) * (prod(weight) + out * second)


def attention(query: Shape, key: Shape, value: Shape) -> int:
    """Scores and weighted sum of (..., queries, width), (..., keys, width), (..., keys, value width)."""
    heads = prod(broadcast(query[:-2], key[:-2]))
    return heads * query[-2] * key[-2] * (query[-1] + value[-1])


def self_attention(batch: int, length: int, width: int) -> int:
    """`nn.MultiheadAttention` of a sequence with itself: four projections, scores and weighted sum."""
    return batch * length * width * (4 * width + 2 * length)


def recurrent(weights: Sequence[Shape], steps: int) -> int:
    """Each matrix of a recurrent network works once a time step and clip; vectors are biases."""
    return steps * sum(prod(shape) for shape in weights if len(shape) == 2)


def fourier(length: int, transforms: int, *, real: bool) -> int:
    """A fast Fourier transform by halving: n log2 n products of real numbers for real input, twice that for complex."""
    return transforms * length * ceil(log2(max(length, 2))) * (1 if real else 2)


def einsum(equation: str, shapes: Sequence[Shape], path: Sequence[int] | None = None) -> tuple[int, int]:
    """(MACs, open products) of `torch.einsum`, pair by pair from the left, or in the order of `path`.

    A pair without an index (of more than one) to sum over is a product element by element. Ellipses stand for leading
    dimensions.
    """
    inputs, output = _indices(equation, shapes)
    sizes: dict[str, int] = {}
    for term, shape in zip(inputs, shapes, strict=True):
        sizes.update({index: max(size, sizes.get(index, 1)) for index, size in zip(term, shape, strict=True)})
    terms, macs, open_products = list(inputs), 0, 0
    pairs = list(path) if path else [0, 1] * (len(terms) - 1)
    for first, second in zip(pairs[::2], pairs[1::2], strict=True):
        high, low = terms.pop(max(first, second)), terms.pop(min(first, second))
        kept = set(output).union(*terms)
        left, right = (_needed(low, high, kept), _needed(high, low, kept))
        shared = {index for index in (set(left) & set(right)) - kept if sizes[index] > 1}
        cost = prod(sizes[index] for index in set(left) | set(right))
        macs, open_products = (macs + cost, open_products) if shared else (macs, open_products + cost)
        joined = "".join(index for index in dict.fromkeys(left + right) if index in kept)
        terms = [*terms, joined] if path else [joined, *terms]
    return macs, open_products


def _needed(term: str, other: str, kept: set[str]) -> str:
    """The indices of a term that are not summed before the pair is multiplied."""
    return "".join(index for index in term if index in kept or index in other)


def _indices(equation: str, shapes: Sequence[Shape]) -> tuple[list[str], str]:
    """The terms of an equation with each ellipsis written out in capital letters of their own."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    dots = [
        len(shape) - len(term.replace("...", "")) if "..." in term else 0
        for term, shape in zip(terms, shapes, strict=True)
    ]
    letters = "".join(chr(0x100 + i) for i in range(max(dots, default=0)))
    full = [term.replace("...", letters[len(letters) - n :]) for term, n in zip(terms, dots, strict=True)]
    if not arrow:
        every = "".join(full)
        right = letters + "".join(sorted(index for index in set(every) - set(letters) if every.count(index) == 1))
    return full, right.replace("...", letters)
