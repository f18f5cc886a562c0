"""What every network of this folder has: a class count, keys that belong to its head, a form for inference."""

from __future__ import annotations

from typing import ClassVar, Self

import torch
import torch.fx
from torch import Tensor, nn

from baselines.models import inference
from harness.contract import Mistake


class Network(nn.Module):
    """Features (batch, 1, n_mels, n_frames) to (batch, n_classes).

    `HEAD` are the state-dict keys (or beginnings of keys) whose shape follows the class count, `STEM` is the first
    convolution's: what `baselines.pretrained` renews, or sums over colours, when weights of another task are loaded.
    `UNUSED` are keys that a checkpoint may hold and this network has no place for.
    """

    HEAD: ClassVar[tuple[str, ...]] = ()
    STEM: ClassVar[str] = ""
    UNUSED: tuple[str, ...] = ()

    def from_image_model(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """`state` under this network's keys where it is that of the image model it is built on; else as it is."""
        return state

    def adapt_positions(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """`state` with positional embeddings of this network's size; networks without any return it as it is."""
        return state

    def for_inference(self, dtype: torch.dtype = torch.float32, *, channels_last: bool = True) -> Self:
        """A copy that only predicts: batch norms folded into their convolutions, layout and precision set.

        The copy gives the logits of this network in evaluation mode, up to rounding. This network stays as it is.
        """
        return inference.for_inference(self, dtype, channels_last=channels_last)


def require_size(features: Tensor, n_mels: int, n_frames: int, what: str) -> None:
    """Raises `Mistake` where features (batch, 1, n_mels, n_frames) lack an axis or are smaller than `what` needs."""
    if isinstance(features, torch.fx.Proxy):  # traced without sizes
        return
    if features.ndim != 4 or features.shape[1] != 1:
        shape = tuple(features.shape)
        problem = f"A network takes features (batch, 1, n_mels, n_frames), these are {shape}."
        raise Mistake("features.shape", problem, "Add or move the missing axis in the frontend.")
    mels, frames = features.shape[2:]
    if mels < n_mels or frames < n_frames:
        problem = f"{mels} mel bands x {frames} frames are smaller than {what}, {n_mels} x {n_frames}."
        raise Mistake("features.too_short", problem, "Pad the clips, or use a shorter hop or more bands.")
