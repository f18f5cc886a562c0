"""The second count: every operator that runs while clips are predicted, as the dispatcher of torch sees it.

Independent of the trace: composite operators are taken apart by torch itself, formulas come from
`torch.utils.flop_counter`, and it sees what a trace does not: branches on the data, where every tensor comes from,
which weights are read, and numbers that enter from outside torch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from math import prod
from types import TracebackType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from harness.complexity.flow import ENDS, LAYOUT_KEPT, Axes, Flow, Products, made_of
from harness.complexity.inventory import Held, storages
from harness.complexity.memory import content_of, key_of, reference_to, tensors_in
from harness.complexity.meter_formulas import contraction
from harness.complexity.operators import IN_EVALUATION, OF_ONE, POOLED_AXES, Kind, Operator, base_name, known
from harness.complexity.reading import WHOLE, Operand, Origin, Reading, Step, Watcher
from harness.complexity.replay import Tape

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
        "_scaled_dot_product_attention_math",
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
"""Composite operators that torch takes apart before they are counted: this count does not repeat the trace's."""


OTHER_MEMORY = frozenset({"aten::set_", "aten::from_file"})
"""Operators that give a tensor memory whose numbers no operator has made: it is looked at when it is first read."""

OVERWRITES = frozenset({"aten::copy_", "aten::zero_", "aten::fill", "aten::zero"})
"""Operators that write their first tensor without reading it."""


COMPOSITE = torch._C.DispatchKey.CompositeImplicitAutograd
"""The kernel of an operator that is made of others, by torch itself."""

COMPLEX: Mapping[int, int] = defaultdict(lambda: 4, {0: 1, 1: 2})
"""Products of real numbers that a product takes with so many complex factors."""

PLAIN = frozenset({Tensor, nn.Parameter, nn.Buffer})
"""Types of tensors that do nothing of their own when an operator meets them."""


