"""The second count: every operator that runs while clips are predicted, as the dispatcher of torch sees it.

Independent of the trace: composite operators are taken apart by torch itself, formulas come from
`torch.utils.flop_counter`, and it sees what a trace does not: branches on the data, where every tensor comes from,
which weights are read, and numbers that enter from outside torch.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import prod
from types import TracebackType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from harness.complexity import formulas
from harness.complexity.flow import ENDS, LAYOUT_KEPT, Axes, Flow, Products, made_of
from harness.complexity.inventory import unpacked
from harness.complexity.operators import IN_EVALUATION, Kind, Operator, base_name, known

TAKEN_APART = frozenset(
    f"aten::{name}"
    for name in [
        "linear",
        "matmul",
        "linalg_matmul",
        "einsum",
        "tensordot",
        "inner",
        "conv1d",
        "conv2d",
        "conv3d",
        "conv_transpose1d",
        "conv_transpose2d",
        "conv_transpose3d",
        "_convolution_mode",
        "scaled_dot_product_attention",
        "stft",
        "chain_matmul",
        "linalg_multi_dot",
        "fft_fft",
        "fft_ifft",
        "fft_rfft",
        "fft_irfft",
        "fft_fft2",
        "fft_ifft2",
        "fft_rfft2",
        "fft_irfft2",
        "fft_fftn",
        "fft_ifftn",
        "fft_rfftn",
        "fft_irfftn",
        "linalg_vecdot",
        "embedding_bag",
    ]
)
"""Composite operators that torch takes apart before they are counted, so that this count does not repeat the trace's."""

WHOLE = "predict"
"""The name of what runs in no module of the classifier."""


OTHER_MEMORY = frozenset({"aten::set_", "aten::from_file"})
"""Operators that give a tensor memory whose numbers no operator has made: it is looked at when it is first read."""

OVERWRITES = frozenset({"aten::copy_", "aten::zero_", "aten::fill", "aten::zero"})
"""Operators that write their first tensor without reading it."""


