"""DenseNet-121 for spectrograms, the third CNN of paper 003: torchvision's network with a stem of one channel.

Huang et al., "Densely connected convolutional networks", 2017. How paper 003 adapted it is not published; keys are
torchvision's. Input (1, 128 mels, 512 frames): features 1024 x 4 x 16, then the mean over both axes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import densenet121
from torchvision.models.densenet import _DenseLayer

from baselines.models.network import Network, require_size
from baselines.models.pooling import Pooling


class DenseNet121(Network):
    """Features (N, 1, n_mels, n_frames) to (N, n_classes): logits, or probabilities for `pooling="psla"`."""

    HEAD: ClassVar = ("classifier",)
    STEM: ClassVar = "features.conv0.weight"

    def __init__(self, n_classes: int = 527, pooling: Pooling = "feature_mean") -> None:
        super().__init__()
        vision = densenet121(num_classes=n_classes)
        self.features: nn.Module = vision.features
        self.features.conv0 = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(self.features.conv0.weight)
        self.classifier = vision.classifier
        self.pooling = pooling
        for layer in _dense_layers(self):
            layer.FOLDS = (("conv1", "norm2"),)  # type: ignore[assignment]  # read by for_inference

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, 1, n_mels, n_frames) to (N, n_classes)."""
        require_size(x, 29, 29, "the pooling of DenseNet-121")
        maps: Tensor = F.relu(self.features(x))
        if self.pooling == "feature_mean":
            logits: Tensor = self.classifier(maps.mean((2, 3)))
            return logits
        steps: Tensor = self.classifier(maps.mean(2).transpose(1, 2))
        return steps.sigmoid().mean(1)


def _dense_layers(network: nn.Module) -> Iterable[nn.Module]:
    return (module for module in network.modules() if isinstance(module, _DenseLayer))