class _Call(NamedTuple):
    """An operator that is about to run."""

    func: Any
    name: str
    operator: Operator | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Meter:
    """Counts what runs inside its block. `held` is what the classifier holds.

    While it has a `tape`, operators are written to it.
    """

    def __init__(self, classifier: nn.Module, held: Sequence[Held], watcher: Watcher | None = None) -> None:
        self.reading = Reading()
        self.tape: Tape | None = None
        self._held = storages(held)
        self.held_tensors = [one.tensor for one in held if one.tensor is not None]
        self.shapes = {one.word: one.shape for one in held}
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

    def operands(self, call: _Call) -> list[Operand]:
        """The tensors that an operator is about to read, each with where it comes from."""
        tensors = list(tensors_in((call.args, call.kwargs)))
        if call.name in OVERWRITES and key_of(tensors[0]) not in self._known and key_of(tensors[0]) not in self._held:
            tensors = tensors[1:]  # memory that is written before it is read
        return [Operand(tensor, key_of(tensor), self._origin(tensor, call.name)) for tensor in tensors]

    def account(self, call: _Call, operands: Sequence[Operand], result: Any) -> None:
        """Enters one operator that ran into the reading."""
        func, name, operator, args, kwargs = call
        reading, module = self.reading, self._module
        results = list(tensors_in(result))
        of_the_clip = any(operand.origin.of_the_clip for operand in operands)
        kind = self._kind(call, operands)
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
        written = [key_of(tensor) for tensor in results]
        sources = [operand.key for operand in operands]
        if in_frontend:
            self._features.update(written)
        else:  # products of the clip with itself end with the frontend
            sources = [key for key in sources if key not in self._features or key in self._constant_products]
            self._features.difference_update(written)
        holds_constants = constant or any(key in self._constant_products for key in sources)
        straight = kind is not Kind.MOVES or name in LAYOUT_KEPT
        axes = _summed_axes(name, args) if kind is Kind.SUMS else None
        summed = self._flow.step(kind, sources, written, products, axes=axes, straight=straight)
        macs += summed
        self._follow_constants(kind, sources, written, made=constant and products is not None)
        self._add(module, macs, kind, operands, results, in_frontend=in_frontend)
        stage = ""
        if in_frontend:
            sums = summed > 0 and holds_constants and kind is not Kind.TRANSFORMS
            read = [one for one in operands if one.origin.of_the_clip or one.key not in written]
            stage = self._watcher.saw(name, kind, read, self.shapes, args, sums_constants=sums)
        numbers = _numbers(func, args, kwargs)
        reading.numbers.update(numbers)
        reading.sequence.append((name, numbers))
        if name not in OTHER_MEMORY:
            passed = frozenset().union({stage} - {""}, *(operand.origin.passed for operand in operands))
            worked = (macs > 0 and not in_frontend) or any(operand.origin.worked_on for operand in operands)
            made = Origin(of_the_clip, frozenset(), passed, worked)
            self._learn_results(kind, operands, results, made)

    def _kind(self, call: _Call, operands: Sequence[Operand]) -> Kind:
        """What an operator does with these arguments."""
        if call.operator is None:
            return Kind.PASSES
        if call.name in IN_EVALUATION and any(argument is True for argument in call.args):
            return Kind.DRAWS
        if call.name in SUMS_IF_TOLD and _is_told(call):
            return Kind.SUMS
        if call.name in MULTIPLIES_IF_TOLD and "prod" in _words_in(call):
            return Kind.PRODUCT
        if call.name == "aten::scatter" and "reduce" in call.func._overloadname:
            self.cannot_count(f"{call.name}(reduce=…)")
        if call.operator.kind is not Kind.LOOKUP or not operands:
            return call.operator.kind
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
        writes = {key_of(tensor): tensor.numel() for tensor in results} if reads else {}
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
                self.cannot_count(name)
            by_parts = COMPLEX[sum(tensor.is_complex() for tensor in tensors_in((args, kwargs)))]
            return (macs or 0) * (by_parts if kind is Kind.CONTRACTS else 1), None
        count = sum(tensor.numel() * COMPLEX[2 * tensor.is_complex()] for tensor in results)
        if kind is Kind.LOOKUP:
            return 0, made_of(count, [tuple(results[0].shape)] * 2)
        if kind in {Kind.PRODUCT, Kind.ACCUMULATES}:
            factors = [tuple(factor.shape) for factor in tensors_in((args, kwargs.get("other")))]
            if name in OF_ONE or name in MULTIPLIES_IF_TOLD:
                return 0, made_of(round(OF_ONE.get(name, 1) * prod(factors[0])), factors[:1] * 2)
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
        normalises = "batch_norm" in name and operands[0].origin.of_the_clip
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
        key = key_of(tensor)
        if key in self._known:
            return self._known[key][1]
        if key in self._held:
            origin = Origin(of_the_clip=False, copies=frozenset({self._held[key]}))
        else:
            size, digest = content_of(tensor)
            word = self._by_content().get(digest) or f"constant {len(self.reading.outside) + 1}"
            self.shapes[word] = tuple(tensor.shape) if word.startswith("constant ") else self.shapes[word]
            if word.startswith("constant "):
                self.reading.outside[word] = (f"{name} in {self._module or WHOLE}", size, digest)
            origin = Origin(of_the_clip=False, copies=frozenset({word}))
        self._learn(tensor, origin)
        return origin

    def _learn_results(self, kind: Kind, operands: Sequence[Operand], results: Sequence[Tensor], made: Origin) -> None:
        """What is known of results; memory that was there before keeps what was known of it too."""
        moved = [operand.origin.copies for operand in operands] if kind is Kind.MOVES else []
        copies: frozenset[str] = frozenset().union(*moved)
        for tensor in results:
            before = self._known.get(key_of(tensor), (None, Origin(of_the_clip=False)))[1]
            origin = Origin(
                made.of_the_clip or before.of_the_clip,
                copies | before.copies,
                made.passed | before.passed,
                made.worked_on or before.worked_on,
            )
            self._learn(tensor, origin)

    def _by_content(self) -> dict[str, str]:
        """Words of held tensors by their content: a copy of a module's memory is that of the module."""
        if self._contents is None:
            with torch._C._DisableTorchDispatch():
                self._contents = {
                    content_of(tensor)[1]: self._held[key_of(tensor)]
                    for tensor in self.held_tensors
                    if key_of(tensor) in self._held
                }
        return self._contents

    def _learn(self, tensor: Tensor, origin: Origin) -> None:
        key = key_of(tensor)
        before = self._known.get(key)
        reference = before[0] if before else reference_to(tensor)
        if reference is None:
            self._kept.append(tensor)  # no storage of its own: its identity lasts while it lives
        self._known[key] = (reference, origin)

    def cannot_count(self, what: str) -> None:
        """Notes something that nobody can count, with the module that runs."""
        self.reading.unknown[what, self._module or WHOLE] += 1

    def is_known(self, tensor: Tensor) -> bool:
        """Whether an operator made this tensor, or the clip is in it."""
        return key_of(tensor) in self._known

    def enter(self, module: str, inputs: Any) -> None:
        """A module starts to run."""
        self._modules.append(module)
        self.reading.shapes.setdefault(module, (_words(inputs), ""))

    def leave(self, module: str, outputs: Any) -> None:
        """A module has ended."""
        if self._modules and self._modules[-1] == module:
            self._modules.pop()
        self.reading.shapes[module] = (self.reading.shapes.get(module, ("", ""))[0], _words(outputs))


