"""A network for prediction only: batch norms folded, memory layout and precision chosen."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

N = TypeVar("N", bound=nn.Module)
Pair = tuple[str, str]


def for_inference(network: N, dtype: torch.dtype = torch.float32, *, channels_last: bool = True) -> N:
    """A copy of `network` in evaluation mode, its batch norms folded into the convolutions before them.

    It is called with features of any floating dtype and gives float32; in between it computes in `dtype` (its `embed`
    and `heads` take and give that one). Channels-last is two to seven times faster for depthwise convolutions on a CPU
    (facts/speed.md, 5) and does nothing to transformers.
    """
    copied = folded(network).to(dtype)
    if channels_last:
        copied.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    copied.register_forward_pre_hook(_features_in_the_network_s_dtype)
    copied.register_forward_hook(_logits_in_single_precision)
    return copied.eval().requires_grad_(requires_grad=False)


def folded(network: N) -> N:
    """A copy of `network` in evaluation mode, its batch norms folded into the convolutions before them."""
    copied = copy.deepcopy(network).eval()
    for convolution, norm in list(foldable(copied)):
        fused = fuse_conv_bn_eval(
            cast("nn.Conv2d", copied.get_submodule(convolution)), cast("nn.BatchNorm2d", copied.get_submodule(norm))
        )
        replace(copied, convolution, fused)
        replace(copied, norm, nn.Identity())
    return copied


def foldable(network: nn.Module) -> Iterator[Pair]:
    """Names of each convolution and the batch norm that alone reads it.

    Neighbours in a `Sequential` are found; a module whose own `forward` joins them names them in `FOLDS`.
    """
    for prefix, module in network.named_modules():
        pairs: list[Pair] = list(getattr(module, "FOLDS", ()))
        if isinstance(module, nn.Sequential):
            pairs += [
                (first, second)
                for (first, one), (second, other) in pairwise(module.named_children())
                if isinstance(one, nn.Conv2d) and isinstance(other, nn.BatchNorm2d)
            ]
        for convolution, norm in pairs:
            if isinstance(getattr(module, norm, None), nn.BatchNorm2d):
                yield f"{prefix}.{convolution}".lstrip("."), f"{prefix}.{norm}".lstrip(".")


def replace(network: nn.Module, name: str, module: nn.Module) -> None:
    """Puts `module` in the place of the network's submodule `name`."""
    parent, _, child = name.rpartition(".")
    setattr(network.get_submodule(parent), child, module)


def _features_in_the_network_s_dtype(network: nn.Module, features: tuple[Any, ...]) -> tuple[Any, ...]:
    dtype = next(network.parameters()).dtype
    return (features[0].to(dtype), *features[1:])


def _logits_in_single_precision(_: nn.Module, __: tuple[Any, ...], logits: Tensor) -> Tensor:
    return logits.float()
