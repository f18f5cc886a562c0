"""AST, the audio spectrogram transformer, in three sizes: the transformer of papers 001 and 003.

Gong et al., "AST: audio spectrogram transformer", 2021. The transformer `v` is timm's; names are those of the
released checkpoints (facts/architectures.md, section 4). The text of the papers has one [CLS] token; the released
networks have a class and a distillation token, inherited from DeiT, and take the mean of both.

Input (1, 128 mels, 1024 frames): patches 12 x 101, 1,214 tokens.
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from timm.models.deit import VisionTransformerDistilled
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from baselines.models.network import Network, require_size
from baselines.models.patches import PATCH, Patches, grid
from harness.contract import Mistake

Size = Literal["tiny", "small", "base"]
Tokens = Literal["class", "class_distillation"]

SIZES = {"tiny": (192, 3), "small": (384, 6), "base": (768, 12)}
"""Width and attention heads; all have 12 blocks and 64 channels a head."""

AUDIOSET_ROWS = 12
"""Rows of patches over 128 mel bands, as in every released AST; image transformers have square grids."""

IMAGE_CHANNELS = 3

IMAGENET_CLASSES = 1000
"""Classes of `v.head` and `v.head_dist`, which every released file holds and no forward pass reads."""


class AST(Network):
    """Features (N, 1, n_mels, n_frames) to logits (N, n_classes); the number of frames is fixed by the positions.

    `tokens`: "class_distillation" as released, "class" as the papers write. `distillation_head` gives the distillation
    token a linear layer of its own (paper 003, table 5): `heads` gives both outputs, `forward` their mean, as in DeiT.
    """

    HEAD: ClassVar = ("mlp_head.1", "distillation_head")
    STEM: ClassVar = "v.patch_embed.proj.weight"

    def __init__(
        self,
        size: Size = "base",
        n_classes: int = 527,
        n_mels: int = 128,
        n_frames: int = 1024,
        tokens: Tokens = "class_distillation",
        *,
        distillation_head: bool = False,
        stride: int = 10,
    ) -> None:
        super().__init__()
        if distillation_head and tokens == "class":
            problem = 'A distillation head reads the distillation token, and tokens is "class".'
            raise Mistake("model.option", problem, 'Set tokens to "class_distillation".')
        width, heads = SIZES[size]
        self.size, self.grid = (n_mels, n_frames), grid(n_mels, n_frames, stride)
        self.n_outputs = 2 if tokens == "class_distillation" else 1
        kind = VisionTransformerDistilled if tokens == "class_distillation" else VisionTransformer
        self.v = kind(
            img_size=self.size, patch_size=PATCH, in_chans=1, num_classes=IMAGENET_CLASSES, embed_dim=width, depth=12,
            num_heads=heads, embed_layer=partial(_TokenPatches, stride=stride),
        )  # fmt: skip
        self.mlp_head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, n_classes))
        self.distillation_head = nn.Linear(width, n_classes) if distillation_head else None
        self.UNUSED = () if self.n_outputs == 2 else ("v.dist_token", "v.head_dist.")

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, 1, n_mels, n_frames) to logits (N, n_classes)."""
        if self.distillation_head is not None:
            return torch.stack(self.heads(x)).mean(0)
        logits: Tensor = self.mlp_head(self.embed(x))
        return logits

    def embed(self, x: Tensor) -> Tensor:
        """Features (N, 1, n_mels, n_frames) to the mean of the output tokens (N, width)."""
        return self._outputs(x).mean(1)

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, n_classes) of the class token, for the labels, and of the distillation token, for the teacher."""
        if self.distillation_head is None:
            problem = "This AST has no separate distillation head."
            raise Mistake("model.option", problem, "Build it with distillation_head=True.")
        outputs = self._outputs(x)
        return self.mlp_head(outputs[:, 0]), self.distillation_head(outputs[:, 1])

    def from_image_model(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Weights of a DeiT, or of another timm transformer, under `v`."""
        return {f"v.{key}": value for key, value in state.items()} if "pos_embed" in state else state

    def adapt_positions(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Positions of another grid, cut in the middle where it is larger and interpolated where it is smaller.

        Time first, then frequency, bilinear (released code). DeiT's grids are square; AudioSet's has 12 rows.
        """
        state, key = dict(state), "v.pos_embed"
        if key not in state or state[key].shape == self.state_dict()[key].shape:
            return state
        extra = 2 if "v.dist_token" in state else 1
        outputs, patches = state[key][:, :extra], state[key][:, extra:].transpose(1, 2)
        side, stem = int(patches.shape[2] ** 0.5), state.get(self.STEM)
        of_an_image = side * side == patches.shape[2] and (stem is None or stem.shape[1] == IMAGE_CHANNELS)
        rows = side if of_an_image else AUDIOSET_ROWS
        resized = _fit(_fit(patches.reshape(1, patches.shape[1], rows, -1), 3, self.grid[1]), 2, self.grid[0])
        outputs = outputs[:, : self.n_outputs].expand(-1, self.n_outputs, -1)
        state[key] = torch.cat([outputs, resized.flatten(2).transpose(1, 2)], dim=1)
        return state

    def _outputs(self, x: Tensor) -> Tensor:
        require_size(x, PATCH, PATCH, "one patch")
        if tuple(x.shape[2:]) != self.size:
            found = f"{x.shape[2]} mel bands x {x.shape[3]} frames"
            problem = f"This AST has positions for {self.size[0]} mel bands x {self.size[1]} frames, not for {found}."
            raise Mistake("features.shape", problem, "Pad or cut the features, or build it with their n_frames.")
        tokens: Tensor = self.v.forward_features(x)
        return tokens[:, : self.n_outputs]


class _TokenPatches(Patches):
    """Patch embedding as timm's transformers call it: (N, 1, n_mels, n_frames) to (N, patches, width)."""

    def __init__(self, img_size: tuple[int, int], embed_dim: int, stride: int, **_: object) -> None:
        super().__init__(embed_dim, stride)
        self.grid_size = grid(*img_size, stride)
        self.num_patches = self.grid_size[0] * self.grid_size[1]

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, n_mels, n_frames) to (N, rows * columns, width), row by row."""
        return super().forward(x).flatten(2).transpose(1, 2)


def _fit(grid: Tensor, axis: int, size: int) -> Tensor:
    """The middle `size` of an axis of (1, width, rows, columns), or the axis interpolated to it."""
    known = grid.shape[axis]
    if known >= size:
        return grid.narrow(axis, known // 2 - size // 2, size)
    shape = [*grid.shape[2:]]
    shape[axis - 2] = size
    return F.interpolate(grid, shape, mode="bilinear", align_corners=False)
