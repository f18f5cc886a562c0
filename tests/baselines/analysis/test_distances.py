"""Attention maps and distances against hand-made ones."""

from __future__ import annotations

import pytest
import torch

from baselines.analysis.distances import _apart, _far, attention_maps, mean_distances
from baselines.models.small_ast import Shape, SmallAST

SHAPE = Shape(width=8, depth=3, heads=2, stride=16)


def ast() -> SmallAST:
    torch.manual_seed(0)
    return SmallAST(SHAPE, 5, n_mels=32, n_frames=64).eval()


def test_a_map_is_the_softmax_of_queries_and_keys() -> None:
    """The first block's output, computed with its map in place of the fused attention."""
    network, x = ast(), torch.randn(2, 1, 32, 64)
    block, seen = network.v.blocks[0], {}
    block.attn.register_forward_hook(lambda _module, inputs, output: seen.update(before=inputs[0], after=output))
    maps = attention_maps(network, x)
    assert [one.shape for one in maps] == [(2, 2, 10, 10)] * 3
    assert all(torch.allclose(one.sum(-1), torch.ones(2, 2, 10)) for one in maps)
    values = block.attn.qkv(seen["before"]).unflatten(-1, (3, 2, 4))[:, :, 2].transpose(1, 2)
    together = (maps[0] @ values).transpose(1, 2).flatten(2)
    assert torch.allclose(block.attn.proj(together), seen["after"], atol=1e-6)


def test_the_hooks_are_gone_afterwards() -> None:
    network = ast()
    attention_maps(network, torch.randn(1, 1, 32, 64))
    assert not any(block.attn.qkv._forward_hooks for block in network.v.blocks)


def test_distances_of_hand_made_maps() -> None:
    """Two rows and three columns of patches: 0 1 2 over 3 4 5."""
    itself = torch.eye(6)
    above = torch.zeros(6, 6)
    above[torch.arange(6), (torch.arange(6) + 3) % 6] = 1
    first = torch.zeros(6, 6)
    first[:, 0] = 1
    even = torch.full((6, 6), 1 / 6)
    maps = torch.stack([itself, above, first, even])[None]
    rows, columns = _far(maps, _apart(2), _apart(3))
    assert rows.tolist() == pytest.approx([0, 1, 0.5, 0.5])
    assert columns.tolist() == pytest.approx([0, 0, 1, 8 / 9])


def test_attention_to_output_tokens_is_left_out() -> None:
    some = torch.tensor([[0.1, 0.1], [0.3, 0.0]])[None, None]
    rows, columns = _far(some, _apart(1), _apart(2))
    assert rows.tolist() == [0]
    assert columns.tolist() == pytest.approx([0.75])


def test_distances_are_in_bands_and_seconds() -> None:
    """Queries of nothing: every block looks everywhere alike."""
    network = ast()
    for block in network.v.blocks:
        torch.nn.init.zeros_(block.attn.qkv.weight)
        torch.nn.init.zeros_(block.attn.qkv.bias)
    found = mean_distances(network, torch.randn(2, 1, 32, 64))
    assert found.mel_bands.shape == found.seconds.shape == (3, 2)
    assert torch.allclose(found.mel_bands, torch.tensor(16 * 0.5))
    assert torch.allclose(found.seconds, torch.tensor(0.16 * 1.25))
