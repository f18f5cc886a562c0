"""Random stacks of layers cost what hand formulas say, by the trace and by the meter.

The formulas are derived here from the definition alone: a MAC is a product that is added to others, so a layer that
contracts costs what it gives times what each number of it is summed from (padding included, as if it were stored).
Bias, activations, norms in evaluation mode, pooling, dropout, residual additions and reshapes are free.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from harness.results import Complexity
from tests.harness.complexity.probes import count

pytestmark = [
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning"),
    pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN:UserWarning"),
]

Shape = tuple[int, ...]
Axes = tuple[int, int]

LARGEST = 1_500
"""Numbers of one clip between two layers: a stack crops what is larger, so that an example takes milliseconds."""


def examples(number: int) -> settings:
    """The same examples in every run; phases leave out the explanation, which traces every line and takes minutes."""
    return settings(
        max_examples=number, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )  # fmt: skip


class Layer(NamedTuple):
    """A module, the shape that it gives for one clip, and what it costs by hand."""

    module: nn.Module
    gives: Shape
    macs: int


def shape_after(module: nn.Module, takes: Shape) -> Shape:
    with torch.no_grad():
        return tuple(module.eval()(torch.randn(1, *takes)).shape[1:])


def layer(module: nn.Module, takes: Shape, macs: int = 0) -> Layer:
    return Layer(module, shape_after(module, takes), macs)


class Does(nn.Module):
    """A module that does what it is given to its input, with modules and weights of its own in `held`."""

    def __init__(self, does: Callable[[Any, Tensor], Tensor], /, **held: nn.Module | Tensor) -> None:
        super().__init__()
        self.does = does
        for name, value in held.items():
            setattr(self, name, nn.Parameter(value) if isinstance(value, Tensor) else value)

    def forward(self, x: Tensor) -> Tensor:
        return self.does(self, x)


def fitted(y: Tensor, shape: Sequence[int]) -> Tensor:
    """`y` repeated and cropped to another shape: free."""
    size, flat = prod(shape), y.flatten(1)
    return flat.repeat(1, -(-size // flat.shape[1]))[:, :size].reshape(len(y), *shape)


def weight(*shape: int) -> Tensor:
    return torch.randn(shape) * 0.1


def divisors(number: int) -> st.SearchStrategy[int]:
    return st.sampled_from([one for one in range(1, number + 1) if number % one == 0])


flags = st.booleans()
few = st.integers(1, 5)


# Convolutions: takes (channels, *space).


@st.composite
def convolution(draw: st.DrawFn, takes: Shape) -> Layer:
    channels, *space = takes
    groups = draw(divisors(channels))
    gives = groups * draw(st.integers(1, max(1, 8 // groups)))
    same = draw(flags)
    padding = [0 if same else draw(st.integers(0, 2)) for _ in space]
    dilation = [draw(st.integers(1, 3)) for _ in space]
    most = [5 if same else min(5, (n + 2 * p - 1) // d + 1) for n, p, d in zip(space, padding, dilation, strict=True)]
    kernel = [draw(st.integers(1, top)) for top in most]
    stride = [1 if same else draw(st.integers(1, 3)) for _ in space]
    kind: Any = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[len(space) - 1]
    module = kind(
        channels, gives, tuple(kernel), tuple(stride), "same" if same else tuple(padding), tuple(dilation), groups,
        bias=draw(flags), padding_mode=draw(st.sampled_from(["zeros", "zeros", "replicate"])),
    )  # fmt: skip
    shape = shape_after(module, takes)
    return Layer(module, shape, prod(shape) * (channels // groups) * prod(kernel))


@st.composite
def transposed_convolution(draw: st.DrawFn, takes: Shape) -> Layer:
    """Each number that comes in meets each number of the kernel, also where padding drops the product."""
    channels, *space = takes
    groups = draw(divisors(channels))
    gives = groups * draw(st.integers(1, max(1, 8 // groups)))
    kernel = [draw(st.integers(1, 4)) for _ in space]
    stride = [draw(st.integers(1, 3)) for _ in space]
    dilation = [draw(st.integers(1, 2)) for _ in space]
    more = [draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True)]
    ends = [(n - 1) * s + d * (k - 1) + o for n, s, d, k, o in zip(space, stride, dilation, kernel, more, strict=True)]
    padding = [draw(st.integers(0, min(2, end // 2))) for end in ends]
    kind: Any = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)[len(space) - 1]
    module = kind(
        channels, gives, tuple(kernel), tuple(stride), tuple(padding), tuple(more), groups, draw(flags), tuple(dilation)
    )
    return layer(module, takes, prod(takes) * (gives // groups) * prod(kernel))


# Matrices.


@st.composite
def linear(draw: st.DrawFn, takes: Shape) -> Layer:
    gives = draw(st.integers(1, 9))
    return layer(nn.Linear(takes[-1], gives, bias=draw(flags)), takes, prod(takes) * gives)


@st.composite
def matrix_product(draw: st.DrawFn, takes: Shape) -> Layer:
    """A product of (*, rows, columns) with weights from either side, or with itself."""
    *outer, rows, columns = takes
    new, many = draw(few), prod(outer)
    choices: dict[str, tuple[Callable[[Any, Tensor], Tensor], Shape, int]] = {
        "right": (lambda s, x: x @ s.w, (columns, new), prod(takes) * new),
        "left": (lambda s, x: s.w @ x, (new, rows), prod(takes) * new),
        "batched": (lambda s, x: x @ s.w, (*outer, columns, new), prod(takes) * new),
        "broadcast": (lambda s, x: x.unsqueeze(1) @ s.w, (new, *[1] * len(outer), columns, 2), prod(takes) * new * 2),
        "vector": (lambda s, x: torch.matmul(x, s.w).unsqueeze(-1), (columns,), prod(takes)),
        "gram": (lambda _, x: x @ x.mT, (), many * rows * rows * columns),
        "tensordot": (lambda s, x: torch.tensordot(x, s.w, dims=1), (columns, new, 2), prod(takes) * new * 2),
        "bmm": (
            lambda s, x: torch.bmm(x.reshape(-1, rows, columns), s.w).reshape(len(x), *outer, rows, new),
            (many, columns, new), prod(takes) * new,
        ),
        "baddbmm": (
            lambda s, x: torch.baddbmm(s.w[:, :1], x.reshape(-1, rows, columns), s.w).reshape(1, *outer, rows, new),
            (many, columns, new), prod(takes) * new,
        ),
        "addmm": (
            lambda s, x: torch.addmm(s.w[0], x.reshape(-1, columns), s.w).reshape(len(x), *outer, rows, new),
            (columns, new), prod(takes) * new,
        ),
    }  # fmt: skip
    does, shape, macs = choices[draw(st.sampled_from(sorted(choices)))]
    return layer(Does(does, w=weight(*shape)), takes, macs)


@st.composite
def bilinear(draw: st.DrawFn, takes: Shape) -> Layer:
    """Pair by pair: x1 with each matrix, what comes out with x2."""
    gives, second, columns = draw(few), draw(st.integers(1, takes[-1])), takes[-1]
    module = Does(lambda s, x: s.form(x, x[..., :second]), form=nn.Bilinear(columns, second, gives, bias=draw(flags)))
    return layer(module, takes, prod(takes[:-1]) * gives * second * (columns + 1))


def pairs(equation: str) -> Iterator[tuple[set[str], set[str]]]:
    """(letters, those summed) of each product of two tensors, from left to right.

    A letter that one of the two has alone, and nobody needs later, is summed before: there is nothing to multiply.
    """
    operands, gives = equation.split("->")
    first, *others = map(set, operands.split(","))
    for number, second in enumerate(others):
        needed = set(gives).union(*others[number + 1 :])
        yield (first & second) | ((first | second) & needed), (first & second) - needed
        first = (first | second) & needed


def einsum_macs(equation: str, sizes: dict[str, int]) -> int:
    """MACs of an equation: a pair of tensors that sums nothing multiplies element by element."""
    return sum(prod(sizes[letter] for letter in letters) for letters, summed in pairs(equation) if summed)


@st.composite
def equations(draw: st.DrawFn, takes: Shape, operands: int) -> tuple[str, dict[str, int]]:
    """An equation of an activation "z..." (z: the batch) and weights, and sizes of letters.

    Its last product sums, and nothing of size one, so that no product is left over for the next layer to sum.
    """
    mine = "abcd"[: len(takes)]
    sizes = {**dict(zip(mine, takes, strict=True)), "z": 1, "m": draw(st.integers(2, 5)), "n": draw(st.integers(1, 5))}
    letters, terms = mine + "mn", ["z" + mine]
    for _ in range(operands - 1):
        chosen = draw(st.lists(st.sampled_from(letters), min_size=1, max_size=4, unique=True))
        terms.append("".join(chosen))
    used = sorted({letter for term in terms for letter in term} - {"z"})
    kept = draw(st.lists(st.sampled_from(used), min_size=1, max_size=3, unique=True))
    equation = f"{','.join(terms)}->z{''.join(kept)}"
    every = [summed for _, summed in pairs(equation)]
    assume(every[-1] and all(sizes[letter] > 1 for summed in every for letter in summed))
    return equation, sizes


def einsum(operands: int) -> Callable[[Shape], st.SearchStrategy[Layer]]:
    @st.composite
    def made(draw: st.DrawFn, takes: Shape) -> Layer:
        equation, sizes = draw(equations(takes, operands))
        shapes = [[sizes[letter] for letter in term] for term in equation.split("->")[0].split(",")[1:]]
        weights = {f"w{number}": weight(*shape) for number, shape in enumerate(shapes)}
        module = Does(lambda s, x: torch.einsum(equation, x, *s.parameters()), **weights)
        module.extra_repr = lambda: f"{equation}, {sizes}"  # type: ignore[method-assign]
        return layer(module, takes, einsum_macs(equation, sizes))

    return made


# Recurrence and attention: takes (steps, features).


@st.composite
def recurrence(draw: st.DrawFn, takes: Shape) -> Layer:
    steps, features = takes
    name = draw(st.sampled_from(["GRU", "LSTM", "RNN", "LSTM with projection"]))
    hidden, layers, both = draw(st.integers(2, 6)), draw(st.integers(1, 3)), draw(flags)
    proj = draw(st.integers(1, hidden - 1)) if "projection" in name else 0
    kind: Any = getattr(nn, name.split()[0])
    gates, state, ways = {"GRU": 3, "LSTM": 4, "RNN": 1}[name.split()[0]], proj or hidden, 1 + both
    module = kind(
        features,
        hidden,
        layers,
        bias=draw(flags),
        batch_first=True,
        bidirectional=both,
        **{"proj_size": proj} if proj else {},
    )
    macs = 0
    for number in range(layers):
        comes_in = features if number == 0 else ways * state
        macs += ways * steps * (gates * hidden * (comes_in + state) + proj * hidden)
    return layer(Does(lambda s, x: s.cells(x)[0], cells=module), takes, macs)


def attention_macs(queries: int, keys: int, width: int, *, takes: tuple[int, int], more_keys: int = 0) -> int:
    """Projections of queries, keys and values, scores, weighted sums, and the projection of those."""
    projections = 2 * queries * width * width + keys * sum(takes) * width
    return projections + 2 * queries * (keys + more_keys) * width


@st.composite
def self_attention(draw: st.DrawFn, takes: Shape) -> Layer:
    steps, width = takes
    with_bias, with_zero = draw(flags), draw(flags)
    attention = nn.MultiheadAttention(
        width, draw(divisors(width)), dropout=0.1, bias=draw(flags), add_bias_kv=with_bias, add_zero_attn=with_zero,
        batch_first=True,
    )  # fmt: skip
    says, averaged = draw(flags), draw(flags)
    module = Does(
        lambda s, x: s.attention(x, x, x, need_weights=says, average_attn_weights=averaged)[0], attention=attention
    )
    more = with_bias + with_zero
    return layer(module, takes, attention_macs(steps, steps, width, takes=(width, width), more_keys=more))


@st.composite
def cross_attention(draw: st.DrawFn, takes: Shape) -> Layer:
    """Keys and values are learnt, and of another length and width."""
    steps, width = takes
    keys, kdim, vdim, says = draw(few), draw(few), draw(few), draw(flags)
    attention = nn.MultiheadAttention(width, draw(divisors(width)), kdim=kdim, vdim=vdim, batch_first=True)
    module = Does(
        lambda s, x: s.attention(x, s.k.expand(len(x), -1, -1), s.v.expand(len(x), -1, -1), need_weights=says)[0],
        attention=attention, k=weight(keys, kdim), v=weight(keys, vdim),
    )  # fmt: skip
    return layer(module, takes, attention_macs(steps, keys, width, takes=(kdim, vdim)))


@st.composite
def encoder_layers(draw: st.DrawFn, takes: Shape) -> Layer:
    steps, width = takes
    inner, number = draw(st.integers(1, 9)), draw(st.integers(1, 2))
    first = nn.TransformerEncoderLayer(
        width, draw(divisors(width)), inner, activation=draw(st.sampled_from(["relu", "gelu"])), batch_first=True,
        norm_first=draw(flags), bias=draw(flags),
    )  # fmt: skip
    module = first if number == 1 else nn.TransformerEncoder(first, number, enable_nested_tensor=False)
    each = attention_macs(steps, steps, width, takes=(width, width)) + 2 * steps * width * inner
    return layer(module, takes, number * each)


@st.composite
def decoder_layer(draw: st.DrawFn, takes: Shape) -> Layer:
    steps, width = takes
    inner, keys = draw(st.integers(1, 9)), draw(few)
    decoder = nn.TransformerDecoderLayer(width, draw(divisors(width)), inner, batch_first=True, norm_first=draw(flags))
    module = Does(
        lambda s, x: s.decoder(x, s.memory.expand(len(x), -1, -1)), decoder=decoder, memory=weight(keys, width)
    )
    attentions = sum(attention_macs(steps, length, width, takes=(width, width)) for length in (steps, keys))
    return layer(module, takes, attentions + 2 * steps * width * inner)


def scaled_dot_product_attention(*, fused: bool) -> Callable[[Shape], st.SearchStrategy[Layer]]:
    """Attention of (heads, steps, width) to learnt keys or to itself.

    Not `fused`: values of another width than keys, in any layout; torch has no kernel of its own for those on a CPU.
    """

    @st.composite
    def to_learnt(draw: st.DrawFn, takes: Shape) -> Layer:
        heads, steps, width = takes
        keys, shared, values = draw(few), draw(divisors(heads)), width if fused else draw(few)
        held = {"k": weight(1, shared, keys, width), "v": weight(1, shared, keys, values)}
        mask = draw(st.sampled_from(["none", "learnt", "causal"]))
        if mask == "learnt":
            held["mask"] = weight(steps, keys)

        def does(s: Any, x: Tensor) -> Tensor:
            added, causal = (s.mask if mask == "learnt" else None), mask == "causal"
            queries = x.clone(memory_format=torch.contiguous_format)
            return F.scaled_dot_product_attention(
                queries, s.k, s.v, added, is_causal=causal, enable_gqa=shared != heads
            )

        return layer(Does(does, **held), takes, heads * steps * keys * (width + values))

    @st.composite
    def to_itself(draw: st.DrawFn, takes: Shape) -> Layer:
        heads, steps, width = takes
        values, causal = width if fused else draw(st.integers(1, width)), draw(flags)

        def does(_: Any, x: Tensor) -> Tensor:
            queries = x.clone(memory_format=torch.contiguous_format) if fused else x
            return F.scaled_dot_product_attention(queries, queries.flip(2), queries[..., :values], is_causal=causal)

        return layer(Does(does), takes, heads * steps * steps * (width + values))

    return lambda takes: to_learnt(takes) | to_itself(takes)


# Gates: takes (channels, *space). Products of a gate are free before another layer, and count where they are summed.


@st.composite
def excitation(draw: st.DrawFn, takes: Shape) -> Layer:
    """Squeeze and excite: a number for each channel from the means over space."""
    channels, *space = takes
    inner, gives, summed = draw(few), draw(few), draw(flags)
    axes = tuple(range(2, 2 + len(space)))

    def gated(s: Any, x: Tensor) -> Tensor:
        opened = torch.sigmoid(s.up(F.relu(s.down(x.mean(axes)))))
        return x * opened.reshape(len(x), -1, *[1] * len(space))

    held: dict[str, nn.Module] = {"down": nn.Linear(channels, inner), "up": nn.Linear(inner, channels)}
    if summed and prod(space) > 1:
        return layer(Does(lambda s, x: gated(s, x).mean(axes), **held), takes, 2 * channels * inner + prod(takes))
    out = nn.Linear(channels, gives)
    module = Does(lambda s, x: s.out(gated(s, x).movedim(1, -1)).movedim(-1, 1), out=out, **held)
    return layer(module, takes, 2 * channels * inner + prod(takes) * gives)


@st.composite
def gated_linear_unit(draw: st.DrawFn, takes: Shape) -> Layer:
    """Half of what a linear layer gives, times a gate that the other half opens."""
    columns, gives, summed = takes[-1], draw(st.integers(2, 5)), draw(flags)
    held: dict[str, nn.Module] = {"wide": nn.Linear(columns, 2 * gives), "unit": nn.GLU(-1)}
    macs = prod(takes) * 2 * gives
    if summed:
        module = Does(lambda s, x: s.unit(s.wide(x)).sum(-1), **held)
        return layer(module, takes, macs + prod(takes[:-1]) * gives)
    module = Does(lambda s, x: s.out(s.unit(s.wide(x))), out=nn.Linear(gives, 3), **held)
    return layer(module, takes, macs + prod(takes[:-1]) * gives * 3)


# What is free.

ACTIVATIONS: tuple[Callable[[], nn.Module], ...] = (
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish, nn.Hardsigmoid, nn.Sigmoid,
    nn.Tanh, nn.Softplus, nn.PReLU, nn.Identity, nn.Dropout, nn.LogSigmoid,
    lambda: nn.GELU("tanh"), lambda: nn.Softmax(-1), lambda: nn.LogSoftmax(1),
)  # fmt: skip


@st.composite
def activation(draw: st.DrawFn, takes: Shape) -> Layer:
    if draw(st.integers(0, 5)) == 0:
        return layer(nn.PReLU(takes[0]), takes)
    return layer(draw(st.sampled_from(ACTIVATIONS))(), takes)


@st.composite
def norm(draw: st.DrawFn, takes: Shape) -> Layer:
    channels, *space = takes
    affine = draw(flags)
    kinds: list[Callable[[], nn.Module]] = [
        lambda: nn.LayerNorm(takes[-1], elementwise_affine=affine),
        lambda: nn.LayerNorm(list(takes), bias=False),
        lambda: nn.RMSNorm(takes[-1]),
    ]
    if channels * prod(space) > 1 and prod(space) > 1:
        kinds.append(lambda: nn.GroupNorm(draw(divisors(channels)), channels, affine=affine))
    if len(space) <= 3:
        batch: Any = (nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)[len(space)]
        kinds.append(lambda: batch(channels, affine=affine))
    if 1 <= len(space) <= 3 and prod(space) > 1:
        instance: Any = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)[len(space) - 1]
        tracked = draw(flags)
        kinds.append(lambda: instance(channels, affine=affine, track_running_stats=tracked))
    return layer(draw(st.sampled_from(kinds))(), takes)


@st.composite
def pooling(draw: st.DrawFn, takes: Shape) -> Layer:
    _, *space = takes
    axes, modules = len(space), torch.nn
    name = draw(st.sampled_from(["Max", "Avg", "AdaptiveMax", "AdaptiveAvg", "mean", "amax", "sum"]))
    if name in {"mean", "amax", "sum"}:
        over = draw(st.sampled_from(range(1, 1 + len(takes))))
        return layer(Does(lambda _, x: getattr(x, name)(over, keepdim=True)), takes)
    kind: Any = getattr(modules, f"{name}Pool{axes}d")
    if name.startswith("Adaptive"):
        return layer(kind(tuple(draw(st.integers(1, 6)) for _ in space)), takes)
    kernel = tuple(draw(st.integers(1, min(4, size))) for size in space)
    stride = tuple(draw(st.integers(1, 3)) for _ in space)
    padding = tuple(draw(st.integers(0, size // 2)) for size in kernel)
    return layer(kind(kernel, stride, padding, ceil_mode=draw(flags)), takes)


@st.composite
def reshape(draw: st.DrawFn, takes: Shape) -> Layer:
    order = tuple(draw(st.permutations(range(1, 1 + len(takes)))))
    choices: list[Callable[[Any, Tensor], Tensor]] = [
        lambda _, x: x.permute(0, *order),
        lambda _, x: x.permute(0, *order).flatten(1, -1 if len(order) < 3 else 2),
        lambda _, x: x.flatten(1).unsqueeze(1),
        lambda _, x: torch.cat([x, x.flip(1)], order[0]),
        lambda _, x: torch.stack(x.chunk(2, order[0])[:1] * 2, 1).flatten(1, 2),
        lambda _, x: F.pad(x, (1, 1)),
        lambda _, x: x.roll(1, order[0]).narrow(order[0], 0, 1),
    ]
    return layer(Does(draw(st.sampled_from(choices))), takes)


# Stacks.


class Kind(NamedTuple):
    """Layers of one kind, and for how few and how many axes there are some."""

    layers: Callable[[Shape], st.SearchStrategy[Layer]]
    axes: Axes


CONTRACTIONS = {
    "convolution": Kind(convolution, (2, 4)),
    "transposed convolution": Kind(transposed_convolution, (2, 4)),
    "linear": Kind(linear, (1, 4)),
    "matrix product": Kind(matrix_product, (2, 4)),
    "einsum of two": Kind(einsum(2), (1, 4)),
    "einsum of three": Kind(einsum(3), (1, 3)),
    "recurrence": Kind(recurrence, (2, 2)),
    "self-attention": Kind(self_attention, (2, 2)),
    "cross-attention": Kind(cross_attention, (2, 2)),
    "encoder layers": Kind(encoder_layers, (2, 2)),
    "decoder layer": Kind(decoder_layer, (2, 2)),
    "scaled dot product attention": Kind(scaled_dot_product_attention(fused=True), (3, 3)),
    "excitation": Kind(excitation, (2, 4)),
    "gated linear unit": Kind(gated_linear_unit, (2, 4)),
    "bilinear": Kind(bilinear, (1, 3)),
    "attention without a kernel of its own": Kind(scaled_dot_product_attention(fused=False), (3, 3)),
}
FREE = {
    "activation": Kind(activation, (1, 4)),
    "norm": Kind(norm, (1, 4)),
    "pooling": Kind(pooling, (2, 4)),
    "reshape": Kind(reshape, (1, 4)),
}
KINDS = CONTRACTIONS | FREE


@st.composite
def shapes(draw: st.DrawFn, axes: Axes = (1, 4)) -> Shape:
    number = draw(st.integers(*axes))
    largest = (12, 9, 7, 4)[number - 1]
    return tuple(draw(st.integers(1, largest)) for _ in range(number))


class Stack(NamedTuple):
    """A network, the shape that it takes for one clip, and what it costs by hand."""

    network: nn.Module
    takes: Shape
    macs: int


def of_kind(name: str) -> st.SearchStrategy[Stack]:
    @st.composite
    def made(draw: st.DrawFn) -> Stack:
        kind = KINDS[name]
        takes = draw(shapes(kind.axes))
        one = draw(kind.layers(takes))
        return Stack(one.module, takes, one.macs)

    return made()


def cropped(shape: Shape) -> nn.Module:
    small = tuple(min(size, 5) for size in shape[-4:])
    return Does(lambda _, x: fitted(x, small))


@st.composite
def layers(draw: st.DrawFn, takes: Shape) -> Layer:
    """A layer of any kind that takes this shape."""
    if not 1 <= len(takes) <= 4 or prod(takes) > LARGEST:
        return layer(cropped(takes), takes)
    names = [name for name, kind in KINDS.items() if kind.axes[0] <= len(takes) <= kind.axes[1]]
    return draw(KINDS[draw(st.sampled_from(names))].layers(takes))


@st.composite
def stacks(draw: st.DrawFn) -> Stack:
    """One to five layers after each other; some are the branch of a residual connection."""
    takes = shape = draw(shapes())
    modules: list[nn.Module] = []
    macs = 0
    for _ in range(draw(st.integers(1, 5))):
        one = draw(layers(shape))
        if draw(st.integers(0, 3)) == 0:
            one = layer(Does(lambda s, x: x + fitted(s.branch(x), x.shape[1:]), branch=one.module), shape, one.macs)
        modules.append(one.module)
        shape, macs = one.gives, macs + one.macs
    return Stack(nn.Sequential(*modules), takes, macs)


def agreed(stack: Stack) -> Complexity:
    """What the stack costs, once both counts and the formula agree."""
    found = count(stack.network, *stack.takes)
    assert (found.traced_macs, found.metered_macs) == (stack.macs, stack.macs)
    assert found.macs == stack.macs
    return found


def numbers(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("name", ["convolution", "transposed convolution", "linear"])
@examples(20)
@given(data=st.data())
def test_the_formula_is_how_many_ones_the_layer_adds_up(name: str, data: st.DataObject) -> None:
    """With ones everywhere, in the padding too, what a layer gives adds up to how many products it has summed."""
    stack = data.draw(of_kind(name))
    module = stack.network.double()
    for key, parameter in module.named_parameters():
        nn.init.constant_(parameter, float(key != "bias"))
    if name == "convolution":
        module.padding_mode = "replicate"  # type: ignore[assignment]
    if name == "transposed convolution":
        module.padding = (0,) * len(module.padding)  # type: ignore[arg-type]
    with torch.no_grad():
        assert module(torch.ones(1, *stack.takes, dtype=torch.float64)).sum() == stack.macs


@pytest.mark.parametrize("name", CONTRACTIONS)
@examples(10)
@given(data=st.data())
def test_a_layer_costs_what_its_formula_says(name: str, data: st.DataObject) -> None:
    assert agreed(data.draw(of_kind(name))).macs > 0


@pytest.mark.parametrize("name", FREE)
@examples(15)
@given(data=st.data())
def test_a_layer_that_only_rescales_is_free(name: str, data: st.DataObject) -> None:
    assert agreed(data.draw(of_kind(name))).macs == 0


@examples(70)
@given(stacks())
def test_a_stack_costs_what_its_layers_cost_together(stack: Stack) -> None:
    assert agreed(stack).parameters == numbers(stack.network)


@examples(25)
@given(stacks())
def test_rows_of_modules_add_up_to_the_whole(stack: Stack) -> None:
    found = count(stack.network, *stack.takes)
    assert sum(row.macs for row in found.modules) == found.macs
    assert sum(row.size for row in found.modules) == found.parameter_bytes
    assert sum(row.parameters for row in found.modules) == found.parameters


@examples(20)
@given(stacks())
def test_two_passes_of_one_network_double_its_products_and_not_its_parameters(stack: Stack) -> None:
    twice = Does(lambda s, x: s.network(fitted(s.network(x), x.shape[1:])), network=stack.network)
    found = agreed(Stack(twice, stack.takes, 2 * stack.macs))
    assert found.parameters == numbers(stack.network)
    assert found.parameter_bytes == count(stack.network, *stack.takes).parameter_bytes


# Bytes.

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
STORED = (
    *FLOATS,
    torch.int8,
    torch.uint8,
    torch.int16,
    torch.int32,
    torch.float8_e4m3fn,
    torch.float8_e5m2,
    torch.bool,
)
BITS = {
    torch.float64: 64, torch.float32: 32, torch.int32: 32, torch.float16: 16, torch.bfloat16: 16, torch.int16: 16,
    torch.int8: 8, torch.uint8: 8, torch.float8_e4m3fn: 8, torch.float8_e5m2: 8, torch.bool: 8,
}  # fmt: skip


class Mixed(nn.Module):
    """Layers that each compute in the type of their weights, between matrices that are stored in another type."""

    def __init__(self, width: int, computing: Sequence[torch.dtype], stored: Sequence[torch.dtype]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), nn.PReLU(), nn.LayerNorm(width)).to(dtype) for dtype in computing
        )
        for number, dtype in enumerate(stored):
            self.register_buffer(f"stored{number}", torch.randn(width, width).mul(3).abs().to(dtype))

    def forward(self, x: Tensor) -> Tensor:
        for one in self.layers:
            x = one(x.to(next(one.parameters()).dtype)).float()
        for matrix in self.buffers():
            x = x @ matrix.float()
        return x


@examples(25)
@given(st.integers(1, 9), st.lists(st.sampled_from(FLOATS), max_size=4), st.lists(st.sampled_from(STORED), max_size=4))
def test_every_number_is_as_many_bytes_as_its_type_says(
    width: int, computing: list[torch.dtype], stored: list[torch.dtype]
) -> None:
    network, a_layer, a_matrix = Mixed(width, computing, stored), width * width + 3 * width + 1, width * width
    sizes: Counter[str] = Counter()
    for dtype, many in [*((dtype, a_layer) for dtype in computing), *((dtype, a_matrix) for dtype in stored)]:
        sizes[str(dtype).removeprefix("torch.")] += many * BITS[dtype] // 8
    found = agreed(Stack(network, (width,), a_matrix * (len(computing) + len(stored))))
    assert found.bytes_by_dtype == dict(sizes)
    assert found.parameter_bytes == sum(sizes.values())
    assert found.parameters == a_layer * len(computing)


# Where the two counts and the formulas once disagreed.


ATTENTION: dict[str, tuple[Callable[[Any, Tensor], Tensor], Shape, int]] = {
    "narrow values": (lambda _, x: F.scaled_dot_product_attention(x, x, x[..., :1]), (2, 3, 2), 2 * 9 * 3),
    "no axis of heads": (lambda _, x: F.scaled_dot_product_attention(x, x, x), (3, 2), 9 * 4),
    "a transposed query": (lambda _, x: F.scaled_dot_product_attention(x.mT, x, x), (2, 3, 3), 2 * 9 * 6),
}


@pytest.mark.parametrize("name", ATTENTION)
def test_attention_for_which_torch_has_no_kernel_of_its_own_is_counted(name: str) -> None:
    does, takes, macs = ATTENTION[name]
    agreed(Stack(Does(does), takes, macs))


def test_a_bilinear_layer_costs_what_it_costs_as_an_einsum() -> None:
    """torch multiplies x1 by the weights, sums, multiplies that by x2, and sums again: 30 products and then 6."""
    written = Does(lambda s, x: torch.einsum("zi,oij,zj->zo", x, s.w, x[:, :2]), w=weight(3, 5, 2))
    assert agreed(Stack(written, (5,), 36)).macs == 36
    agreed(Stack(Does(lambda s, x: F.bilinear(x, x[:, :2], s.w), w=weight(3, 5, 2)), (5,), 36))


def test_both_counts_agree_on_an_einsum_over_an_index_of_size_one() -> None:
    found = count(Does(lambda s, x: torch.einsum("zi,oi->zo", x, s.w), w=weight(3, 1)), 1)
    assert found.traced_macs == found.metered_macs == sum(row.macs for row in found.modules)


@pytest.mark.parametrize(
    "does", [lambda s, x: F.linear(x, s.w), lambda s, x: x @ s.w.mT], ids=["linear", "matrix product"]
)
def test_a_matrix_of_one_column_costs_a_product_a_row(does: Callable[[Any, Tensor], Tensor]) -> None:
    agreed(Stack(Does(does, w=weight(3, 1)), (1,), 3))


def test_a_gated_linear_unit_costs_what_it_costs_by_hand() -> None:
    """An operator of torch for a gate is a gate: free alone, a MAC a product where the products are summed."""
    agreed(Stack(nn.GLU(-1), (5, 4), 0))
    agreed(Stack(Does(lambda _, x: F.glu(x).sum(-1)), (5, 4), 10))
    agreed(Stack(Does(lambda _, x: (x[..., :2] * x[..., 2:].sigmoid()).sum(-1)), (5, 4), 10))
