"""8-bit weights and activations: the rules of 2022 and 2023 count bytes, and an 8-bit weight is one.

    prepared = quantisable(network)          # batch norms folded; layers round as 8 bit would, gradients pass through
    ...                                      # train it on, at a small learning rate; freeze it for the last epochs
    network = at_8_bit(prepared)             # int8 weights, one scale a channel, 16-bit scales and biases

or rounded after the training, with ranges from a few batches of features, as in the baseline of 2022:

    network = at_8_bit(calibrated(network, batches))

Activations are rounded to 256 steps over the range seen in training (a moving mean of least and largest), weights
to -127 … 127 steps of their own scale. The released QAT of CP-JKU 2023 (torch's fbgemm configuration) folds batch norms
while it trains and freezes them for the last four epochs; here they are folded before.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
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


class Bytes(nn.Module):
    """What an 8-bit layer holds: an int8 `weight`, its `scale`, a small `bias`, the `step` and `zero` of its input."""

    def hold(self, rounded: RoundedLayer, small: torch.dtype) -> None:
        """Takes the weights of a layer that was trained for 8 bit, and the range of its input."""
        weight, bias = rounded.layer.weight.detach(), rounded.layer.bias
        scale = weight_scale(weight, per_channel=rounded.per_channel)
        scale = (scale if rounded.per_channel else scale[:1]).to(small).view(-1, *[1] * (weight.dim() - 1))
        steps = (weight / scale.float()).round().clamp(-STEPS, STEPS)
        self.register_parameter("weight", nn.Parameter(steps.to(torch.int8), requires_grad=False))
        if bias is not None:
            self.register_parameter("bias", nn.Parameter(bias.detach().to(small), requires_grad=False))
        step, zero = activation_step(rounded.get_buffer("low"), rounded.get_buffer("high"))
        for name, value in (("scale", scale), ("step", step.clone()), ("zero", zero.float())):
            self.register_buffer(name, value)

    def rounded(self, x: Tensor) -> Tensor:
        """The input on its 256 steps."""
        step, zero = self.get_buffer("step"), self.get_buffer("zero")
        return (x.float() / step).round().clamp(-zero, LEVELS - zero) * step

    def weights(self) -> tuple[Tensor, Tensor | None]:
        """Weight and bias at 32 bit."""
        weight, bias = self.get_parameter("weight"), self._parameters["bias"]
        return weight.float() * self.get_buffer("scale").float(), None if bias is None else bias.float()


class ByteConv2d(Bytes, nn.Conv2d):
    """A convolution that holds 8-bit weights."""

    def forward(self, x: Tensor) -> Tensor:
        return _applied(self, self.rounded(x), *self.weights())


class ByteLinear(Bytes, nn.Linear):
    """A linear layer that holds 8-bit weights."""

    def forward(self, x: Tensor) -> Tensor:
        return _applied(self, self.rounded(x), *self.weights())


def byte_layer(rounded: RoundedLayer, small: torch.dtype) -> ByteConv2d | ByteLinear:
    """The layer as it is tested."""
    layer, biased = rounded.layer, rounded.layer.bias is not None
    held: ByteConv2d | ByteLinear
    if isinstance(layer, nn.Linear):
        held = ByteLinear(layer.in_features, layer.out_features, bias=biased)
    else:
        held = ByteConv2d(
            layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride, layer.padding,  # type: ignore[arg-type]
            layer.dilation, layer.groups, bias=biased,  # type: ignore[arg-type]
        )  # fmt: skip
    held.hold(rounded, small)
    return held


def quantisable(network: N, *, per_channel: bool = True) -> N:
    """A copy of a trained network with batch norms folded and every convolution and linear layer rounded to 8 bit."""
    copied = folded(network).requires_grad_()
    for name, module in list(copied.named_modules()):
        if isinstance(module, nn.Conv2d | nn.Linear):
            replace(copied, name, RoundedLayer(module, per_channel=per_channel))
    return copied


@torch.no_grad()
def calibrated(network: N, batches: Iterable[Tensor], *, per_channel: bool = True) -> N:
    """A `quantisable` copy whose ranges are those of features (batch, …); nothing is trained."""
    prepared = quantisable(network, per_channel=per_channel).eval()
    layers = [module for module in prepared.modules() if isinstance(module, RoundedLayer)]
    for layer in layers:
        layer.train()
    for features in batches:
        prepared(features)
    return prepared.eval()


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
            replace(copied, name, byte_layer(module, small))
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
