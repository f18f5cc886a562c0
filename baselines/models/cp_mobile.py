"""CP-Mobile, the low-complexity convolutional network of CP-JKU.

Schmid et al., "CP-JKU submission to DCASE23: efficient acoustic scene classification with CP-Mobile", 2023 (with global
response normalisation), and the simplified form that is the official baseline of DCASE 2024 and 2025. Names of
sub-modules, and so the state-dict keys, are those of the released checkpoints.

Layers of the 2024 baseline, input (1, 256 mels, 65 frames): stem 32 x 64 x 17; b1 and b2 32 x 64 x 17; b3 32 x 64 x 9;
b4 and b5 56 x 32 x 9; b6 104 x 32 x 9; head: classes x 32 x 9, then the mean over both axes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn

from baselines.models.network import Network, require_size

Stride = tuple[int, int]

STRIDES_2023: Mapping[str, Stride] = {"b2": (2, 2), "b4": (2, 1)}
STRIDES_2024: Mapping[str, Stride] = {"b2": (1, 1), "b3": (1, 2), "b4": (2, 1)}


@dataclass(frozen=True)
class Shape:
    """The numbers that fix a CP-Mobile. Strides are (frequency, time) of the blocks they name; (1, 1) elsewhere."""

    base_channels: int = 32
    channels_multiplier: float = 2.3
    expansion_rate: float = 3.0
    n_blocks: tuple[int, ...] = (3, 2, 1)
    strides: Mapping[str, Stride] = field(default_factory=lambda: STRIDES_2023)
    response_normalisation: bool = True


SHAPE_2023 = Shape()
SHAPE_2024 = Shape(channels_multiplier=1.8, expansion_rate=2.1, strides=STRIDES_2024, response_normalisation=False)


def make_divisible(channels: float, divisor: int = 8) -> int:
    """`channels` rounded to a multiple of `divisor`, never below 90 % of it (the MobileNet rule)."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def conv_norm(
    inputs: int, outputs: int, kernel: int, stride: int | Stride = 1, groups: int = 1, *, relu: bool = True
) -> nn.Sequential:
    """Convolution without bias, batch-norm, maybe ReLU: (N, inputs, F, T) to (N, outputs, F', T')."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
    parts: list[nn.Module] = [convolution, nn.BatchNorm2d(outputs)]
    return nn.Sequential(*parts, nn.ReLU(inplace=True)) if relu else nn.Sequential(*parts)


class ResponseNormalisation(nn.Module):
    """Global response normalisation with one scalar gain and bias: y = gamma * x * N + beta + x.

    N is the L2 norm of a channel over frequency and time, relative to the mean of these norms over the channels.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))
        self.beta = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, F, T) to the same shape."""
        norm = torch.linalg.vector_norm(x, dim=(2, 3), keepdim=True)
        relative = norm / (norm.mean(dim=1, keepdim=True) + 1e-6)
        normalised: Tensor = x * (1 + self.gamma * relative) + self.beta  # the formula above in two passes over x
        return normalised


class Block(nn.Module):
    """Inverted residual block: expand 1x1, depthwise 3x3, project 1x1; a shortcut where the widths agree."""

    def __init__(self, inputs: int, outputs: int, expansion: float, stride: Stride, *, normalise: bool) -> None:
        super().__init__()
        width = make_divisible(inputs * expansion)
        self.block = nn.Sequential(
            conv_norm(inputs, width, 1),
            conv_norm(width, width, 3, stride, groups=width),
            conv_norm(width, outputs, 1, relu=False),
        )
        self.shortcut: nn.Module | None = None
        if inputs == outputs:
            self.shortcut = nn.Identity() if stride == (1, 1) else nn.AvgPool2d(3, stride, padding=1)
        self.after_block_norm: nn.Module = ResponseNormalisation() if normalise else nn.Identity()
        self.after_block_activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, F, T) to (N, outputs, F / stride, T / stride)."""
        y: Tensor = self.block(x)
        if self.shortcut is not None:
            y = y + self.shortcut(x)
        activated: Tensor = self.after_block_activation(self.after_block_norm(y))
        return activated


class CPMobile(Network):
    """CP-Mobile: log-mel features (N, 1, n_mels, n_frames) to logits (N, n_classes)."""

    HEAD: ClassVar = ("feed_forward",)
    STEM: ClassVar = "in_c.0.0.weight"

    def __init__(self, shape: Shape = SHAPE_2023, n_classes: int = 10) -> None:
        super().__init__()
        first = make_divisible(shape.base_channels)
        self.in_c = nn.Sequential(conv_norm(1, first // 4, 3, 2), conv_norm(first // 4, first, 3, 2))
        self.stages, width = _stages(shape, first)
        self.feed_forward = nn.Sequential(
            nn.Conv2d(width, n_classes, 1, bias=False), nn.BatchNorm2d(n_classes), nn.AdaptiveAvgPool2d(1)
        )
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, 1, n_mels, n_frames) to logits (N, n_classes)."""
        require_size(x, 1, 1, "one frame")
        logits: Tensor = self.feed_forward(self.stages(self.in_c(x)))
        return logits.flatten(1)


def _stages(shape: Shape, width: int) -> tuple[nn.Sequential, int]:
    stages: OrderedDict[str, nn.Module] = OrderedDict()
    number = 0
    for stage, blocks in enumerate(shape.n_blocks):
        outputs = make_divisible(shape.base_channels * shape.channels_multiplier**stage)
        members: OrderedDict[str, nn.Module] = OrderedDict()
        for _ in range(blocks):
            number += 1
            stride = shape.strides.get(f"b{number}", (1, 1))
            normalise = shape.response_normalisation
            members[f"b{number}"] = Block(width, outputs, shape.expansion_rate, stride, normalise=normalise)
            width = outputs
        stages[f"s{stage + 1}"] = nn.Sequential(members)
    return nn.Sequential(stages), width


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.ones_(module.weight)
        nn.init.zeros_(module.bias)
