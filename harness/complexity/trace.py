"""The first count: fvcore over a jit trace of `predict` on one clip, with a handler for every operator that contracts.

fvcore knows convolutions, linear layers and matrix products; the handlers here add what it passes over, make free
what is free by rule, and follow products until something sums them. An operator without a handler is not countable.
"""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from fvcore.nn import FlopCountAnalysis
from fvcore.nn.jit_handles import get_shape
from torch import Tensor, nn

from harness.complexity.flow import LAYOUT_KEPT, Axes, Flow, Products, made_of
from harness.complexity.operators import IN_EVALUATION, OF_ONE, OPERATORS, POOLED_AXES, Kind
from harness.complexity.trace_formulas import FORMULAS, Values, constant

Handler = Callable[[Values, Values], Counter[str]]

FRONTEND = "classifier.frontend"
SUMMED = "products that are summed"
CONTROL = ("prim::If", "prim::Loop", "prim::CallMethod", "prim::fork", "prim::TensorExprGroup", "prim::rpc_async")
"""Nodes that hold operators inside them, which fvcore would pass over in silence."""


@dataclass(frozen=True)
class Traced:
    """MACs by module name ("" is the whole, owners include what they own), and what was passed over, by module."""

    by_module: Mapping[str, int]
    uncounted: Mapping[str, tuple[str, ...]]


def count(model: nn.Module, waveform: Tensor) -> Traced:
    """Traces `model` on one clip. Raises whatever tracing raises."""
    logging.getLogger("fvcore").setLevel(logging.ERROR)
    analysis = FlopCountAnalysis(model, waveform)
    analysis.clear_op_handles().set_op_handle(**_Handlers().table())
    analysis.unsupported_ops_warnings(enabled=False).uncalled_modules_warnings(enabled=False)
    with torch.no_grad(), warnings.catch_warnings(), _untouched_hooks(model):
        warnings.simplefilter("ignore")  # tracing warns about every shape that becomes a constant
        by_module = {name: int(macs) for name, macs in analysis.by_module().items()}
    return Traced(by_module, _innermost(analysis, by_module))


