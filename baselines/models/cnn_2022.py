"""The official baseline of DCASE 2022 and 2023: three convolutions and a dense layer on 40 mel bands x 51 frames.

Martín-Morató et al., "Low-complexity acoustic scene classification in DCASE 2022 Challenge", 2022, released as Keras
code. Published figures, and where they come from:

- "46,512 parameters" are bytes of the released 8-bit file: 45,816 weights at one byte, 174 biases at four. The network
  has 46,118 parameters with its batch norms, 45,990 when they are folded.
- 29,234,920 MACs are NeSsi's over that file: 29,196,160 of the convolutions, 34,560 of the two poolings, and 4,200 of
  the dense layers, where the first is counted for one of its two input positions. Pooling is free by this project's
  rules, both positions are counted, and the figure is 29,203,560.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from baselines.models.network import Network, require_size
from harness.contract import Mistake

DROPOUT = 0.3


class CNN2022(Network):
    """Log-mel features (N, 1, 40, 51) to logits (N, n_classes).

    Layers: 16 x 40 x 51, 16 x 40 x 51 pooled to 16 x 8 x 10, 32 x 8 x 10 pooled to 32 x 2 x 1, 100, classes.
    """

    HEAD: ClassVar = ("classifier.3",)
    STEM: ClassVar = "features.0.weight"

    def __init__(self, n_classes: int = 10, n_mels: int = 40, n_frames: int = 51) -> None:
        super().__init__()
        mels, frames = n_mels // 5, n_frames // 5
        self.size = (n_mels, n_frames)
        self.features = nn.Sequential(
            *_convolution(1, 16),
            *_convolution(16, 16), nn.MaxPool2d(5), nn.Dropout(DROPOUT),
            *_convolution(16, 32), nn.MaxPool2d((4, max(1, frames))), nn.Dropout(DROPOUT),
        )  # fmt: skip
        self.classifier = nn.Sequential(
            nn.Linear(32 * (mels // 4), 100), nn.ReLU(inplace=True), nn.Dropout(DROPOUT), nn.Linear(100, n_classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, 1, n_mels, n_frames) to logits (N, n_classes)."""
        require_size(x, *self.size, "the input of the 2022 baseline")
        if tuple(x.shape[2:]) != self.size:
            found = f"{x.shape[2]} mel bands x {x.shape[3]} frames"
            problem = f"This network was built for {self.size[0]} mel bands x {self.size[1]} frames, not for {found}."
            raise Mistake("features.shape", problem, "Cut the features, or build it with their n_mels and n_frames.")
        logits: Tensor = self.classifier(self.features(x).flatten(1))
        return logits


def _convolution(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(inputs, outputs, 7, padding=3)
    nn.init.xavier_uniform_(convolution.weight)
    return convolution, nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01), nn.ReLU(inplace=True)
