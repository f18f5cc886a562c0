"""AST of any width, depth and stride: for demonstrations, and for data too few for AST-tiny.

Everything else is `baselines.models.ast`'s: tokens, positions, names. The two ImageNet classifiers that released files
hold and no forward pass reads are left out.
"""

from __future__ import annotations

from functools import partial

from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from baselines.models.ast import AST, Tokens, _TokenPatches
from baselines.models.patches import PATCH
from harness.contract import Mistake


class Shape(BaseModel):
    """Width of the tokens, blocks, attention heads; patches of 16 x 16 begin `stride` apart (10: they overlap by 6)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(default=192, ge=1)
    depth: int = Field(default=12, ge=1)
    heads: int = Field(default=3, ge=1)
    stride: int = Field(default=10, ge=1)


class SmallAST(AST):
    """Features (N, 1, n_mels, n_frames) to logits (N, n_classes)."""

    def __init__(
        self,
        shape: Shape,
        n_classes: int,
        n_mels: int = 128,
        n_frames: int = 1024,
        tokens: Tokens = "class_distillation",
        *,
        distillation_head: bool = False,
    ) -> None:
        if shape.width % shape.heads:
            problem = f"The width of an AST, {shape.width}, cannot be shared evenly by {shape.heads} heads."
            raise Mistake("model.option", problem, "Choose a width that is a multiple of heads.")
        super().__init__(
            "tiny", n_classes, n_mels, n_frames, tokens, stride=shape.stride, distillation_head=distillation_head
        )
        self.v = type(self.v)(
            img_size=self.size, patch_size=PATCH, in_chans=1, num_classes=0, embed_dim=shape.width, depth=shape.depth,
            num_heads=shape.heads, embed_layer=partial(_TokenPatches, stride=shape.stride),
        )  # fmt: skip
        self.mlp_head = nn.Sequential(nn.LayerNorm(shape.width), nn.Linear(shape.width, n_classes))
        if distillation_head:
            self.distillation_head = nn.Linear(shape.width, n_classes)
        self.UNUSED = (*self.UNUSED, "v.head.", "v.head_dist.")
