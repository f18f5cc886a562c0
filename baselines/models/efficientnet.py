"""EfficientNet as the audio models of PSLA use it: the trunk of B0, B2, B6 and of the activation-friendly lite0.

Tan & Le, "EfficientNet: rethinking model scaling for convolutional neural networks", 2019; keys and numbers of
lukemelas/EfficientNet-PyTorch, on which Gong et al., "PSLA", 2021, and so paper 003 build. timm's EfficientNet is not
used here: the released networks pad their strided convolutions for the ImageNet image and not for the spectrogram,
which timm's layers cannot, and their checkpoints have other keys. Layer table: facts/architectures.md, section 6.

Input (1, 128 mels, 1056 frames): trunk features (1280 | 1408 | 2304, 4, 33) for B0 | B2 | B6.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from timm.layers.drop import DropPath
from torch import Tensor, nn

from baselines.models.cp_mobile import make_divisible

DROP_CONNECT = 0.2


@dataclass(frozen=True)
class Variant:
    """How a member of the family is scaled. `image_size` decides the padding; lite has no squeeze-excitation."""

    width: float
    depth: float
    image_size: int
    lite: bool = False


B0 = Variant(1.0, 1.0, 224)
B2 = Variant(1.1, 1.2, 260)
B6 = Variant(1.8, 2.6, 528)
LITE0 = Variant(1.0, 1.0, 224, lite=True)

STAGES = (
    # kernel, repeats, stride, expansion, outputs: of B0
    (3, 1, 1, 1, 16),
    (3, 2, 2, 6, 24),
    (5, 2, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (5, 3, 1, 6, 112),
    (5, 4, 2, 6, 192),
    (3, 1, 1, 6, 320),
)


class ImagePaddedConv2d(nn.Conv2d):
    """Convolution without bias, "same" padding computed for an image size: odd paddings go to the right and bottom.

    Output (N, outputs, F', T') with F' = (F + padding - kernel) // stride + 1, and T' likewise.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, size: int = 0, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)
        total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0) if stride > 1 else kernel - 1
        before, after = total // 2, total - total // 2
        self.margins = (before, after, before, after)
        if before == after:
            self.padding, self.margins = (before, before), (0, 0, 0, 0)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, F, T) to (N, outputs, F', T')."""
        return super().forward(F.pad(x, self.margins) if any(self.margins) else x)


class MBConv(nn.Module):
    """Inverted bottleneck: expand 1x1, depthwise, squeeze-excitation, project 1x1; a shortcut where shapes agree."""

    FOLDS: ClassVar = (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2"))

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int, size: int, drop: float, *, lite: bool
    ) -> None:
        super().__init__()
        width = inputs * expansion
        self.expands, self.squeezes = expansion > 1, not lite
        if self.expands:
            self._expand_conv = ImagePaddedConv2d(inputs, width, 1)
            self._bn0 = _norm(width)
        self._depthwise_conv = ImagePaddedConv2d(width, width, kernel, stride, size, groups=width)
        self._bn1 = _norm(width)
        if self.squeezes:
            squeezed = max(1, inputs // 4)
            self._se_reduce = nn.Conv2d(width, squeezed, 1)
            self._se_expand = nn.Conv2d(squeezed, width, 1)
        self._project_conv = ImagePaddedConv2d(width, outputs, 1)
        self._bn2 = _norm(outputs)
        self.activation = _activation(lite=lite)
        self.shortcut = stride == 1 and inputs == outputs
        self.drop_path = DropPath(drop) if self.shortcut else nn.Identity()

    def forward(self, inputs: Tensor) -> Tensor:
        """(N, inputs, F, T) to (N, outputs, F / stride, T / stride)."""
        x: Tensor = inputs
        if self.expands:
            x = self.activation(self._bn0(self._expand_conv(x)))
        x = self.activation(self._bn1(self._depthwise_conv(x)))
        if self.squeezes:
            gate = self._se_expand(self.activation(self._se_reduce(x.mean((2, 3), keepdim=True))))
            x = x * gate.sigmoid()
        x = self.drop_path(self._bn2(self._project_conv(x)))
        return x + inputs if self.shortcut else x


class EfficientNet(nn.Module):
    """The trunk: (N, 1, n_mels, n_frames) to features (N, width, n_mels / 32, n_frames / 32), rounded up by padding."""

    FOLDS: ClassVar = (("_conv_stem", "_bn0"), ("_conv_head", "_bn1"))

    def __init__(self, variant: Variant) -> None:
        super().__init__()

        def scaled(channels: int) -> int:
            return make_divisible(channels * variant.width)

        width, size = scaled(32), math.ceil(variant.image_size / 2)
        self._conv_stem = ImagePaddedConv2d(1, width, 3, 2, variant.image_size)
        self._bn0 = _norm(width)
        repeats = [math.ceil(stage[1] * variant.depth) for stage in STAGES]
        blocks: list[nn.Module] = []
        for (kernel, _, stride, expansion, channels), count in zip(STAGES, repeats, strict=True):
            for step in (stride, *[1] * (count - 1)):
                drop = DROP_CONNECT * len(blocks) / sum(repeats)
                outputs = scaled(channels)
                blocks.append(MBConv(width, outputs, kernel, step, expansion, size, drop, lite=variant.lite))
                width, size = outputs, math.ceil(size / step)
        self._blocks = nn.Sequential(*blocks)
        self.width = scaled(1280)
        self._conv_head = ImagePaddedConv2d(width, self.width, 1)
        self._bn1 = _norm(self.width)
        self.activation = _activation(lite=variant.lite)
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, n_mels, n_frames) to (N, width, F, T)."""
        x = self._blocks(self.activation(self._bn0(self._conv_stem(x))))
        features: Tensor = self.activation(self._bn1(self._conv_head(x)))
        return features


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


def _activation(*, lite: bool) -> nn.Module:
    return nn.ReLU6(inplace=True) if lite else nn.SiLU(inplace=True)


def _initialise(module: nn.Module) -> None:
    """Normal by fan-out, as the family's authors do."""
    if isinstance(module, nn.Conv2d):
        fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels // module.groups
        nn.init.normal_(module.weight, std=(2 / fan_out) ** 0.5)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
