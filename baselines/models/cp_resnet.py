"""CP-ResNet, the receptive-field-regularised residual network of CP-JKU: the convolutional teacher of paper 000.

Koutini et al., "Receptive field regularization techniques for audio classification and tagging with deep convolutional
neural networks", 2021; the shape is that of the 2022 to 2024 scene-classification systems. The layer sizes stand in
facts/architectures.md, section 2. Names of sub-modules are those of the released teacher files.

Input (1, 256 mels, 43 frames) at 32 base channels: stem 32 x 127 x 21, pooled to 32 x 63 x 10; stage 1 32 x 15 x 10;
stage 2 64 x 15 x 10; stage 3 92 x 15 x 10; head: classes x 15 x 10, then the mean over both axes.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import ClassVar

from torch import Tensor, nn

from baselines.models.network import Network, require_size

CUT_CHANNELS = 36
"""Channels that stage 3 has fewer than four times the base, whatever the base (released configuration)."""


class Shortcut(nn.Module):
    """Projection 1x1 (grouped as its block) and batch norm, where the width changes."""

    FOLDS: ClassVar = (("conv", "bn"),)

    def __init__(self, inputs: int, outputs: int, groups: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 1, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, F, T) to (N, outputs, F, T)."""
        projected: Tensor = self.bn(self.conv(x))
        return projected


class Block(nn.Module):
    """Two convolutions with batch norm, a shortcut around both: (N, inputs, F, T) to (N, outputs, F, T)."""

    FOLDS: ClassVar = (("conv1", "bn1"), ("conv2", "bn2"))

    def __init__(self, inputs: int, outputs: int, kernels: tuple[int, int], groups: int = 1) -> None:
        super().__init__()
        first, second = kernels
        self.conv1 = nn.Conv2d(inputs, outputs, first, padding=first // 2, groups=groups, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, second, padding=second // 2, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity() if inputs == outputs else Shortcut(inputs, outputs, groups)
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, F, T) to (N, outputs, F, T)."""
        y: Tensor = self.activation(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y)) + self.shortcut(x)
        activated: Tensor = self.activation(y)
        return activated


class CPResNet(Network):
    """CP-ResNet: log-mel features (N, 1, n_mels, n_frames) to logits (N, n_classes).

    `rho` (3 to 9) sets the receptive field through the kernel sizes; 8 is the teachers' value, 5 to 7 are one network.
    Untrained logits are 0: the head starts at zero, and so does the second convolution of every block.
    """

    HEAD: ClassVar = ("feed_forward",)
    STEM: ClassVar = "in_c.0.weight"

    def __init__(self, base_channels: int = 32, rho: int = 8, n_classes: int = 10) -> None:
        super().__init__()
        widths = (base_channels, 2 * base_channels, 4 * base_channels - CUT_CHANNELS)
        kernels = kernel_sizes(rho)
        self.in_c = nn.Sequential(
            nn.Conv2d(1, widths[0], 5, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
        )
        self.stage1 = _named(
            pool0=nn.MaxPool2d(2),
            block1=Block(widths[0], widths[0], kernels[0]),
            pool1=nn.MaxPool2d((2, 1)),
            block2=Block(widths[0], widths[0], kernels[1]),
            pool2=nn.MaxPool2d((2, 1)),
        )
        self.stage2 = _named(block1=Block(widths[0], widths[1], kernels[2], groups=2))
        self.stage3 = _named(block1=Block(widths[1], widths[2], kernels[3]))
        self.feed_forward = nn.Sequential(
            nn.Conv2d(widths[2], n_classes, 1, bias=False), nn.BatchNorm2d(n_classes), nn.AdaptiveAvgPool2d(1)
        )
        self._initialise()

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, 1, n_mels, n_frames) to logits (N, n_classes)."""
        require_size(x, 17, 5, "the pooling of CP-ResNet")
        logits: Tensor = self.feed_forward(self.stage3(self.stage2(self.stage1(self.in_c(x)))))
        return logits.flatten(1)

    def _initialise(self) -> None:
        """He by fan-in; in a block, the first convolution shrinks with its depth and the second is zero (Fixup)."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
        blocks = [module for module in self.modules() if isinstance(module, Block)]
        for depth, block in enumerate(blocks, 1):
            _normal_by_fan_out(block.conv1, depth**-0.5)
            nn.init.zeros_(block.conv2.weight)
            if isinstance(block.shortcut, Shortcut):
                _normal_by_fan_out(block.shortcut.conv)
        head = self.feed_forward[0]
        assert isinstance(head, nn.Conv2d)  # noqa: S101 - tells the type checker
        nn.init.zeros_(head.weight)


def kernel_sizes(rho: int) -> tuple[tuple[int, int], ...]:
    """Kernel sizes of the two convolutions of stage 1 block 1, stage 1 block 2, stage 2 and stage 3."""
    extra = rho - 4

    def kernel(least: int) -> int:
        return 3 if extra > least else 1

    return (
        (3, 1),
        (kernel(-3), kernel(-2)),
        (kernel(-1), kernel(0)),
        (kernel(3), kernel(4)),
    )


def _named(**parts: nn.Module) -> nn.Sequential:
    return nn.Sequential(OrderedDict(parts))


def _normal_by_fan_out(convolution: nn.Conv2d, scale: float = 1.0) -> None:
    fan_out = convolution.kernel_size[0] * convolution.kernel_size[1] * convolution.out_channels
    nn.init.normal_(convolution.weight, std=scale * (2 / fan_out) ** 0.5)