class _Call(NamedTuple):
    """An operator that is about to run."""

    func: Any
    name: str
    operator: Operator | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Origin(NamedTuple):
    """Where a tensor's numbers come from: the clip or not, and which held tensors they are a plain copy of."""

    of_the_clip: bool
    copies: frozenset[str] = frozenset()


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
    MACs gave. `outside` are the tensors that came from nowhere (first reader, bytes, digest), `overwritten` the operators that found
    memory changed by something else; `decisions` the operators that let
    the clip decide what happens next; `numbers` the Python numbers that operators were given, in order.
    """

    macs: Counter[str] = field(default_factory=Counter)
    frontend_macs: int = 0
    free: int = 0
    frontend_free: int = 0
    unknown: Counter[tuple[str, str]] = field(default_factory=Counter)
    draws: Counter[tuple[str, str]] = field(default_factory=Counter)
    decisions: Counter[tuple[str, str]] = field(default_factory=Counter)
    outside: dict[str, tuple[str, int, str]] = field(default_factory=dict)
    overwritten: set[str] = field(default_factory=set)
    read: set[str] = field(default_factory=set)
    read_in_network: set[str] = field(default_factory=set)
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

    def saw(self, name: str, kind: Kind, operands: Sequence[Operand], *, sums_constants: bool) -> None:
        """An operator ran inside the frontend."""


class Meter:
    """Counts what runs inside its block. `held` names the tensors of the classifier by their storages.

    While it `verifies`, memory that changes between two operators is noticed: something other than torch wrote there.
    """

    def __init__(self, classifier: nn.Module, held: Mapping[int, str], watcher: Watcher | None = None) -> None:
        self.reading = Reading()
        self.verifies = False
        self._held = held
        self._tensors = [tensor for tensor in (*classifier.parameters(), *classifier.buffers()) if _key(tensor) in held]
        self._contents: dict[str, str] | None = None
        self._watcher = watcher or Watcher()
        self._classifier = classifier
        self._block = ExitStack()
        self._forget()

    def __enter__(self) -> Meter:
        for name, module in self._classifier.named_modules():
            if not isinstance(module, torch.jit.ScriptModule):
                for handle in _scope(module, name, self):
                    self._block.callback(handle.remove)
        self._block.enter_context(_Mode(self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._block.close()

    def begin(self, waveforms: Tensor) -> None:
        """A new call of `predict` on these clips: forgets what earlier calls made."""
        self.reading = Reading()
        self._forget()
        self._learn(waveforms, Origin(of_the_clip=True))

    def _forget(self) -> None:
        self._known: dict[int, tuple[StorageWeakRef | None, Origin]] = {}
        self._kept: list[Tensor] = []
        self._flow = Flow()
        self._constant_products: set[Hashable] = set()
        self._features: set[Hashable] = set()
        self._modules: list[str] = []
        self._prints: dict[int, int] = {}

    def operands(self, call: _Call) -> list[Operand]:
        """The tensors that an operator is about to read, each with where it comes from."""
        tensors = list(_tensors((call.args, call.kwargs)))
        if call.name in OVERWRITES and _key(tensors[0]) not in self._known and _key(tensors[0]) not in self._held:
            tensors = tensors[1:]  # memory that is written before it is read
        operands = [Operand(tensor, _key(tensor), self._origin(tensor, call.name)) for tensor in tensors]
        if self.verifies:
            for operand in operands:
                if self._prints.get(operand.key, 0) not in {0, _fingerprint(operand.tensor)}:
                    self.reading.overwritten.add(f"{call.name} in {self._module or WHOLE}")
        return operands

    def account(self, call: _Call, operands: Sequence[Operand], result: Any) -> None:  # noqa: ANN401
        """Enters one operator that ran into the reading."""
        func, name, operator, args, kwargs = call
        reading, module = self.reading, self._module
        results = list(_tensors(result))
        of_the_clip = any(operand.origin.of_the_clip for operand in operands)
        kind = self._kind(name, operator, operands, args)
        if operator is None:
            reading.unknown[name, module or WHOLE] += 1
        if kind is Kind.DRAWS:
            reading.draws[name, module or WHOLE] += 1
        if (kind is Kind.LEAVES or _by_mask(name, args)) and of_the_clip:
            reading.decisions[name, module or WHOLE] += 1
        in_frontend = _within("frontend", module)
        self._note_reads(name, kind, operands, in_frontend=in_frontend)
        macs, products = self._cost(func, name, kind, args, kwargs, result, results)
        constant = kind in {Kind.PRODUCT, Kind.ACCUMULATES, Kind.LOOKUP} and any(
            not operand.origin.of_the_clip for operand in operands
        )
        written = [_key(tensor) for tensor in results]
        sources = [operand.key for operand in operands]
        if in_frontend:
            self._features.update(written)
        else:  # products of the frontend end with it
            sources = [key for key in sources if key not in self._features]
            self._features.difference_update(written)
        sums_constants = kind is Kind.SUMS and any(
            key in self._constant_products and self._flow.is_open(key) for key in sources
        )
        straight = kind is not Kind.MOVES or name in LAYOUT_KEPT
        axes = _summed_axes(name, args) if kind is Kind.SUMS else None
        macs += self._flow.step(kind, sources, written, products, axes=axes, straight=straight)
        self._follow_constants(kind, sources, written, made=constant and products is not None)
        self._add(module, macs, kind, operands, results, in_frontend=in_frontend)
        if in_frontend:
            self._watcher.saw(name, kind, operands, sums_constants=sums_constants)
        reading.sequence.append((name, _numbers(args, kwargs)))
        if self.verifies:
            for tensor in (*(operand.tensor for operand in operands), *results):
                if _key(tensor) not in self._held:
                    self._prints[_key(tensor)] = _fingerprint(tensor)
        if name not in OTHER_MEMORY:
            self._learn_results(kind, operands, results, of_the_clip=of_the_clip)

    def _kind(
        self,
        name: str,
        operator: Operator | None,
        operands: Sequence[Operand],
        args: Any,  # noqa: ANN401
    ) -> Kind:
        if operator is None:
            return Kind.PASSES
        if name in IN_EVALUATION and any(argument is True for argument in args):
            return Kind.DRAWS
        if operator.kind is not Kind.LOOKUP or not operands:
            return operator.kind
        table, *places = operands
        reads = not table.origin.of_the_clip and any(place.origin.of_the_clip for place in places)
        return Kind.LOOKUP if reads else Kind.MOVES

    def _add(
        self,
        module: str,
        macs: int,
        kind: Kind,
        operands: Sequence[Operand],
        results: Sequence[Tensor],
        *,
        in_frontend: bool,
    ) -> None:
        """Adds to the sums, and keeps what memory was read and written."""
        reading = self.reading
        touched = [operand.tensor.numel() for operand in operands] if kind in {Kind.SUMS, Kind.MEASURES} else []
        arithmetic = kind not in {Kind.CONTRACTS, Kind.TRANSFORMS, Kind.MOVES, Kind.LEAVES, Kind.DRAWS}
        free = max([*touched, *(tensor.numel() for tensor in results)], default=0) if arithmetic else 0
        if in_frontend:
            reading.frontend_macs += macs
            reading.frontend_free += free
            return
        reading.macs[module] += macs
        reading.free += free
        reads = {operand.key: operand.tensor.numel() for operand in operands if operand.origin.of_the_clip}
        writes = {_key(tensor): tensor.numel() for tensor in results} if reads else {}
        reading.steps.append(Step(kind, tuple(reads), tuple(writes)))
        for key, size in [*reads.items(), *writes.items()]:
            reading.sizes[key] = max(reading.sizes.get(key, 0), size)

    def _cost(
        self,
        func: Any,
        name: str,
        kind: Kind,
        args: Any,
        kwargs: Any,
        result: Any,
        results: Sequence[Tensor],
    ) -> tuple[int, Products | None]:
        """(MACs, products that are open)."""
        if kind in {Kind.CONTRACTS, Kind.TRANSFORMS}:
            macs = contraction(func, name, args, kwargs, result)
            if macs is None:
                self.reading.unknown[name, self._module or WHOLE] += 1
            return macs or 0, None
        count = sum(tensor.numel() for tensor in results)
        if kind is Kind.LOOKUP:
            return 0, made_of(count, [tuple(results[0].shape)] * 2)
        if kind in {Kind.PRODUCT, Kind.ACCUMULATES}:
            factors = [tuple(factor.shape) for factor in _tensors((args, kwargs.get("other")))]
            if name in OF_ONE:
                return 0, made_of(count, factors * 2)
            factors = factors[1:] if kind is Kind.ACCUMULATES else factors
            return 0, made_of(count, factors) if len(factors) > 1 else None
        return 0, None

    def _follow_constants(
        self, kind: Kind, sources: Sequence[Hashable], written: Sequence[Hashable], *, made: bool
    ) -> None:
        """Which tensors hold open products of the clip with something that does not depend on it."""
        carries = kind not in ENDS
        if made or (carries and any(key in self._constant_products for key in sources)):
            self._constant_products.update(written)
        else:
            self._constant_products.difference_update(written)

    def _note_reads(self, name: str, kind: Kind, operands: Sequence[Operand], *, in_frontend: bool) -> None:
        """Which held tensors were used, copies aside; statistics that batch normalisation itself reads do not count."""
        if kind is Kind.MOVES and not any(operand.origin.of_the_clip for operand in operands):
            return
        normalises = "batch_norm" in name
        for operand in operands:
            for copied in operand.origin.copies:
                if not (normalises and copied.startswith("statistics:")):
                    self.reading.read.add(copied)
                    if not in_frontend:
                        self.reading.read_in_network.add(copied)

    @property
    def _module(self) -> str:
        return self._modules[-1] if self._modules else ""

    def _origin(self, tensor: Tensor, name: str) -> Origin:
        """What is known of a tensor; one that nothing here has made comes from outside."""
        key = _key(tensor)
        if key in self._known:
            return self._known[key][1]
        if key in self._held:
            origin = Origin(of_the_clip=False, copies=frozenset({self._held[key]}))
        else:
            size, digest = _content(tensor)
            word = self._by_content().get(digest) or f"constant {len(self.reading.outside) + 1}"
            if word.startswith("constant "):
                self.reading.outside[word] = (f"{name} in {self._module or WHOLE}", size, digest)
            origin = Origin(of_the_clip=False, copies=frozenset({word}))
        self._learn(tensor, origin)
        return origin

    def _learn_results(
        self, kind: Kind, operands: Sequence[Operand], results: Sequence[Tensor], *, of_the_clip: bool
    ) -> None:
        moved = [operand.origin.copies for operand in operands] if kind is Kind.MOVES else []
        copies: frozenset[str] = frozenset().union(*moved)
        for tensor in results:
            before = self._known.get(_key(tensor))
            held = before[1].copies if before else frozenset()
            self._learn(tensor, Origin(of_the_clip or bool(before and before[1].of_the_clip), copies | held))

    def _by_content(self) -> dict[str, str]:
        """Words of held tensors by their content: a copy of a module's memory is that of the module."""
        if self._contents is None:
            with torch._C._DisableTorchDispatch():
                self._contents = {_content(tensor)[1]: self._held[_key(tensor)] for tensor in self._tensors}
        return self._contents

    def _learn(self, tensor: Tensor, origin: Origin) -> None:
        key = _key(tensor)
        before = self._known.get(key)
        reference = before[0] if before else _reference(tensor)
        if reference is None:
            self._kept.append(tensor)  # no storage of its own: its identity lasts while it lives
        self._known[key] = (reference, origin)

    def is_known(self, tensor: Tensor) -> bool:
        """Whether an operator made this tensor, or the clip is in it."""
        return _key(tensor) in self._known

    def enter(self, module: str, inputs: Any) -> None:  # noqa: ANN401
        """A module starts to run."""
        self._modules.append(module)
        self.reading.shapes.setdefault(module, (_words(inputs), ""))

    def leave(self, module: str, outputs: Any) -> None:  # noqa: ANN401
        """A module has ended."""
        if self._modules and self._modules[-1] == module:
            self._modules.pop()
        self.reading.shapes[module] = (self.reading.shapes.get(module, ("", ""))[0], _words(outputs))


