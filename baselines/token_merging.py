"""Token merging (ToMe): a transformer that joins its most similar tokens after every attention.

Bolya et al., "Token merging: your ViT but faster", ICLR 2023; FastAST (paper 001) is this on AST. In every block,
between attention and MLP, the r most redundant tokens are averaged into the tokens they resemble:

1. tokens are split in two, even positions A and odd positions B; each of A finds the most similar of B, by the cosine
   of their attention keys, averaged over heads (`match`);
2. the r of A with the most similar partner are merged into it, weighted by how many patches each stands for (`merge`);
3. attention adds log(size) to a key's logits, so a token of four patches weighs as four (proportional attention).

The class token is never merged away, the distillation token never receives; at most half of the other tokens go.

    >>> network = build("ast_base", n_classes=50, n_frames=512)
    >>> merge_tokens(network, r=40)      # any network whose `blocks` are timm's; r=0 takes it back

Nothing is kept between calls: sizes live in the forward pass of `MergingBlocks`, which takes the place of `blocks` and
holds the same blocks under the same names.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, TypeVar, cast

import torch
import torch.nn.functional as F
from timm.layers.attention import Attention
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from harness.contract import Mistake

N = TypeVar("N", bound=nn.Module)
Reduction = int | tuple[int, float] | list[int]
"""r for every block; (r, inflection) for a linear schedule; or one r for each block."""


@dataclass(frozen=True)
class Matching:
    """What one step of merging does to n tokens: index tensors, one row a clip.

    `kept` (batch, n - r) are the tokens that stay, in their new order; `merged` (batch, r) those that go, and `into`
    (batch, r) the new places of their partners.
    """

    kept: Tensor
    merged: Tensor
    into: Tensor

    def merge(self, x: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (batch, n, width) and their sizes (batch, n) to size-weighted means and new sizes, n - r each."""
        before, gone = size.gather(1, self.kept), size.gather(1, self.merged)
        after = before.scatter_add(1, self.into, gone)
        stay = _rows(x, self.kept) * (before / after)[..., None].to(x.dtype)
        come = _rows(x, self.merged) * (gone / after.gather(1, self.into))[..., None].to(x.dtype)
        return stay.scatter_add(1, self.into[..., None].expand_as(come), come), after

    def follow(self, places: Tensor) -> Tensor:
        """Where the tokens at `places` (batch, m) are after this step: (batch, m)."""
        batch, n = places.shape[0], self.kept.shape[1] + self.merged.shape[1]
        new = torch.arange(self.kept.shape[1], device=places.device).expand(batch, -1)
        moved = places.new_empty(batch, n).scatter(1, self.kept, new).scatter(1, self.merged, self.into)
        return moved.gather(1, places)


@torch.no_grad()
def match(metric: Tensor, r: int, *, class_token: bool = False, distillation_token: bool = False) -> Matching | None:
    """At most `r` merges of n tokens by their similarity `metric` (batch, n, channels); None where there are none.

    Bipartite soft matching (ToMe, section 3). Protected tokens come first: the class token is position 0, the
    distillation token position 1. Tokens that stay are ordered: A by position (by similarity where there is no class
    token), then B; with both protected tokens these two first.
    """
    n = metric.shape[1]
    r = merged(n, r, class_token + distillation_token)
    if not r:
        return None
    metric = F.normalize(metric, dim=-1)
    scores = metric[:, ::2] @ metric[:, 1::2].transpose(1, 2)
    if class_token:
        scores[:, 0].fill_(-torch.inf)
    if distillation_token:
        scores[:, :, 0].fill_(-torch.inf)
    similarity, partner = scores.max(dim=2)
    order = similarity.argsort(dim=1, descending=True, stable=True)
    gone, stay = order[:, :r], order[:, r:]
    if class_token:
        stay = stay.sort(dim=1).values
    odd = torch.arange(1, n, 2, device=metric.device).expand(metric.shape[0], -1)
    even = 2 * stay
    parts = [even[:, :1], odd[:, :1], even[:, 1:], odd[:, 1:]] if distillation_token else [even, odd]
    return Matching(torch.cat(parts, dim=1), 2 * gone, stay.shape[1] + partner.gather(1, gone))


