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
from math import isqrt, prod
from typing import Any

import torch
from fvcore.nn import FlopCountAnalysis
from fvcore.nn.jit_handles import addmm_flop_jit, bmm_flop_jit, get_shape, linear_flop_jit
from torch import Tensor, nn

from harness.complexity import formulas
from harness.complexity.flow import LAYOUT_KEPT, Axes, Flow, Products, made_of
from harness.complexity.meter import OF_ONE, POOLED_AXES
from harness.complexity.operators import IN_EVALUATION, OPERATORS, Kind

Values = list[Any]  # torch._C.Value, which has no stubs
Handler = Callable[[Values, Values], Counter[str]]

FRONTEND = "classifier.frontend"
SUMMED = "products that are summed"
CONTROL = ("prim::If", "prim::Loop", "prim::CallMethod", "prim::fork", "prim::TensorExprGroup", "prim::rpc_async")
"""Nodes that hold operators inside them, which fvcore would pass over in silence."""


@dataclass(frozen=True)
class Traced:
    """MACs by module name ("" is the whole, submodules are within their owners), and what was passed over, by module."""

    by_module: Mapping[str, int]
    by_operator: Mapping[str, int]
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
    return Traced(by_module, dict(analysis.by_operator()), _innermost(analysis, by_module))


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
    def _is_input(value: Any) -> bool:  # noqa: ANN401 - torch._C.Value
        """The waveform is the graph's first input; the others are weights."""
        node = value.node()
        return node.kind() == "prim::Param" and next(iter(node.outputs())).debugName() == value.debugName()


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
    if kind is Kind.LOOKUP or name in OF_ONE:
        return made_of(prod(out), [out, out] if kind is Kind.LOOKUP else factors * 2)
    factors = factors[1:] if kind is Kind.ACCUMULATES else factors
    return made_of(prod(out), factors) if len(factors) > 1 else None


def _summed_axes(name: str, inputs: Values) -> Axes | None:
    """Axes that a sum reduces while all others stay where they are; None where that is not known."""
    if name in POOLED_AXES:
        return frozenset(range(-POOLED_AXES[name], 0))
    if name not in {"aten::sum", "aten::mean"} or len(inputs) < 4 or inputs[2].toIValue() is not True:  # keepdim
        return None
    dims = inputs[1].toIValue()
    width = len(get_shape(inputs[0]))
    return frozenset(dim if dim < 0 else dim - width for dim in dims) if dims else None


def _is_number(value: Any) -> bool:  # noqa: ANN401 - torch._C.Value
    """A number of Python: the tracer writes it as a constant without axes."""
    return value.node().kind() == "prim::Constant" and get_shape(value) == []


def _shapes(value: Any) -> list[list[int]]:  # noqa: ANN401 - torch._C.Value
    """Shapes of a list of tensors."""
    return [get_shape(item) for item in value.node().inputs()]


def _plain(handler: Callable[[Values, Values], Any]) -> Callable[[Values, Values], tuple[int, int]]:
    """fvcore's own handler, as (MACs, open products)."""

    def formula(inputs: Values, outputs: Values) -> tuple[int, int]:
        found = handler(inputs, outputs)
        return int(sum(found.values()) if isinstance(found, Counter) else found), 0

    return formula


def _by_shapes(count: Callable[..., int], *places: int) -> Callable[[Values, Values], tuple[int, int]]:
    """A formula of the shapes of the inputs at `places`."""

    def formula(inputs: Values, _outputs: Values) -> tuple[int, int]:
        return count(*(get_shape(inputs[place]) for place in places)), 0

    return formula


def _convolution(inputs: Values, outputs: Values) -> tuple[int, int]:
    """(input, weight, bias, stride, padding, dilation, transposed, …); the form with padding="same" is never transposed."""
    transposed = inputs[6].toIValue()
    shapes = (get_shape(value) for value in (inputs[0], inputs[1], outputs[0]))
    return formulas.convolution(*shapes, transposed=transposed is True), 0