class _Mode(TorchDispatchMode):
    """Hands every operator to the meter; composite ones in the parts that torch takes them apart into."""

    def __init__(self, meter: Meter) -> None:
        super().__init__()
        self._meter = meter

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Torch would import its compiler (seconds) only to see that it must not compile this."""
        return False

    def __torch_dispatch__(  # type: ignore[override]
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        kwargs = kwargs or {}
        name = func._schema.name
        operator = known(name)
        if operator is None or name in TAKEN_APART:
            with self:
                parts = func.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
        call = _Call(func, name if operator is None else base_name(name), operator, args, kwargs)
        operands = self._meter.operands(call)
        result = func(*args, **kwargs)
        self._meter.account(call, operands, result)
        return result


OF_ONE = frozenset({"aten::prod", "aten::cumprod", "aten::glu"})
"""Operators that multiply the elements of one tensor with each other."""


class _Hook:
    """Tells the meter that a module starts or ends; a copy of the module tells the same meter."""

    def __init__(self, name: str, meter: Meter, *, starts: bool) -> None:
        self._name, self._meter, self._starts = name, meter, starts
        self.__name__ = "hook"

    def __call__(self, _module: nn.Module, inputs: Any, outputs: Any = None) -> None:  # noqa: ANN401
        if self._starts:
            self._meter.enter(self._name, inputs)
        else:
            self._meter.leave(self._name, outputs)

    def __deepcopy__(self, _memo: object) -> _Hook:
        return self


def _scope(module: nn.Module, name: str, meter: Meter) -> Iterator[Any]:
    yield module.register_forward_pre_hook(_Hook(name, meter, starts=True))
    yield module.register_forward_hook(_Hook(name, meter, starts=False), always_call=True)


def _within(owner: str, module: str) -> bool:
    return module == owner or module.startswith(f"{owner}.")


def _tensors(values: Any) -> Iterator[Tensor]:  # noqa: ANN401
    return (value for value in tree_leaves(values) if isinstance(value, Tensor))


def _key(tensor: Tensor) -> int:
    """The identity of a tensor's memory: of its storage, or of itself where it has none (sparse, opaque)."""
    try:
        return tensor.untyped_storage()._cdata
    except (NotImplementedError, RuntimeError):
        return -id(tensor)