def merged(n: int, r: int, protected: int) -> int:
    """How many of `n` tokens a step merges when it is asked for `r`: at most half of those that are not protected."""
    return max(0, min(r, (n - protected) // 2))


def tokens_left(n: int, r: Reduction, depth: int = 12, protected: int = 2) -> list[int]:
    """Tokens after each of `depth` blocks, from `n` with the protected ones; the last is what the head sees.

    AST has 12 blocks and protects two tokens (one with `tokens="class"`).

    >>> tokens_left(146, 16)
    [130, 114, 98, 82, 66, 50, 34, 18, 10, 6, 4, 3]
    """
    found = []
    for asked in schedule(r, depth):
        n -= merged(n, asked, protected)
        found.append(n)
    return found


@dataclass
class Trace:
    """What merging did to one batch: tokens after each block, and where each patch went.

    `size` (batch, tokens) counts the patches of each last token; `places` (batch, patches) is the last token each of
    the first tokens has become a part of.
    """

    tokens: list[int]
    size: Tensor
    places: Tensor

    def source(self) -> Tensor:
        """Which first tokens each last token consists of: zeros and ones (batch, last, first)."""
        return F.one_hot(self.places, self.size.shape[1]).transpose(1, 2)


class MergingBlocks(nn.Module):
    """The blocks of a vision transformer, with merging: tokens (batch, n, width) to (batch, fewer, width).

    It runs the parts of each block itself, so hooks on parts fire and hooks on whole blocks do not. It cannot be taken
    apart: whoever went through the blocks one by one (timm's gradient checkpointing) would merge nothing.
    """

    def __init__(self, blocks: Iterable[nn.Module], plan: list[int], *, protected: int, proportional: bool) -> None:
        super().__init__()
        for index, block in enumerate(blocks):
            self.add_module(str(index), block)
        self.plan = plan
        self.protected = protected
        self.proportional = proportional
        self.traces: list[Trace] | None = None

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, index: int) -> nn.Module:
        return list(self.children())[operator.index(index)]

    def __iter__(self) -> Iterator[nn.Module]:
        problem = "Blocks that merge tokens cannot be run one by one."
        raise Mistake("merging.network", problem, "Turn gradient checkpointing off, or call merge_tokens(network, 0).")

    def forward(self, x: Tensor) -> Tensor:
        """(batch, n, width) to (batch, n - merged, width)."""
        size: Tensor | None = None
        trace = None if self.traces is None else _start_of(x)
        for block, r in zip(cast("Iterable[Any]", self.children()), self.plan, strict=True):
            attended, keys = attention(block.attn, block.norm1(x), size if self.proportional else None)
            x = x + block.drop_path1(block.ls1(attended))
            matching = match(keys, r, class_token=self.protected > 0, distillation_token=self.protected > 1)
            if matching:
                x, size = matching.merge(x, _ones(x) if size is None else size)
            x = x + block.drop_path2(block.ls2(block.mlp(block.norm2(x))))
            if trace:
                trace.tokens.append(x.shape[1])
                trace.places = matching.follow(trace.places) if matching else trace.places
                trace.size = trace.size if size is None else size
        if self.traces is not None and trace:
            self.traces.append(trace)
        return x


def merge_tokens(network: N, r: Reduction, *, proportional: bool = True) -> N:
    """`network` with token merging in its transformer, `r` tokens a block; r = 0 gives the plain transformer back.

    `r` is one number for all blocks; (r, inflection) for a schedule that falls (-1) or rises (+1) around r; or a list,
    one number a block, filled up with zeros. Weights, their names and `forward` stay; only `blocks` is exchanged.
    Works in training and in prediction. Raises `Mistake` for a negative r, and for a network without one stack of
    timm's blocks or with other tokens before its patches than a class and a distillation token.
    """
    transformer = transformer_of(network)
    blocks = cast("nn.Module", transformer.blocks)
    plan = schedule(r, len(list(blocks.children())))
    stack: nn.Module = nn.Sequential(*blocks.children())
    if any(plan):
        protected = _protected(transformer)
        stack = MergingBlocks(blocks.children(), plan, protected=protected, proportional=proportional)
    stack.training = blocks.training
    transformer.blocks = stack
    return network


def traced(network: nn.Module, features: Tensor) -> tuple[Tensor, Trace]:
    """The network's output for `features`, and what its merging did on the way."""
    blocks = transformer_of(network).blocks
    if not isinstance(blocks, MergingBlocks):
        raise Mistake("merging.none", "This network merges no tokens.", "Call merge_tokens(network, r) first.")
    traces: list[Trace] = []
    blocks.traces = traces
    try:
        output: Tensor = network(features)
    finally:
        blocks.traces = None
    return output, traces[0]


def schedule(r: Reduction, depth: int) -> list[int]:
    """r of each of `depth` blocks: a straight line from r(1 - inflection) to r(1 + inflection), cut to integers."""
    if isinstance(r, list):
        plan = [number for number, _ in zip_longest(r, range(depth), fillvalue=0)]
    else:
        middle, inflection = (r, 0.0) if isinstance(r, int) else r
        least = int(middle * (1 - inflection))
        step = (2 * middle - 2 * least) / max(1, depth - 1)
        plan = [int(least + step * index) for index in range(depth)]
    if len(plan) > depth:
        problem = f"{len(plan)} numbers of tokens were given for {depth} blocks."
        raise Mistake("merging.r", problem, "Give one for each block, or one for all.")
    if any(number < 0 for number in plan):
        raise Mistake("merging.r", f"{min(plan)} tokens cannot be merged.", "r is 0 or more.")
    return plan


def attention(module: Attention, x: Tensor, size: Tensor | None) -> tuple[Tensor, Tensor]:
    """timm's self-attention with log(size) added to the logits of each key; also the keys, averaged over heads.

    x (batch, n, width) and size (batch, n) to (batch, n, width) and (batch, n, head width).
    """
    batch, n, _ = x.shape
    qkv = module.qkv(x).view(batch, n, 3, module.num_heads, module.head_dim)
    q, k, v = qkv.permute(2, 0, 3, 1, 4)
    q, k = module.q_norm(q), module.k_norm(k)
    bias = None if size is None else size.log().to(q.dtype)[:, None, None]
    dropout = module.attn_drop.p if module.training else 0.0
    attended = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, dropout_p=dropout)
    attended = module.norm(attended.transpose(1, 2).reshape(batch, n, module.attn_dim))
    if module.gate is not None:
        attended = attended * module.gate(x).sigmoid()
    return module.proj_drop(module.proj(attended)), k.mean(1)


