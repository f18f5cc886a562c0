"""PaSST-S, the patchout spectrogram transformer: the transformer teacher of papers 000, 001 and 004.

Koutini et al., "Efficient training of audio transformers with patchout", 2022. Blocks are timm's; names of sub-modules
are those of the released files (facts/architectures.md, section 3). Time and frequency have positional embeddings
of their own, so a clip of any length up to 10 s takes the first columns of those for time.

Input (1, 128 mels, 998 frames): patches 768 x 12 x 99, 1,190 tokens with the class and the distillation token.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from baselines.models.network import Network
from baselines.models.patches import Patches
from harness.contract import Mistake

RELEASED_FRAMES = 998
"""10 s at 100 frames a second: 99 columns of positions in every released file."""


@dataclass(frozen=True)
class Patchout:
    """How many patches are dropped in training: rows (frequency), columns (time), and single ones of what is left.

    AudioSet: 4 rows, 40 columns. ESC-50: 3 and 10. Scene classification: 6 and 0.
    """

    rows: int = 0
    columns: int = 0
    tokens: int = 0


@dataclass(frozen=True)
class Draws:
    """One batch's random choices: the first column of the time embedding, and what is kept, in ascending order."""

    time_offset: Tensor
    columns: Tensor | None = None
    rows: Tensor | None = None
    tokens: Tensor | None = None