def _reference(tensor: Tensor) -> StorageWeakRef | None:
    try:
        return StorageWeakRef(tensor.untyped_storage())
    except (NotImplementedError, RuntimeError):
        return None


def _content(tensor: Tensor) -> tuple[int, str]:
    """(bytes of the memory a tensor looks at, digest of its elements)."""
    with torch._C._DisableTorchDispatch():
        plain = tensor.detach().cpu()
        if plain.layout is not torch.strided or plain.is_quantized:
            plain = plain.int_repr() if plain.is_quantized else plain.to_dense()
        flat = plain.resolve_conj().resolve_neg().contiguous().flatten()
        held = flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
        size = tensor.untyped_storage().nbytes() if _reference(tensor) else len(held)
    return size, hashlib.sha256(held).hexdigest()


def _fingerprint(tensor: Tensor) -> int:
    """A checksum of all the memory that a tensor lies in; 0 where it cannot be looked at."""
    if tensor.device.type != "cpu" or _reference(tensor) is None:
        return 0
    with torch._C._DisableTorchDispatch():
        memory = torch.empty(0, dtype=torch.uint8).set_(tensor.untyped_storage())
        return zlib.crc32(memory.numpy()) or 1


def _summed_axes(name: str, args: Any) -> Axes | None:  # noqa: ANN401
    """Axes that a sum reduces while all others stay where they are; None where that is not known."""
    spatial = POOLED_AXES.get(name)
    if spatial:
        return frozenset(range(-spatial, 0))
    if name not in {"aten::sum", "aten::mean"} or len(args) < 3 or not args[2]:  # keepdim
        return None
    dims = [args[1]] if isinstance(args[1], int) else args[1]
    width = args[0].dim()
    return frozenset(dim if dim < 0 else dim - width for dim in dims) if dims else None