def transformer_of(network: nn.Module) -> nn.Module:
    """The part of `network` whose `blocks` are a stack of timm's transformer blocks."""
    found = [
        module
        for module in network.modules()
        if isinstance(stack := getattr(module, "blocks", None), nn.Sequential | MergingBlocks)
        and (blocks := list(stack.children()))
        and all(type(block) is Block and type(block.attn) is Attention for block in blocks)
    ]
    if len(found) != 1:
        problem = f"Token merging needs one stack of timm's transformer blocks, this network has {len(found)}."
        raise Mistake("merging.network", problem, "Use AST, PaSST or a timm vision transformer.")
    return found[0]


def _protected(transformer: nn.Module) -> int:
    """How many tokens before the patches are kept apart: a class token, and a distillation token behind it."""
    known = [getattr(transformer, name, None) is not None for name in ("cls_token", "dist_token")]
    first = getattr(transformer, "num_prefix_tokens", sum(known))
    if first != sum(known) or known == [False, True]:
        problem = "Token merging knows a class token and a distillation token, this network has others (registers)."
        raise Mistake("merging.network", problem, "Use a transformer without register tokens.")
    return sum(known)


def _start_of(x: Tensor) -> Trace:
    return Trace([], _ones(x), torch.arange(x.shape[1], device=x.device).expand(x.shape[:2]))


def _ones(x: Tensor) -> Tensor:
    """A size of one for each token, at 32 bit or more: hundreds of patches may come together."""
    return x.new_ones(x.shape[:2], dtype=torch.promote_types(x.dtype, torch.float32))


def _rows(x: Tensor, index: Tensor) -> Tensor:
    """Rows of (batch, n, width) at (batch, m): (batch, m, width). One flat copy is several times faster than gather."""
    batch, n, width = x.shape
    flat = index + n * torch.arange(batch, device=x.device)[:, None]
    return x.reshape(batch * n, width).index_select(0, flat.flatten()).view(batch, -1, width)