def _innermost(analysis: FlopCountAnalysis, names: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    """Operators that nobody has said anything about, with the innermost modules that ran them."""
    found: dict[str, tuple[str, ...]] = {}
    for operator in analysis.unsupported_ops():
        within = [name for name in names if analysis.unsupported_ops(name)[operator]]
        inner = [name for name in within if not any(other.startswith(f"{name}.") for other in within) and name]
        found[operator] = tuple(inner) or ("predict",)
    return found


@contextmanager
def _untouched_hooks(model: nn.Module) -> Iterator[None]:
    """Takes off the hooks that fvcore leaves on the modules when tracing fails."""
    before = {module: (set(module._forward_pre_hooks), set(module._forward_hooks)) for module in model.modules()}
    try:
        yield
    finally:
        for module, (ahead, behind) in before.items():
            for hooks, own in ((module._forward_pre_hooks, ahead), (module._forward_hooks, behind)):
                for key in [key for key in hooks if key not in own]:
                    del hooks[key]


class _Handlers:
    """A handler for every known operator; they share what flows from one to the next."""

    def __init__(self) -> None:
        self._flow = Flow()
        self._of_the_clip: set[Hashable] = set()
        self._features: set[Hashable] = set()

    def table(self) -> dict[str, Handler]:
        """Handlers by operator, for `set_op_handle`."""
        table: dict[str, Handler] = {}
        for name, operator in OPERATORS.items():
            handler = self._counting(name, operator.kind)
            if handler is not None:
                table[name] = table[f"{name}_"] = handler
        for name in ("prim::ListConstruct", "prim::ListUnpack", "prim::TupleConstruct", "prim::TupleUnpack"):
            table[name] = self._counting(name, Kind.MOVES) or _refusing(name)
        table.update({name: _refusing(name) for name in CONTROL})
        return table

    def _counting(self, name: str, kind: Kind) -> Handler | None:
        if kind is Kind.DRAWS:
            return None
        formula = FORMULAS.get(name)
        if formula is None and kind in {Kind.CONTRACTS, Kind.TRANSFORMS}:
            return None

        def handle(inputs: Values, outputs: Values) -> Counter[str]:
            sources = list(_tensors(inputs))
            in_frontend = _in_frontend(outputs)
            macs, count = formula(inputs, outputs) if formula else (0, 0)
            effective = self._effective(name, kind, inputs, sources)
            products = (
                made_of(count, [get_shape(outputs[0])] * 2) if count else _products(name, effective, inputs, outputs)
            )
            carrying = [value for value in _keys(sources) if in_frontend or value not in self._features]
            straight = effective is not Kind.MOVES or name in LAYOUT_KEPT
            axes = _summed_axes(name, inputs) if effective is Kind.SUMS else None
            summed = self._flow.step(effective, carrying, _keys(outputs), products, axes=axes, straight=straight)
            self._features.update(_keys(outputs) if in_frontend else ())
            self._of_the_clip.update(_keys(outputs) if self._depends(name, sources) else ())
            return Counter({name.removeprefix("aten::"): macs, SUMMED: summed})

        return handle

    def _effective(self, name: str, kind: Kind, inputs: Values, sources: Values) -> Kind:
        """A lookup of what does not depend on the clip, or by what does not, moves numbers only; so does dropout."""
        if name in IN_EVALUATION and inputs[2].toIValue():
            msg = f"{name} draws random numbers"
            raise ValueError(msg)
        if kind is not Kind.LOOKUP:
            return kind
        table, *places = sources
        reads = not self._depends(name, [table]) and self._depends(name, places)
        return Kind.PRODUCT if reads else Kind.MOVES

    def _depends(self, name: str, sources: Sequence[Any]) -> bool:
        if name == "prim::ListConstruct" and not sources:
            return False
        return any(self._is_input(value) or value.debugName() in self._of_the_clip for value in sources)

    @staticmethod
    def _is_input(value: Any) -> bool:
        """The waveform is the graph's first input; the others are weights."""
        node = value.node()
        first: bool = node.kind() == "prim::Param" and next(iter(node.outputs())).debugName() == value.debugName()
        return first


def _in_frontend(outputs: Values) -> bool:
    scope = outputs[0].node().scopeName().split("/")[-1] if outputs else ""
    return scope == FRONTEND or scope.startswith(f"{FRONTEND}.")


def _refusing(name: str) -> Handler:
    def handle(_inputs: Values, _outputs: Values) -> Counter[str]:
        msg = f"{name} holds operators that a trace does not show"
        raise ValueError(msg)

    return handle


def _tensors(values: Sequence[Any]) -> Iterator[Any]:
    """The tensor values among the inputs, those in lists too."""
    for value in values:
        if value.isCompleteTensor() or value.type().kind() in {"TensorType", "ListType", "TupleType"}:
            yield value


def _keys(values: Sequence[Any]) -> list[Hashable]:
    return [value.debugName() for value in values]


def _products(name: str, kind: Kind, inputs: Values, outputs: Values) -> Products | None:
    """The products that an operator of two tensors makes; scaling by one number makes none."""
    if kind not in {Kind.PRODUCT, Kind.ACCUMULATES, Kind.LOOKUP}:
        return None
    out = get_shape(outputs[0])
    factors = [get_shape(value) for value in inputs if value.isCompleteTensor() and not _is_number(value)]
    if kind is Kind.LOOKUP:
        return made_of(prod(out), [out, out])
    if name in OF_ONE:
        return made_of(round(OF_ONE[name] * prod(factors[0])), factors * 2)
    factors = factors[1:] if kind is Kind.ACCUMULATES else factors
    return made_of(prod(out), factors) if len(factors) > 1 else None


def _summed_axes(name: str, inputs: Values) -> Axes | None:
    """Axes that a sum reduces while all others stay where they are; None where that is not known."""
    if name in POOLED_AXES:
        return frozenset(range(-POOLED_AXES[name], 0))
    if name not in {"aten::sum", "aten::mean"} or len(inputs) < 4 or inputs[2].toIValue() is not True:  # keepdim
        return None
    dims = constant(inputs[1])
    width = len(get_shape(inputs[0]))
    return frozenset(dim if dim < 0 else dim - width for dim in dims) if dims else None


def _is_number(value: Any) -> bool:
    """A number of Python: the tracer writes it as a constant without axes."""
    written: bool = value.node().kind() == "prim::Constant"
    return written and get_shape(value) == []