POOLED_AXES = {
    f"aten::{prefix}avg_pool{n}d": n
    for prefix in ("", "adaptive_", "_adaptive_", "mkldnn_adaptive_")
    for n in (1, 2, 3)
}
"""Average pooling: how many of the last axes it sums over."""


def _by_mask(name: str, args: Any) -> bool:  # noqa: ANN401
    """Indexing by a mask: how much it gives depends on the numbers."""
    if name not in {"aten::index", "aten::_unsafe_index"}:
        return False
    return any(tensor.dtype in {torch.bool, torch.uint8} for tensor in _tensors(args[1:]))


def _numbers(args: Any, kwargs: Any) -> tuple[float, ...]:  # noqa: ANN401
    """The Python numbers with fractions among the arguments."""
    return tuple(value for value in tree_leaves((args, kwargs)) if isinstance(value, float))


def _words(values: Any) -> str:  # noqa: ANN401
    """Shapes of a module's inputs or outputs: `1x32x64`."""
    return ", ".join("x".join(map(str, tensor.shape)) for tensor in _tensors(values))


def contraction(func: Any, name: str, args: Any, kwargs: Any, result: Any) -> int | None:  # noqa: ANN401
    """MACs of an operator that contracts; None where nobody has a formula."""
    own = FORMULAS.get(name)
    if own is not None:
        return own(args, result)
    packet = func._overloadpacket
    if packet not in flop_registry:
        return None
    return int(flop_registry[packet](*args, **kwargs, out_val=result)) // 2  # it counts two operations a MAC