class _Mode(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Hands every operator to the meter; composite ones in the parts that torch takes them apart into."""

    def __init__(self, meter: Meter) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._meter = meter

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Torch would import its compiler (seconds) only to see that it must not compile this."""
        return False

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        name = func._schema.name
        operator = known(name)
        composite = torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), COMPOSITE)
        if composite and (operator is None or name in TAKEN_APART):
            with self:
                return func._op_dk(COMPOSITE, *args, **kwargs)
        call = _Call(func, name if operator is None else base_name(name), operator, args, kwargs)
        for kind in types:
            if kind not in PLAIN:
                self._meter.cannot_count(f"{name} of the tensor subclass {kind.__name__}")
                return func(*args, **kwargs)
        operands, tape = self._meter.operands(call), self._meter.tape
        noted = tape.arguments((args, kwargs)) if tape else None
        result = func(*args, **kwargs)
        if tape:
            tape.add(func, noted, result)
        self._meter.account(call, operands, result)
        return result


class _Hook:
    """Tells the meter that a module starts or ends; a copy of the module tells the same meter."""

    def __init__(self, name: str, meter: Meter, *, starts: bool) -> None:
        self._name, self._meter, self._starts = name, meter, starts
        self.__name__ = "hook"

    def __call__(self, _module: nn.Module, inputs: Any, outputs: Any = None) -> None:
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


def _summed_axes(name: str, args: Any) -> Axes | None:
    """Axes that a sum reduces while all others stay where they are; None where that is not known."""
    spatial = POOLED_AXES.get(name)
    if spatial:
        return frozenset(range(-spatial, 0))
    if name not in {"aten::sum", "aten::mean"} or len(args) < 3 or not args[2]:  # keepdim
        return None
    dims = [args[1]] if isinstance(args[1], int) else args[1]
    width = args[0].dim()
    return frozenset(dim if dim < 0 else dim - width for dim in dims) if dims else None


def _by_mask(name: str, args: Any) -> bool:
    """Indexing by a mask: how much it gives depends on the numbers."""
    if name not in {"aten::index", "aten::_unsafe_index"}:
        return False
    return any(tensor.dtype in {torch.bool, torch.uint8} for tensor in tensors_in(args[1:]))


def _numbers(func: Any, args: Any, kwargs: Any) -> tuple[float, ...]:
    """The Python numbers that an operator computes with: not its axes, sizes and places."""
    given = [args[place] for place in _number_places(func) if place < len(args)]
    given += [value for value in kwargs.values() if isinstance(value, float)]
    return tuple(value for value in given if isinstance(value, float) or (type(value) is int and abs(value) > SMALL))


@cache
def _number_places(func: Any) -> tuple[int, ...]:
    """Places of the arguments that may be numbers by the operator's schema, also in a tensor's place."""
    kinds = ("number", "float", "Tensor", "Optional[number]", "Optional[float]", "Optional[Tensor]")
    return tuple(place for place, one in enumerate(func._schema.arguments) if str(one.type) in kinds)


SMALL = 16
"""Whole numbers up to this one are settings."""

SUMS_IF_TOLD = frozenset({"aten::index_put", "aten::_index_put_impl", "aten::put", "aten::bincount"})
"""Operators that add what falls on the same place, if they are told to (`accumulate`), or weigh what they count."""

MULTIPLIES_IF_TOLD = frozenset({"aten::scatter_reduce", "aten::index_reduce"})
"""Operators that multiply what falls on the same place, if they are told "prod"."""


def _is_told(call: _Call) -> bool:
    told = any(argument is True for argument in (*call.args, *call.kwargs.values()))
    return told or (call.name == "aten::bincount" and len(list(tensors_in((call.args, call.kwargs)))) > 1)


def _words_in(call: _Call) -> list[str]:
    return [value for value in tree_leaves((call.args, call.kwargs)) if isinstance(value, str)]


def _words(values: Any) -> str:
    """Shapes of a module's inputs or outputs: `1x32x64`."""
    return ", ".join("x".join(map(str, tensor.shape)) for tensor in tensors_in(values))
