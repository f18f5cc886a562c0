"""Overlapping patches of a spectrogram as tokens: what PaSST and AST share besides timm's blocks."""

from __future__ import annotations

from torch import Tensor, nn

from baselines.models.network import require_size

PATCH = 16


def grid(n_mels: int, n_frames: int, stride: int) -> tuple[int, int]:
    """Rows and columns of patches of 16 x 16 that fit into a spectrogram."""
    return (n_mels - PATCH) // stride + 1, (n_frames - PATCH) // stride + 1


class Patches(nn.Module):
    """Patch embedding with overlap: (N, 1, n_mels, n_frames) to a grid (N, width, rows, columns)."""

    def __init__(self, width: int, stride: int = 10) -> None:
        super().__init__()
        self.proj = nn.Conv2d(1, width, PATCH, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, n_mels, n_frames) to (N, width, rows, columns)."""
        require_size(x, PATCH, PATCH, "one patch")
        embedded: Tensor = self.proj(x)
        return embedded
