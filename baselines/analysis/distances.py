"""How far the blocks of a transformer look, in frequency and in time (paper 003, figure 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from baselines.frontends.kaldi import FRAMES_A_SECOND
from baselines.models.ast import AST
from harness.contract import Mistake


@dataclass(frozen=True)
class Distances:
    """Of each block and head (blocks, heads): how far away what is attended to lies, in mel bands and in seconds."""

    mel_bands: Tensor
    seconds: Tensor


@torch.no_grad()
def attention_maps(network: AST, features: Tensor) -> list[Tensor]:
    """Of every block (N, heads, tokens, tokens): whom each token attends to; rows sum to 1.

    They are computed from queries and keys, beside the fused attention that the network itself takes.
    """
    maps: list[Tensor] = []
    with _watched(network, maps.append):
        network(features)
    return maps


@torch.no_grad()
def mean_distances(network: AST, features: Tensor) -> Distances:
    """The mean attention distances of an AST over the clips of `features` (N, 1, n_mels, n_frames) and over patches.

    The distance from a patch to every patch, weighed by the attention between them; output tokens have no place and are
    left out, what is left is weighed anew to sum to 1. One map is held at a time. Raises `Mistake` for a network that
    merges tokens.
    """
    up, along = (_apart(count).to(features.device) for count in network.grid)
    first, patches = network.n_outputs, len(up) * len(along)
    far: list[tuple[Tensor, Tensor]] = []

    def measure(attention: Tensor) -> None:
        if attention.shape[-1] != first + patches:
            problem = f"Block {len(far) + 1} has {attention.shape[-1]} tokens where {first + patches} came in."
            raise Mistake(
                "analysis.attention", problem, "Choose a system that merges none: a merged token has no place."
            )
        far.append(_far(attention[:, :, first:, first:], up, along))

    with _watched(network, measure):
        network(features)
    stride = network.v.patch_embed.proj.stride[0]
    bands, frames = (torch.stack([pair[at] for pair in far]) * stride for at in (0, 1))
    return Distances(bands, frames / FRAMES_A_SECOND)


def _far(attention: Tensor, up: Tensor, along: Tensor) -> tuple[Tensor, Tensor]:
    """Of each head: mean distance in rows and in columns of patches; attention (N, heads, patches, patches)."""
    weights = attention / attention.sum(-1, keepdim=True)
    places = (len(up), len(along))
    shaped = weights.reshape(*weights.shape[:2], *places, *places)
    rows = torch.einsum("nhrcsd,rs->hnrc", shaped, up).mean((1, 2, 3))
    columns = torch.einsum("nhrcsd,cd->hnrc", shaped, along).mean((1, 2, 3))
    return rows, columns


def _apart(count: int) -> Tensor:
    """(count, count): how many steps lie between two places."""
    places = torch.arange(count, dtype=torch.float32)
    return (places[:, None] - places).abs()


@contextmanager
def _watched(network: AST, take: Callable[[Tensor], None]) -> Iterator[None]:
    """Gives every block's attention to `take`, in the order of the blocks, as it is computed."""

    def watching(attention: Any) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:  # noqa: ANN401 - timm's
        def watch(_qkv: nn.Module, _inputs: tuple[Tensor, ...], together: Tensor) -> None:
            split = together.reshape(*together.shape[:2], 3, attention.num_heads, -1)
            queries, keys, _ = split.permute(2, 0, 3, 1, 4)
            take((queries @ keys.transpose(-2, -1) * attention.scale).softmax(-1))

        return watch

    every = [cast("Any", block).attn for block in network.v.blocks.children()]
    handles = [attention.qkv.register_forward_hook(watching(attention)) for attention in every]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
