"""8-bit weights and activations, trained for: the rules of 2022 and 2023 count bytes, and an 8-bit weight is one.

    prepared = quantisable(network)          # batch norms folded; layers round as 8 bit would, gradients pass through
    ...                                      # train it on, at a small learning rate; freeze it for the last epochs
    network = at_8_bit(prepared)             # int8 weights, one scale a channel, 16-bit scales and biases

Activations are rounded to 256 steps over the range seen in training (a moving mean of least and largest), weights
to -127 … 127 steps of their own scale. The released QAT of CP-JKU 2023 (torch's fbgemm configuration) folds batch norms
while it trains and freezes them for the last four epochs; here they are folded before.
"""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.models.inference import folded, replace

N = TypeVar("N", bound=nn.Module)
Layer = nn.Conv2d | nn.Linear

MOMENTUM = 0.01
"""Share of a batch's range in the moving mean, as torch's observers have it."""

STEPS = 127
LEVELS = 255


class RoundedLayer(nn.Module):
    """A convolution or a linear layer whose input and weights are rounded to 8 bit, with gradients as if they were not.

    While it trains and is not frozen it watches the range of its inputs: `low` and `high`.
    """

    def __init__(self, layer: Layer, *, per_channel: bool) -> None:
        super().__init__()
        self.layer = layer
        self.per_channel = per_channel
        self.frozen = False
        for name, start in (("low", 0.0), ("high", 0.0), ("seen", 0.0)):
            self.register_buffer(name, torch.tensor(start))

    def forward(self, x: Tensor) -> Tensor:
        if self.training and not self.frozen:
            self._watch(x.detach())
        step, zero = activation_step(self.get_buffer("low"), self.get_buffer("high"))
        rounded = torch.fake_quantize_per_tensor_affine(x, step, zero.int(), 0, LEVELS)
        weight = self.layer.weight
        scale = weight_scale(weight.detach(), per_channel=self.per_channel)
        zeros = torch.zeros(len(scale), dtype=torch.int32, device=scale.device)
        weight = torch.fake_quantize_per_channel_affine(weight, scale, zeros, 0, -STEPS, STEPS)
        return _applied(self.layer, rounded, weight, self.layer.bias)

    def _watch(self, x: Tensor) -> None:
        low, high, seen = (self.get_buffer(name) for name in ("low", "high", "seen"))
        share = torch.where(seen == 0, 1.0, MOMENTUM)
        low.lerp_(x.min().float(), share)
        high.lerp_(x.max().float(), share)
        seen.fill_(1.0)


class ByteLayer(nn.Module):
    """A convolution or a linear layer that holds int8 weights, their scale, a bias, and the step of its input."""

    def __init__(self, rounded: RoundedLayer, small: torch.dtype) -> None:
        super().__init__()
        layer = copy.deepcopy(rounded.layer)
        weight = layer.weight.detach()
        scale = weight_scale(weight, per_channel=rounded.per_channel)
        if not rounded.per_channel:
            scale = scale[:1]
        scale = scale.to(small).float()
        shape = (-1, *[1] * (weight.dim() - 1))
        steps = (weight / scale.view(shape)).round().clamp(-STEPS, STEPS)
        self.register_buffer("steps", steps.to(torch.int8))
        self.register_buffer("scale", scale.view(shape).to(small))
        self.register_buffer("bias", None if layer.bias is None else layer.bias.detach().to(small))
        step, zero = activation_step(rounded.get_buffer("low"), rounded.get_buffer("high"))
        self.register_buffer("step", step.clone())
        self.register_buffer("zero", zero.float())
        del layer.weight, layer.bias
        layer.register_parameter("weight", None)
        layer.register_parameter("bias", None)
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        step, zero = self.get_buffer("step"), self.get_buffer("zero")
        x = ((x.float() / step).round().clamp(-zero, LEVELS - zero)) * step
        weight = self.get_buffer("steps").float() * self.get_buffer("scale").float()
        bias = self.get_buffer("bias") if self._buffers["bias"] is not None else None
        return _applied(self.layer, x, weight, bias.float() if bias is not None else None)


def quantisable(network: N, *, per_channel: bool = True) -> N:
    """A copy of a trained network with batch norms folded and every convolution and linear layer rounded to 8 bit."""
    copied = folded(network).requires_grad_()
    for name, module in list(copied.named_modules()):
        if isinstance(module, nn.Conv2d | nn.Linear):
            replace(copied, name, RoundedLayer(module, per_channel=per_channel))
    return copied


def freeze(network: nn.Module) -> None:
    """Ranges of activations stay as they are from here on: for the last epochs of a training."""
    for module in network.modules():
        if isinstance(module, RoundedLayer):
            module.frozen = True


def at_8_bit(network: N, small: torch.dtype = torch.float16) -> N:
    """A copy of a `quantisable` network that holds 8-bit weights; scales and biases are `small`."""
    copied = copy.deepcopy(network).eval()
    for name, module in list(copied.named_modules()):
        if isinstance(module, RoundedLayer):
            replace(copied, name, ByteLayer(module, small))
    return copied.requires_grad_(requires_grad=False)


def weight_scale(weight: Tensor, *, per_channel: bool) -> Tensor:
    """What a step of each output channel is worth (channels,): its largest weight, or that of all, over 127."""
    largest = weight.abs().flatten(1).amax(1)
    if not per_channel:
        largest = largest.amax().expand_as(largest)
    return largest.clamp(min=1e-8) / STEPS


def activation_step(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """(step, zero point) of 256 steps from `low` to `high`, with zero exactly on a step."""
    low, high = low.clamp(max=0.0), high.clamp(min=0.0)
    step = ((high - low) / LEVELS).clamp(min=1e-8)
    return step, (-low / step).round().clamp(0, LEVELS)


def _applied(layer: Layer, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    if isinstance(layer, nn.Linear):
        return F.linear(x, weight, bias)
    return F.conv2d(x, weight, bias, layer.stride, layer.padding, layer.dilation, layer.groups)