def _shape(value: Any) -> tuple[int, ...]:  # noqa: ANN401
    return tuple(value.shape)


def _recurrent(args: Any, _result: Any) -> int:  # noqa: ANN401
    """(input, state, weights, …) or, for packed sequences, (data, batch sizes, state, weights, …)."""
    x = args[0]
    packed = isinstance(args[1], Tensor) and args[1].dim() == 1
    weights = args[3] if packed else args[2]
    return formulas.recurrent([_shape(weight) for weight in weights], len(x) if packed else x.shape[0] * x.shape[1])


def _quantised_recurrent(args: Any, _result: Any) -> int:  # noqa: ANN401
    """(input, state, packed cells, …), dynamic quantisation: the input is (steps, batch, width) in either order."""
    matrices = [_shape(tensor) for cell in args[2] for tensor in unpacked(cell) if tensor.dim() == 2]
    return formulas.recurrent(matrices, args[0].shape[0] * args[0].shape[1])


def _cell(args: Any, _result: Any) -> int:  # noqa: ANN401
    return formulas.recurrent([_shape(weight) for weight in args[2:4]], prod(args[0].shape[:-1]))


def _native_attention(args: Any, _result: Any) -> int:  # noqa: ANN401
    """The fast path of `nn.MultiheadAttention`."""
    (batch, length, width), keys = args[0].shape, args[1].shape[1]
    return batch * width * (2 * length + 2 * keys) * width + 2 * batch * length * keys * width


def _encoder_layer(args: Any, _result: Any) -> int:  # noqa: ANN401
    """The fast path of `nn.TransformerEncoderLayer`: arguments 14 and 16 are the feed-forward weights."""
    batch, length, width = args[0].shape
    return formulas.self_attention(batch, length, width) + batch * length * (args[14].numel() + args[16].numel())


