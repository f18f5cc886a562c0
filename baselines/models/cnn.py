"""The CNNs and CNN-attention hybrids of paper 003: an EfficientNet trunk and a head that pools frequency and time.

Gong et al., "PSLA: improving audio tagging with pretraining, sampling, labeling, and aggregation", 2021, whose keys
these networks have; lite0 is the one with ImageNet weights that a Python package carries.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor

from baselines.models.efficientnet import B0, B2, B6, LITE0, EfficientNet
from baselines.models.efficientnet_keys import from_timm
from baselines.models.network import Network, require_size
from baselines.models.pooling import AttentionHead, MeanHead, Pooling

VARIANTS = {"b0": B0, "b2": B2, "b6": B6, "lite0": LITE0}


class EfficientNetClassifier(Network):
    """Features (N, 1, n_mels, n_frames) to (N, n_classes): logits, or probabilities for `pooling="psla"`.

    `attention_heads` 0 is the CNN with mean pooling, 4 the hybrid.
    """

    HEAD: ClassVar = ("attention",)
    STEM: ClassVar = "effnet._conv_stem.weight"
    UNUSED = ("effnet._fc.",)

    def __init__(
        self,
        variant: Literal["b0", "b2", "b6", "lite0"] = "b0",
        n_classes: int = 527,
        pooling: Pooling = "feature_mean",
        attention_heads: int = 0,
    ) -> None:
        super().__init__()
        self.effnet = EfficientNet(VARIANTS[variant])
        self.attention = (
            AttentionHead(self.effnet.width, n_classes, pooling, attention_heads)
            if attention_heads
            else MeanHead(self.effnet.width, n_classes, pooling)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, 1, n_mels, n_frames) to (N, n_classes)."""
        require_size(x, 32, 32, "one position of an EfficientNet's features")
        pooled: Tensor = self.attention(self.effnet(x))
        return pooled

    def from_image_model(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Weights of lukemelas' EfficientNet, or of timm's, under `effnet`."""
        if "conv_stem.weight" in state:
            state = from_timm(state)
        return {f"effnet.{key}": value for key, value in state.items()} if "_conv_stem.weight" in state else state