class PaSST(Network):
    """Features (N, 1, n_mels, n_frames) to logits (N, n_classes).

    Positions cover `n_frames` or 10 s, whichever is more; a longer clip loses the patches behind them, with a warning.
    The released files hold a second classifier, `head_dist`, that no forward pass reads; so does this network.
    """

    HEAD: ClassVar = ("head.1", "head_dist")
    STEM: ClassVar = "patch_embed.proj.weight"

    def __init__(
        self,
        n_classes: int = 527,
        n_mels: int = 128,
        n_frames: int = RELEASED_FRAMES,
        patchout: Patchout | None = None,
        width: int = 768,
        depth: int = 12,
        heads: int = 12,
        stride: int = 10,
    ) -> None:
        super().__init__()
        self.patchout = patchout or Patchout()
        rows, columns = n_mels // stride, max(n_frames, RELEASED_FRAMES) // stride
        self.patch_embed = Patches(width, stride)
        self.cls_token = _embedding(1, 1, width)
        self.dist_token = _embedding(1, 1, width)
        self.new_pos_embed = _embedding(1, 2, width)
        self.freq_new_pos_embed = _embedding(1, width, rows, 1)
        self.time_new_pos_embed = _embedding(1, width, 1, columns)
        norm: Any = partial(nn.LayerNorm, eps=1e-6)
        self.blocks = nn.Sequential(*(Block(width, heads, qkv_bias=True, norm_layer=norm) for _ in range(depth)))
        self.norm = norm(width)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, n_classes))
        self.head_dist = nn.Linear(width, n_classes)
        self.apply(initialise)

    def forward(self, x: Tensor, draws: Draws | None = None) -> Tensor:
        """Features (N, 1, n_mels, n_frames) to logits (N, n_classes)."""
        logits: Tensor = self.head(self.embed(x, draws))
        return logits

    def embed(self, x: Tensor, draws: Draws | None = None) -> Tensor:
        """Features (N, 1, n_mels, n_frames) to the mean of both output tokens (N, width).

        In training, patches are dropped as `draws` says; without it they are drawn from torch's generator.
        """
        tokens = self.norm(self.blocks(self._tokens(x, draws)))
        return tokens[:, :2].mean(1)  # type: ignore[no-any-return]

    def draw(self, x: Tensor) -> Draws:
        """Random choices for one batch of features, from torch's generator of their device.

        Columns are drawn first, then rows, then single tokens, each as the head of a permutation.
        """
        rows, columns = self._grid(x)
        room = self.time_new_pos_embed.shape[3] - columns
        offset = torch.randint(room + 1, (1,), device=x.device)
        kept_columns = _keep(columns, self.patchout.columns, x.device, "columns (s_patchout_t)")
        kept_rows = _keep(rows, self.patchout.rows, x.device, "rows (s_patchout_f)")
        left = (rows - self.patchout.rows) * (columns - self.patchout.columns)
        kept_tokens = _keep(left, self.patchout.tokens, x.device, "patches (u_patchout)")
        return Draws(offset, kept_columns, kept_rows, kept_tokens)

    def from_image_model(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Weights of a DeiT without its classifiers."""
        if "pos_embed" not in state:
            return state
        return {key: value for key, value in state.items() if not key.startswith(("head.", "head_dist."))}

    def adapt_positions(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Positions resized to this network's; those of an image transformer taken apart into rows and columns.

        A square grid is resized (bicubic) to the spectrogram's; its mean over columns is the frequency's embedding, its
        mean over rows the time's (released code).
        """
        state = dict(state)
        side = int(max(0, state["pos_embed"].shape[1] - 2) ** 0.5) if "pos_embed" in state else 0
        if side and side**2 + 2 == state["pos_embed"].shape[1]:
            positions = state.pop("pos_embed")
            square = positions[:, 2:].transpose(1, 2).reshape(1, -1, side, side)
            size = (self.freq_new_pos_embed.shape[2], self.time_new_pos_embed.shape[3])
            resized = F.interpolate(square, size, mode="bicubic", align_corners=False)
            state["new_pos_embed"] = positions[:, :2]
            state["freq_new_pos_embed"] = resized.mean(3, keepdim=True)
            state["time_new_pos_embed"] = resized.mean(2, keepdim=True)
        for key, own in (
            ("freq_new_pos_embed", self.freq_new_pos_embed),
            ("time_new_pos_embed", self.time_new_pos_embed),
        ):
            if key in state and state[key].shape != own.shape:
                state[key] = F.interpolate(state[key], own.shape[2:], mode="bicubic", align_corners=False)
        return state

    def _grid(self, x: Tensor) -> tuple[int, int]:
        stride, (rows, columns) = self.patch_embed.proj.stride[0], x.shape[2:]
        patch = self.patch_embed.proj.kernel_size[0]
        return (rows - patch) // stride + 1, min((columns - patch) // stride + 1, self.time_new_pos_embed.shape[3])

    def _tokens(self, x: Tensor, draws: Draws | None) -> Tensor:
        """Class token, distillation token, then patches row by row: (N, tokens, width)."""
        patches = self.patch_embed(x)
        if patches.shape[2] > self.freq_new_pos_embed.shape[2]:
            problem = f"This PaSST has positions for {self.freq_new_pos_embed.shape[2]} rows of patches, and "
            problem += f"{x.shape[2]} mel bands have {patches.shape[2]}."
            raise Mistake("features.shape", problem, "Build it with their n_mels.")
        if self.training and draws is None:
            draws = self.draw(x)
        patches = self._with_positions(patches, draws)
        if draws is not None:
            patches = _select(_select(patches, 3, draws.columns), 2, draws.rows)
        tokens = patches.flatten(2).transpose(1, 2)
        if draws is not None:
            tokens = _select(tokens, 1, draws.tokens)
        outputs = torch.cat([self.cls_token, self.dist_token], dim=1) + self.new_pos_embed
        return torch.cat([outputs.expand(x.shape[0], -1, -1), tokens], dim=1)

    def _with_positions(self, patches: Tensor, draws: Draws | None) -> Tensor:
        columns, known = patches.shape[3], self.time_new_pos_embed.shape[3]
        if columns > known:
            warnings.warn(f"Clips of {columns} patch columns are cut to the {known} with positions.", stacklevel=2)
            patches, columns = patches[..., :known], known
        time: Tensor = self.time_new_pos_embed
        if draws is not None:
            time = time.index_select(3, draws.time_offset + torch.arange(columns, device=patches.device))
        else:
            time = time[..., :columns]
        return patches + time + self.freq_new_pos_embed[:, :, : patches.shape[2]]


def initialise(module: nn.Module) -> None:
    """Linear layers of a transformer: normal with a spread of 0.02, cut at two spreads; biases 0."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _embedding(*shape: int) -> nn.Parameter:
    return nn.Parameter(nn.init.trunc_normal_(torch.empty(shape), std=0.02))


def _keep(size: int, drop: int, device: torch.device, what: str) -> Tensor | None:
    if drop and drop >= size:
        problem = f"Patchout would drop {drop} of {size} {what}."
        raise Mistake("model.option", problem, "Drop fewer, or use longer clips.")
    return torch.randperm(size, device=device)[: size - drop].sort().values if drop else None


def _select(x: Tensor, dim: int, kept: Tensor | None) -> Tensor:
    return x if kept is None else x.index_select(dim, kept)