def _fft(*, real: bool) -> Callable[[Any, Any], int]:
    """`_fft_r2c(self, dim, …)`, `_fft_c2c`, `_fft_c2r`: the last axis is the real one."""

    def formula(args: Any, result: Any) -> int:  # noqa: ANN401
        x, out, axes = _shape(args[0]), _shape(result), list(args[1])
        longest = [max(a, b) for a, b in zip(x, out, strict=True)]
        shortest = [min(a, b) for a, b in zip(x, out, strict=True)]
        macs = formulas.fourier(longest[axes[-1]], prod(longest) // longest[axes[-1]], real=real)
        for axis in axes[:-1]:
            macs += formulas.fourier(longest[axis], prod(shortest) // longest[axis], real=False)
        return macs

    return formula


def _istft(args: Any, _result: Any) -> int:  # noqa: ANN401
    x, n_fft = args[0].shape, args[1]
    frames = prod(x[:-2]) * x[-1]
    return formulas.fourier(n_fft, frames, real=True) + 2 * frames * n_fft


def _sums_of(points: int) -> Callable[[Any, Any], int]:
    """Interpolation: each output element is a weighted sum of `points` input elements."""
    return lambda _args, result: points * result.numel()


def _quantised(args: Any, result: Any) -> int:  # noqa: ANN401
    """Packed weights: unpacked to see their shape. A convolution's weight has more than two axes."""
    packed = next(value for value in args if isinstance(value, torch.ScriptObject))
    weight = unpacked(packed)[0]
    x, shape, out = args[0], tuple(weight.shape), tuple(result.shape)
    if len(shape) == 2:
        return formulas.linear(_shape(x), shape)
    return formulas.convolution(_shape(x), shape, out, transposed=bool(packed.transpose()))


def _matmul(first: int) -> Callable[[Any, Any], int]:
    return lambda args, _result: formulas.matmul(_shape(args[first]), _shape(args[first + 1]))


def _outer_sum(args: Any, _result: Any) -> int:  # noqa: ANN401
    a, b = args[0].shape, args[1].shape
    return prod(formulas.broadcast(a[:-2], b[:-2])) * a[-2] * b[-2] * a[-1]


def _attention(args: Any, _result: Any) -> int:  # noqa: ANN401
    return formulas.attention(_shape(args[0]), _shape(args[1]), _shape(args[2]))


def _pairs(times: int) -> Callable[[Any, Any], int]:
    return lambda args, _result: times * prod(formulas.broadcast(_shape(args[0]), _shape(args[1])))


FORMULAS: Mapping[str, Callable[[Any, Any], int]] = {
    **{f"aten::{name}": _recurrent for name in ("gru", "lstm", "rnn_tanh", "rnn_relu")},
    **{f"aten::quantized_{name}": _quantised_recurrent for name in ("gru", "lstm")},
    **{f"aten::{name}_cell": _cell for name in ("gru", "lstm", "rnn_tanh", "rnn_relu")},
    "aten::_native_multi_head_attention": _native_attention,
    "aten::_transformer_encoder_layer_fwd": _encoder_layer,
    "aten::_scaled_dot_product_flash_attention_for_cpu": _attention,
    "aten::_fft_r2c": _fft(real=True),
    "aten::_fft_c2r": _fft(real=True),
    "aten::_fft_c2c": _fft(real=False),
    "aten::istft": _istft,
    **{f"aten::{name}": _matmul(0) for name in ("mv", "dot", "vdot")},
    **{f"aten::{name}": _matmul(1) for name in ("addmv", "addbmm")},
    "aten::_trilinear": lambda args, _result: prod(args[0].shape[:-1]) * args[1].numel(),
    "aten::bilinear": lambda args, _result: prod(args[0].shape[:-1]) * args[2].numel(),
    **{f"aten::{name}": _outer_sum for name in ("cdist", "_cdist_forward", "_euclidean_dist")},
    "aten::pairwise_distance": _pairs(1),
    "aten::cosine_similarity": _pairs(3),
    **{
        f"aten::{name}": lambda args, _result: args[1].numel() * args[0].shape[1]
        for name in ("embedding_bag", "_embedding_bag", "_embedding_bag_forward_only")
    },
    "aten::upsample_linear1d": _sums_of(2),
    "aten::upsample_bilinear2d": _sums_of(4),
    "aten::upsample_bicubic2d": _sums_of(16),
    "aten::upsample_trilinear3d": _sums_of(8),
    **{f"aten::grid_sampler{end}": _sums_of(4) for end in ("", "_2d", "_3d")},
    **{
        f"quantized::{name}": _quantised
        for name in [
            "linear",
            "linear_relu",
            "linear_dynamic",
            "linear_relu_dynamic",
            "linear_leaky_relu",
            "linear_tanh",
            "conv1d",
            "conv1d_relu",
            "conv2d",
            "conv2d_relu",
            "conv2d_dynamic",
            "conv2d_add",
            "conv2d_add_relu",
            "conv3d",
            "conv3d_relu",
            "conv_transpose1d",
            "conv_transpose2d",
            "conv_transpose3d",
            "conv1d_dynamic",
            "conv3d_dynamic",
            "linear_dynamic_fp16",
        ]
    },
}
"""MACs of operators that torch.utils.flop_counter lacks, from their arguments and result."""
