"""Multiply-accumulates of operators as a jit trace shows them: fvcore's own handlers, and what it lacks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import isqrt, prod
from typing import Any

from fvcore.nn.jit_handles import addmm_flop_jit, bmm_flop_jit, get_shape, linear_flop_jit

from harness.complexity import formulas

Values = list[Any]  # torch._C.Value, which has no stubs
Formula = Callable[[Values, Values], tuple[int, int]]


def constant(value: Any) -> Any:
    """A constant of the graph, also a list of constants; None where it is none."""
    node = value.node()
    if node.kind() != "prim::ListConstruct":
        return value.toIValue()
    items = [item.toIValue() for item in node.inputs()]
    return None if None in items else items


def _shapes(value: Any) -> list[list[int]]:
    """Shapes of a list of tensors."""
    return [get_shape(item) for item in value.node().inputs()]


def _plain(handler: Callable[[Values, Values], Any]) -> Formula:
    """fvcore's own handler, as (MACs, open products)."""

    def formula(inputs: Values, outputs: Values) -> tuple[int, int]:
        found = handler(inputs, outputs)
        return int(sum(found.values()) if isinstance(found, Counter) else found), 0

    return formula


def _by_shapes(count: Callable[..., int], *places: int) -> Formula:
    """A formula of the shapes of the inputs at `places`."""

    def formula(inputs: Values, _outputs: Values) -> tuple[int, int]:
        return count(*(get_shape(inputs[place]) for place in places)), 0

    return formula


def _convolution(inputs: Values, outputs: Values) -> tuple[int, int]:
    """(input, weight, bias, stride, padding, dilation, transposed, …); with padding="same" there is no `transposed`."""
    transposed = inputs[6].toIValue()
    shapes = (get_shape(value) for value in (inputs[0], inputs[1], outputs[0]))
    return formulas.convolution(*shapes, transposed=transposed is True), 0


def _tensordot(inputs: Values, outputs: Values) -> tuple[int, int]:
    """The axes may be no constants of the trace: what both inputs have twice and the output has not is summed."""
    a, b, out = (prod(get_shape(value)) for value in (inputs[0], inputs[1], outputs[0]))
    return out * isqrt(a * b // max(out, 1)), 0


def _einsum(inputs: Values, _outputs: Values) -> tuple[int, int]:
    path = constant(inputs[2]) if len(inputs) > 2 else None
    return formulas.einsum(inputs[0].toIValue(), _shapes(inputs[1]), path)


def _recurrent(inputs: Values, _outputs: Values) -> tuple[int, int]:
    """(input, state, weights, …) or, for packed sequences, (data, batch sizes, state, weights, …)."""
    at = next(i for i, value in enumerate(inputs) if _is_weights(value))
    weights, x = _shapes(inputs[at]), get_shape(inputs[0])
    packed = inputs[1].isCompleteTensor() and len(get_shape(inputs[1])) == 1
    return formulas.recurrent(weights, x[0] if packed else prod(x[:-1])), 0


def _is_weights(value: Any) -> bool:
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
    """`_transformer_encoder_layer_fwd`: self-attention, and linear layers whose weights are arguments 14 and 16."""
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


def _fourier(*, real: bool, to_real: bool = False) -> Formula:
    """`torch.fft.*` over one axis or several: (input, n or s, dim, norm)."""

    def formula(inputs: Values, outputs: Values) -> tuple[int, int]:
        x, out = get_shape(inputs[0]), get_shape(outputs[0])
        full = out if to_real or len(out) != len(x) else [max(a, b) for a, b in zip(x, out, strict=True)]
        dims = constant(inputs[2])
        axes = [dims] if isinstance(dims, int) else list(range(len(x)) if dims is None else dims)
        return _transforms(full, axes, real=real), 0

    return formula


def _transforms(full: Sequence[int], axes: Sequence[int], *, real: bool) -> int:
    """The last axis is the real one; along the others half of the numbers are left."""
    macs = formulas.fourier(full[axes[-1]], prod(full) // full[axes[-1]], real=real)
    for axis in axes[:-1]:
        half = [*full]
        half[axes[-1]] = full[axes[-1]] // 2 + 1 if real else full[axes[-1]]
        macs += formulas.fourier(full[axis], prod(half) // full[axis], real=False)
    return macs


def _interpolation(points: int) -> Formula:
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


def _distances(a: formulas.Shape, b: formulas.Shape) -> int:
    """Every row of one with every row of the other."""
    return prod(formulas.broadcast(a[:-2], b[:-2])) * a[-2] * b[-2] * a[-1]


FORMULAS: Mapping[str, Formula] = {
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
    "aten::bilinear": _by_shapes(formulas.bilinear, 0, 2),
    "aten::scaled_dot_product_attention": _by_shapes(formulas.attention, 0, 1, 2),
    "aten::_native_multi_head_attention": _native_attention,
    "aten::_transformer_encoder_layer_fwd": _encoder_layer,
    **{f"aten::{name}": _recurrent for name in ("gru", "lstm", "rnn_tanh", "rnn_relu")},
    **{f"aten::{name}_cell": _cell for name in ("gru", "lstm", "rnn_tanh", "rnn_relu")},
    "aten::embedding_bag": _embedding_bag,
    "aten::cdist": _by_shapes(_distances, 0, 1),
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
