"""Multiply-accumulates of operators as the dispatcher runs them: torch's own counter, and what it lacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil, prod
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import flop_registry

from harness.complexity import formulas
from harness.complexity.inventory import unpacked


def contraction(func: Any, name: str, args: Any, kwargs: Any, result: Any) -> int | None:
    """MACs of an operator that contracts; None where nobody has a formula."""
    own = FORMULAS.get(name)
    if own is not None:
        return own(args, result)
    packet = func._overloadpacket
    if packet not in flop_registry:
        return None
    return int(flop_registry[packet](*args, **kwargs, out_val=result)) // 2  # it counts two operations a MAC


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(value.shape)


def _recurrent(args: Any, _result: Any) -> int:
    """(input, state, weights, …) or, for packed sequences, (data, batch sizes, state, weights, …)."""
    x = args[0]
    packed = isinstance(args[1], Tensor) and args[1].dim() == 1
    weights = args[3] if packed else args[2]
    return formulas.recurrent([_shape(weight) for weight in weights], len(x) if packed else x.shape[0] * x.shape[1])


def _quantised_recurrent(args: Any, _result: Any) -> int:
    """(input, state, packed cells, …), dynamic quantisation: the input is (steps, batch, width) in either order."""
    matrices = [_shape(tensor) for cell in args[2] for tensor in unpacked(cell) if tensor.dim() == 2]
    return formulas.recurrent(matrices, args[0].shape[0] * args[0].shape[1])


def _cell(args: Any, _result: Any) -> int:
    return formulas.recurrent([_shape(weight) for weight in args[2:4]], prod(args[0].shape[:-1]))


def _native_attention(args: Any, _result: Any) -> int:
    """The fast path of `nn.MultiheadAttention`."""
    (batch, length, width), keys = args[0].shape, args[1].shape[1]
    macs: int = batch * width * (2 * length + 2 * keys) * width + 2 * batch * length * keys * width
    return macs


def _encoder_layer(args: Any, _result: Any) -> int:
    """The fast path of `nn.TransformerEncoderLayer`: arguments 14 and 16 are the feed-forward weights."""
    batch, length, width = args[0].shape
    forward: int = batch * length * (args[14].numel() + args[16].numel())
    return formulas.self_attention(batch, length, width) + forward


def _fft(*, real: bool) -> Callable[[Any, Any], int]:
    """`_fft_r2c(self, dim, …)`, `_fft_c2c`, `_fft_c2r`: the last axis is the real one."""

    def formula(args: Any, result: Any) -> int:
        x, out, axes = _shape(args[0]), _shape(result), list(args[1])
        longest = [max(a, b) for a, b in zip(x, out, strict=True)]
        shortest = [min(a, b) for a, b in zip(x, out, strict=True)]
        macs = formulas.fourier(longest[axes[-1]], prod(longest) // longest[axes[-1]], real=real)
        for axis in axes[:-1]:
            macs += formulas.fourier(longest[axis], prod(shortest) // longest[axis], real=False)
        return macs

    return formula


def _istft(args: Any, _result: Any) -> int:
    x, n_fft = args[0].shape, args[1]
    frames = prod(x[:-2]) * x[-1]
    return formulas.fourier(n_fft, frames, real=True) + int(2 * frames * n_fft)


def _sums_of(points: int) -> Callable[[Any, Any], int]:
    """Interpolation: each output element is a weighted sum of `points` input elements."""
    return lambda _args, result: points * result.numel()


def _antialiased(args: Any, result: Any) -> int:
    """A triangle as wide as the scale, along both axes."""
    scales = [before / after for before, after in zip(args[0].shape[-2:], result.shape[-2:], strict=True)]
    macs: int = result.numel() * prod(2 * ceil(max(scale, 1.0)) for scale in scales)
    return macs


def _quantised(args: Any, result: Any) -> int:
    """Packed weights: unpacked to see their shape. A convolution's weight has more than two axes."""
    packed: Any = next(value for value in args if isinstance(value, torch.ScriptObject))
    weight = unpacked(packed)[0]
    x, shape, out = args[0], tuple(weight.shape), tuple(result.shape)
    if len(shape) == 2:
        return formulas.linear(_shape(x), shape)
    return formulas.convolution(_shape(x), shape, out, transposed=bool(packed.transpose()))


def _matmul(first: int) -> Callable[[Any, Any], int]:
    return lambda args, _result: formulas.matmul(_shape(args[first]), _shape(args[first + 1]))


def _outer_sum(args: Any, _result: Any) -> int:
    a, b = args[0].shape, args[1].shape
    return prod(formulas.broadcast(a[:-2], b[:-2])) * int(a[-2] * b[-2] * a[-1])


def _attention(args: Any, _result: Any) -> int:
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
    "aten::_trilinear": lambda args, _result: formulas.bilinear(_shape(args[0]), _shape(args[1])),
    "aten::bilinear": lambda args, _result: formulas.bilinear(_shape(args[0]), _shape(args[2])),
    **{f"aten::{name}": _outer_sum for name in ("cdist", "_cdist_forward", "_euclidean_dist")},
    "aten::pairwise_distance": _pairs(1),
    "aten::cosine_similarity": _pairs(3),
    **{
        f"aten::{name}": lambda args, _result: args[1].numel() * args[0].shape[1]
        for name in ("embedding_bag", "_embedding_bag", "_embedding_bag_forward_only")
    },
    "aten::_upsample_bilinear2d_aa": _antialiased,
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