def _tensordot(inputs: Values, outputs: Values) -> tuple[int, int]:
    """The axes may be no constants of the trace: what both inputs have twice and the output has not is summed."""
    a, b, out = (prod(get_shape(value)) for value in (inputs[0], inputs[1], outputs[0]))
    return out * isqrt(a * b // max(out, 1)), 0


def _einsum(inputs: Values, _outputs: Values) -> tuple[int, int]:
    path = inputs[2].toIValue() if len(inputs) > 2 else None
    return formulas.einsum(inputs[0].toIValue(), _shapes(inputs[1]), path)


def _recurrent(inputs: Values, _outputs: Values) -> tuple[int, int]:
    """(input, state, weights, …) or, for packed sequences, (data, batch sizes, state, weights, …)."""
    at = next(i for i, value in enumerate(inputs) if _is_weights(value))
    weights, x = _shapes(inputs[at]), get_shape(inputs[0])
    packed = inputs[1].isCompleteTensor() and len(get_shape(inputs[1])) == 1
    return formulas.recurrent(weights, x[0] if packed else prod(x[:-1])), 0


def _is_weights(value: Any) -> bool:  # noqa: ANN401 - torch._C.Value
    """A list of tensors with a matrix of weights first (a state has three axes)."""
    if value.node().kind() != "prim::ListConstruct":
        return False
    shapes = _shapes(value)
    return bool(shapes) and shapes[0] is not None and len(shapes[0]) == 2


def _cell(inputs: Values, _outputs: Values) -> tuple[int, int]:
    """One step: every matrix among the inputs after input and state works once for each clip."""
    x = get_shape(inputs[0])
    matrices = [get_shape(value) for value in inputs[2:4]]
    return formulas.recurrent(matrices, prod(x[:-1])), 0


def _native_attention(inputs: Values, _outputs: Values) -> tuple[int, int]:
    query, key = get_shape(inputs[0]), get_shape(inputs[1])
    batch, length, width = query
    projections = batch * width * width * (2 * length + 2 * key[1])
    return projections + 2 * batch * length * key[1] * width, 0


def _encoder_layer(inputs: Values, _outputs: Values) -> tuple[int, int]:
    """`_transformer_encoder_layer_fwd`: self-attention and two linear layers (arguments 14 and 16 are their weights)."""
    x, up, down = (get_shape(inputs[i]) for i in (0, 14, 16))
    return formulas.self_attention(*x) + formulas.linear(x, up) + prod(x[:-1]) * prod(down), 0


def _stft(inputs: Values, outputs: Values) -> tuple[int, int]:
    """Frames times a transform, and the products with the window."""
    n_fft, out = inputs[1].toIValue(), get_shape(outputs[0])
    frames = prod(out[:-2]) * out[-1] if outputs[0].type().dtype().is_complex else prod(out[:-3]) * out[-2]
    window = frames * n_fft if inputs[4].isCompleteTensor() else 0
    return formulas.fourier(n_fft, frames, real=True) + window, 0


def _istft(inputs: Values, _outputs: Values) -> tuple[int, int]:
    x, n_fft = get_shape(inputs[0]), inputs[1].toIValue()
    frames = prod(x[:-2]) * x[-1]
    return formulas.fourier(n_fft, frames, real=True) + 2 * frames * n_fft, 0


def _fourier(*, real: bool, to_real: bool = False) -> Callable[[Values, Values], tuple[int, int]]:
    """`torch.fft.*` over one axis or several: (input, n or s, dim, norm)."""

    def formula(inputs: Values, outputs: Values) -> tuple[int, int]:
        x, out = get_shape(inputs[0]), get_shape(outputs[0])
        full = out if to_real or len(out) != len(x) else [max(a, b) for a, b in zip(x, out, strict=True)]
        dims = inputs[2].toIValue()
        axes = [dims] if isinstance(dims, int) else list(range(len(x)) if dims is None else dims)
        return _transforms(full, out, axes, real=real), 0

    return formula


def _transforms(full: Sequence[int], out: Sequence[int], axes: Sequence[int], *, real: bool) -> int:
    """The last axis is the real one; along the others half of the numbers are left."""
    macs = formulas.fourier(full[axes[-1]], prod(full) // full[axes[-1]], real=real)
    for axis in axes[:-1]:
        half = [*full]
        half[axes[-1]] = full[axes[-1]] // 2 + 1 if real else full[axes[-1]]
        macs += formulas.fourier(full[axis], prod(half) // full[axis], real=False)
    return macs


def _interpolation(points: int) -> Callable[[Values, Values], tuple[int, int]]:
    """Each output element is a weighted sum of `points` input elements."""

    def formula(_inputs: Values, outputs: Values) -> tuple[int, int]:
        return points * prod(get_shape(outputs[0])), 0

    return formula


def _embedding_bag(inputs: Values, _outputs: Values) -> tuple[int, int]:
    weight, indices = get_shape(inputs[0]), get_shape(inputs[1])
    return prod(indices) * weight[1], 0


def _pairwise(inputs: Values, _outputs: Values) -> tuple[int, int]:
    return prod(formulas.broadcast(get_shape(inputs[0]), get_shape(inputs[1]))), 0


def _cosine(inputs: Values, outputs: Values) -> tuple[int, int]:
    return 3 * _pairwise(inputs, outputs)[0], 0


def distances(a: formulas.Shape, b: formulas.Shape) -> int:
    """Every row of one with every row of the other."""
    return prod(formulas.broadcast(a[:-2], b[:-2])) * a[-2] * b[-2] * a[-1]


def trilinear(a: formulas.Shape, b: formulas.Shape, weight: formulas.Shape) -> int:
    """`nn.Bilinear`: inputs (..., in1), (..., in2), weight (out, in1, in2)."""
    return prod(a[:-1]) * prod(weight)


FORMULAS: Mapping[str, Callable[[Values, Values], tuple[int, int]]] = {
    **{f"aten::{name}": _convolution for name in ("_convolution", "_convolution_mode", "convolution")},
    "aten::linear": _plain(linear_flop_jit),
    "aten::mm": _by_shapes(formulas.matmul, 0, 1),
    "aten::addmm": _plain(addmm_flop_jit),
    "aten::bmm": _plain(bmm_flop_jit),
    "aten::baddbmm": _by_shapes(formulas.matmul, 1, 2),
    "aten::addbmm": _by_shapes(formulas.matmul, 1, 2),
    "aten::addmv": _by_shapes(formulas.matmul, 1, 2),
    **{f"aten::{name}": _by_shapes(formulas.matmul, 0, 1) for name in ("matmul", "linalg_matmul", "mv", "dot", "vdot")},
    "aten::inner": _by_shapes(lambda a, b: prod(a) * prod(b[:-1]), 0, 1),
    "aten::einsum": _einsum,
    "aten::tensordot": _tensordot,
    "aten::bilinear": _by_shapes(trilinear, 0, 1, 2),
    "aten::scaled_dot_product_attention": _by_shapes(formulas.attention, 0, 1, 2),
    "aten::_native_multi_head_attention": _native_attention,
    "aten::_transformer_encoder_layer_fwd": _encoder_layer,
    **{f"aten::{name}": _recurrent for name in ("gru", "lstm", "rnn_tanh", "rnn_relu")},
    **{f"aten::{name}_cell": _cell for name in ("gru", "lstm", "rnn_tanh", "rnn_relu")},
    "aten::embedding_bag": _embedding_bag,
    "aten::cdist": _by_shapes(distances, 0, 1),
    "aten::pairwise_distance": _pairwise,
    "aten::cosine_similarity": _cosine,
    "aten::stft": _stft,
    "aten::istft": _istft,
    **{f"aten::fft_{name}": _fourier(real=False) for name in ("fft", "ifft", "fft2", "ifft2", "fftn", "ifftn")},
    **{f"aten::fft_{name}": _fourier(real=True) for name in ("rfft", "rfft2", "rfftn")},
    **{f"aten::fft_{name}": _fourier(real=True, to_real=True) for name in ("irfft", "irfft2", "irfftn")},
    "aten::upsample_linear1d": _interpolation(2),
    "aten::upsample_bilinear2d": _interpolation(4),
    "aten::upsample_bicubic2d": _interpolation(16),
    "aten::upsample_trilinear3d": _interpolation(8),
    "aten::grid_sampler": _interpolation(4),
}
"""(MACs, open products) of the operators that contract, from the values of a trace."""
