"""Token merging against the official code's numbers, a slow computation of its own, and the referee's count."""

from __future__ import annotations

import copy
import io
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file
from timm.models.vision_transformer import Block, VisionTransformer
from torch import Tensor, nn

from baselines.models import build
from baselines.token_merging import (
    Matching,
    MergingBlocks,
    Reduction,
    Trace,
    match,
    merge_tokens,
    schedule,
    tokens_left,
    traced,
)
from harness.outcomes import Mistake
from tests.harness.complexity.probes import count

Tensors = Mapping[str, Tensor]

PROTECTED = [(False, False), (True, False), (True, True)]
"""Whether there is a class token, and a distillation token."""

REDUCTIONS: dict[str, Reduction] = {
    "r0": 0,
    "r2": 2,
    "r8": 8,
    "r16": 16,
    "r40": 40,
    "r8_dec": (8, -1),
    "r4_inflect-1": (4, -1),
    "r4_inflect+1": (4, 1),
    "rlist_3_0_7": [3, 0, 7],
}
"""By their names in the golden files."""


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def relative(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max())


def transformer(depth: int = 4, width: int = 48, **options: Any) -> VisionTransformer:
    """The tiny transformer of the golden file: images (1, 64, 160), 40 patches."""
    torch.manual_seed(0)
    return VisionTransformer(
        img_size=(64, 160), patch_size=16, in_chans=1, num_classes=10, embed_dim=width, depth=depth, num_heads=3,
        **options,
    )  # fmt: skip


def run(blocks: Any, tokens: Tensor) -> tuple[Tensor, Trace]:
    """The stack alone, traced."""
    blocks.traces = []
    found, (trace,) = blocks(tokens), blocks.traces
    blocks.traces = None
    return found, trace


def image(batch: int = 2, seed: int = 0) -> Tensor:
    return torch.randn(batch, 1, 64, 160, generator=seeded(seed))


def slow_step(
    x: Tensor, size: Tensor, metric: Tensor, r: int, *, class_token: bool, distillation_token: bool
) -> tuple[Tensor, Tensor, list[list[int]]]:
    """One step for one clip in Python's loops (facts, 5.1): tokens (n, width), sizes (n), metric (n, channels).

    New tokens, new sizes and, for each new token, the old ones that it consists of.
    """
    n = len(x)
    unit = metric / metric.norm(dim=1, keepdim=True)
    best: dict[int, tuple[float, int]] = {}
    for even in range(2 if class_token else 0, n, 2):
        partners = range(3 if distillation_token else 1, n, 2)
        if partners:
            best[even] = max((float(unit[even] @ unit[odd]), odd) for odd in partners)
    cap = max(0, (n - class_token - distillation_token) // 2)
    order = sorted(best, key=lambda even: -best[even][0])
    gone = order[: min(r, cap)]
    if class_token:
        stay = [even for even in range(0, n, 2) if even not in gone]
    else:
        stay = order[len(gone) :] if gone else list(range(0, n, 2))
    odds = [[odd, *(even for even in gone if best[even][1] == odd)] for odd in range(1, n, 2)]
    evens = [[even] for even in stay]
    groups = [evens[0], odds[0], *evens[1:], *odds[1:]] if distillation_token else evens + odds
    if not gone:
        return x, size, [[place] for place in range(n)]
    sizes = [sum(size[place] for place in group) for group in groups]
    tokens = [
        sum(size[place] * x[place] for place in group) / total for group, total in zip(groups, sizes, strict=True)
    ]
    return torch.stack(tokens), torch.stack(sizes), groups


@pytest.fixture(scope="module")
def steps(shared: Path) -> Tensors:
    return load_file(shared / "golden/tome/bipartite_soft_matching.safetensors")


@pytest.mark.parametrize(("class_token", "distillation_token"), PROTECTED)
@pytest.mark.parametrize("r", [1, 2, 8, 16, 19, 20, 25])
def test_a_step_is_that_of_the_official_code(
    steps: Tensors, r: int, *, class_token: bool, distillation_token: bool
) -> None:
    expected = {
        key.rpartition(".")[2]: value
        for key, value in steps.items()
        if key.startswith(f"bsm.cls{class_token:d}_dist{distillation_token:d}_r{r}.")
    }
    found = match(steps["in.metric"], r, class_token=class_token, distillation_token=distillation_token)
    assert found is not None
    assert torch.equal(found.merged, 2 * expected["src_idx"])
    assert torch.equal(found.into, expected["unm_idx"].shape[1] + expected["dst_idx"])
    even = found.kept % 2 == 0
    assert torch.equal(found.kept[even].view(2, -1), 2 * expected["unm_idx"])
    assert (found.kept[~even].view(2, -1) == torch.arange(1, 41, 2)).all()

    x, size = found.merge(steps["in.x"], steps["in.size"].squeeze(2))
    assert torch.allclose(x, expected["x"], rtol=0, atol=1e-5)
    assert torch.allclose(size, expected["size"], rtol=0, atol=1e-5)
    mean, _ = found.merge(steps["in.x"], torch.ones(2, 41))
    assert torch.allclose(mean, expected["x_mean"], rtol=0, atol=1e-5)

    places = found.follow(torch.arange(41).expand(2, -1))
    source = nn.functional.one_hot(places, x.shape[1]).transpose(1, 2)
    assert torch.equal(source, expected["source"].long())
    if expected["unmerge"].numel():
        unmerged = mean.gather(1, places[..., None].expand(-1, -1, 24))
        assert torch.allclose(unmerged, expected["unmerge"], rtol=0, atol=1e-5)


def test_the_official_code_s_unmerging_is_stored_for_two_of_three_kinds(steps: Tensors) -> None:
    """So that the comparison above cannot be empty."""
    stored = [key for key, value in steps.items() if key.endswith("unmerge") and value.numel()]
    assert len(stored) == 14


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 24), st.integers(-1, 14), st.sampled_from(PROTECTED), st.integers(0, 99))
def test_a_step_is_that_of_slow_loops_and_keeps_what_it_must(
    n: int, r: int, protected: tuple[bool, bool], seed: int
) -> None:
    class_token, distillation_token = protected
    n += sum(protected)
    generator = seeded(seed)
    x = torch.randn(2, n, 5, generator=generator, dtype=torch.float64)
    size = torch.randint(1, 9, (2, n), generator=generator).double()
    metric = torch.randn(2, n, 4, generator=generator, dtype=torch.float64)
    found = match(metric, r, class_token=class_token, distillation_token=distillation_token)
    fewer = max(0, min(r, (n - sum(protected)) // 2))
    assert (found is None) == (fewer == 0)
    if found is None:
        return
    tokens, sizes = found.merge(x, size)
    assert tokens.shape == (2, n - fewer, 5)
    assert torch.allclose(sizes.sum(1), size.sum(1))
    assert torch.allclose((tokens * sizes[..., None]).sum(1), (x * size[..., None]).sum(1))
    first = sum(protected)
    assert torch.equal(tokens[:, :first], x[:, :first])
    assert torch.equal(sizes[:, :first], size[:, :first])
    places = found.follow(torch.arange(n).expand(2, -1))
    for clip in range(2):
        slow, slow_size, groups = slow_step(
            x[clip], size[clip], metric[clip], r, class_token=class_token, distillation_token=distillation_token
        )
        assert torch.allclose(tokens[clip], slow)
        assert torch.equal(sizes[clip], slow_size)
        expected = {old: new for new, group in enumerate(groups) for old in group}
        assert places[clip].tolist() == [expected[old] for old in range(n)]


def test_a_step_takes_the_most_similar_pairs_by_angle_and_not_by_length() -> None:
    """Even 2 points where odd 3 does, even 4 where no odd one does; even 0 is long, but points elsewhere."""
    metric = torch.tensor([[[100.0, 0.0, 0.0], [10.0, 10.0, 0.0], [0.0, 0.0, 0.1], [0.0, 0.1, 9.0], [-1.0, -1.0, 0.0]]])
    found = match(metric, 1)
    assert found is not None
    assert found.merged.tolist() == [[2]]
    assert found.kept.tolist() == [[0, 4, 1, 3]]
    assert found.into.tolist() == [[3]]


def test_several_tokens_may_join_the_same_one_and_count_by_their_sizes() -> None:
    matching = Matching(torch.tensor([[1, 3]]), torch.tensor([[0, 2]]), torch.tensor([[0, 0]]))
    x, size = matching.merge(torch.tensor([[[8.0], [2.0], [5.0], [1.0]]]), torch.tensor([[1.0, 2.0, 3.0, 4.0]]))
    assert size.tolist() == [[6.0, 4.0]]
    assert torch.allclose(x, torch.tensor([[[(8 + 4 + 15) / 6], [1.0]]]))


def test_nothing_is_differentiated_through_the_matching_and_so_nothing_kept_for_it() -> None:
    metric = torch.randn(1, 9, 4, generator=seeded(), requires_grad=True)
    kept: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x) or x, lambda x: x):
        found = match(metric, 3)
        assert not kept
        assert found is not None
        x = torch.randn(1, 9, 2, generator=seeded(1), requires_grad=True)
        merged, _ = found.merge(x, torch.ones(1, 9))
    assert kept
    merged.sum().backward()
    assert x.grad is not None
    assert (x.grad > 0).all()


@pytest.mark.parametrize(
    ("r", "depth", "expected"),
    [
        (0, 3, [0, 0, 0]),
        (8, 3, [8, 8, 8]),
        ((8, -1), 12, [16, 14, 13, 11, 10, 8, 7, 5, 4, 2, 1, 0]),  # facts, 5.1
        ((8, 1), 12, [0, 1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 16]),
        ((8, 0), 4, [8, 8, 8, 8]),
        ((4, -1.0), 4, [8, 5, 2, 0]),
        ((8, 0.5), 5, [4, 6, 8, 10, 12]),
        ([3, 0, 7], 4, [3, 0, 7, 0]),
        ([], 2, [0, 0]),
        ([5], 1, [5]),
        (5, 1, [5]),
    ],
)
def test_a_schedule_is_one_number_for_each_block(r: Reduction, depth: int, expected: list[int]) -> None:
    assert schedule(r, depth) == expected


@pytest.mark.parametrize(
    ("r", "words"),
    [
        (-1, "-1 tokens cannot be merged"),
        ([3, -2, 1], "-2 tokens cannot be merged"),
        ((8, 2.0), "-8 tokens cannot be merged"),
        ([1, 2, 3, 4, 5], "5 numbers of tokens were given for 4 blocks"),
        ([0] * 5, "5 numbers of tokens were given for 4 blocks"),
    ],
)
def test_a_schedule_that_does_not_fit_is_a_mistake_and_changes_nothing(r: Reduction, words: str) -> None:
    network = transformer()
    before = network.blocks
    with pytest.raises(Mistake, match=words) as caught:
        merge_tokens(network, r)
    assert caught.value.rule == "merging.r"
    assert network.blocks is before


def tokens_after(n: int, r: Reduction) -> list[int]:
    """Tokens after each of twelve tiny blocks, two tokens protected."""
    blocks = nn.Sequential(*(Block(4, 1) for _ in range(12)))
    merging = MergingBlocks(blocks, schedule(r, 12), protected=2, proportional=True)
    x = torch.randn(1, n, 4, generator=seeded())
    with torch.no_grad():
        output, trace = run(merging, x)
    assert trace is not None
    assert output.shape == (1, trace.tokens[-1], 4)
    assert trace.size.sum() == n
    assert torch.bincount(trace.places[0]).tolist() == trace.size[0].tolist()
    return trace.tokens


@pytest.mark.parametrize(
    ("r", "expected"),
    [
        (2, [146 - 2 * block for block in range(1, 13)]),
        (8, [138, 130, 122, 114, 106, 98, 90, 82, 74, 66, 58, 50]),
        (16, [130, 114, 98, 82, 66, 50, 34, 18, 10, 6, 4, 3]),
        (40, [106, 66, 34, 18, 10, 6, 4, 3, 3, 3, 3, 3]),
        ((8, -1), [130, 116, 103, 92, 82, 74, 67, 62, 58, 56, 55, 55]),
    ],
)
def test_a_second_of_ast_has_the_tokens_of_the_fact_sheet(r: Reduction, expected: list[int]) -> None:
    """Section 5.2: at most half of the patches go in a block, which binds from r = 12 upwards."""
    assert tokens_after(146, r) == expected
    assert tokens_left(146, r) == expected


@pytest.mark.parametrize("n", [602, 1214])
@pytest.mark.parametrize("r", [5, 20, 40])
def test_five_and_ten_seconds_lose_r_tokens_in_every_block(n: int, r: int) -> None:
    assert tokens_after(n, r) == tokens_left(n, r) == [n - r * block for block in range(1, 13)]


@pytest.mark.parametrize(
    ("n", "last"),
    [
        (146, [146, 86, 26, 4, 3, 3, 3, 3, 3]),
        (602, [602, 542, 482, 422, 362, 302, 242, 182, 122]),
        (1214, [1214, 1154, 1094, 1034, 974, 914, 854, 794, 734]),
    ],
)
def test_the_head_sees_as_many_tokens_as_the_fact_sheet_says(n: int, last: list[int]) -> None:
    """Section 5.2, the second table: one, five and ten seconds, r = 0, 5, … 40."""
    assert [tokens_left(n, r)[-1] for r in range(0, 45, 5)] == last


def test_the_tokens_left_depend_on_depth_and_protection() -> None:
    assert tokens_left(10, 3, depth=3, protected=1) == [7, 4, 3]
    assert tokens_left(10, [4, 9], depth=3, protected=2) == [6, 4, 4]
    assert tokens_left(1, 5, depth=1) == [1]
    with pytest.raises(Mistake, match="-1 tokens cannot be merged"):
        tokens_left(10, -1)


@pytest.fixture(scope="module")
def tiny(shared: Path) -> tuple[VisionTransformer, Tensors]:
    """timm's transformer with the stored weights, all of them and no others, and the stored tensors."""
    tensors = load_file(shared / "golden/tome/vit_d48_l4_cls.safetensors")
    network = transformer().eval()
    network.load_state_dict({key[3:]: value for key, value in tensors.items() if key.startswith("sd.")}, strict=True)
    return network, tensors


@torch.no_grad()
@pytest.mark.parametrize("proportional", [True, False], ids=["proportional", "plain"])
@pytest.mark.parametrize("name", ["r2", "r8", "r16", "r4_inflect-1", "r4_inflect+1", "rlist_3_0_7"])
def test_a_vision_transformer_merges_as_the_official_code_does(
    tiny: tuple[VisionTransformer, Tensors], name: str, *, proportional: bool
) -> None:
    network, tensors = tiny
    case = f"tome.{name}{'' if proportional else '_noprop'}."
    merge_tokens(network, REDUCTIONS[name], proportional=proportional)
    assert isinstance(network.blocks, MergingBlocks)
    assert network.blocks.plan == tensors[f"{case}r_list"].tolist()
    seen: list[Tensor] = []
    readers = (network.blocks[1].norm1, network.norm)  # what reads the outputs of the first and of the last block
    handles = [one.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone())) for one in readers]
    logits = network(tensors["in.x"])
    for handle in handles:
        handle.remove()
    again, trace = traced(network, tensors["in.x"])
    assert torch.equal(again, logits)
    assert relative(logits, tensors[f"{case}logits"]) < 1e-4
    assert relative(logits.double(), tensors[f"{case}logits_f64"]) < 1e-4
    assert trace.tokens == tensors[f"{case}tokens_after_block"].tolist()
    assert torch.equal(trace.size, tensors[f"{case}size"])
    assert torch.equal(trace.source(), tensors[f"{case}source"].long())
    assert relative(seen[0], tensors[f"{case}block0_out"]) < 1e-4
    assert relative(seen[1], tensors[f"{case}block3_out"]) < 1e-4


@torch.no_grad()
def test_without_merging_it_is_timm_s_own_network(tiny: tuple[VisionTransformer, Tensors]) -> None:
    network, tensors = tiny
    merge_tokens(network, 8)
    merged = network(tensors["in.x"])
    merge_tokens(network, 0)
    assert relative(network(tensors["in.x"]), tensors["out.logits_nopatch"]) < 1e-4
    assert relative(merged, tensors["out.logits_nopatch"]) > 1e-3
    assert type(network.blocks) is nn.Sequential


@pytest.fixture(scope="module")
def one_second(shared: Path) -> tuple[nn.Module, Tensors]:
    """AST-Tiny for one second with the stored weights, and the stored tensors."""
    tensors = load_file(shared / "golden/ast_tiny/tiny224_35cls_T128_fp16w.safetensors")
    network = build("ast_tiny", n_classes=35, n_frames=128).eval()
    state = {key[3:]: value.float() for key, value in tensors.items() if key.startswith("sd.")}
    network.load_state_dict(state, strict=True)
    return network, tensors


@torch.no_grad()
@pytest.mark.parametrize("proportional", [True, False], ids=["proportional", "plain"])
@pytest.mark.parametrize("name", ["r0", "r2", "r8", "r16", "r40", "r8_dec"])
def test_ast_merges_as_the_official_code_does(
    one_second: tuple[nn.Module, Tensors], name: str, *, proportional: bool
) -> None:
    network, tensors = one_second
    case = f"tome.{name}{'' if proportional else '_noprop'}."
    merge_tokens(network, REDUCTIONS[name], proportional=proportional)
    x = tensors["in.x"].transpose(1, 2)[:, None]
    if name == "r0":
        assert tensors[f"{case}tokens_after_block"].tolist() == [146] * 12
        assert relative(network(x), tensors[f"{case}logits"]) < 1e-4
        return
    logits, trace = traced(network, x)
    assert relative(logits, tensors[f"{case}logits"]) < 1e-4
    assert trace.tokens == tensors[f"{case}tokens_after_block"].tolist()
    assert torch.equal(trace.size, tensors[f"{case}final_size"])
    assert torch.equal(trace.source().sum(2).float(), trace.size)


def procedural(name: str, shape: Sequence[int]) -> Tensor:
    """A weight of the golden recipe (README of the golden data, procedural weights; no batch norms here)."""
    z = np.random.RandomState(zlib.crc32(name.encode()) & 0xFFFFFFFF).standard_normal(int(np.prod(shape)))
    values = torch.from_numpy(z.astype(np.float32)).reshape(*shape)
    module, _, last = name.rpartition(".")
    if last == "bias":
        return 0.05 * values
    if last != "weight":
        return 0.1 * values
    if "norm" in module.rpartition(".")[2] or module == "mlp_head.0":
        return 1 + 0.1 * values
    return values * float(np.prod(shape[1:])) ** -0.5


@torch.no_grad()
def test_five_seconds_of_ast_merge_as_the_official_code_does(shared: Path) -> None:
    path = shared / "golden/ast_procedural/tiny224_50cls_T512.safetensors"
    with safe_open(path, "pt") as file:
        shapes = json.loads(file.metadata()["keys"])
    tensors = load_file(path)
    network = build("ast_tiny", n_classes=50, n_frames=512).eval()
    network.load_state_dict({name: procedural(name, shape) for name, shape in shapes.items()}, strict=True)
    x = tensors["in.x"].transpose(1, 2)[:, None]
    assert relative(network(x), tensors["out.logits"]) < 1e-4
    for name in ("r2", "r8", "r16"):
        logits, trace = traced(merge_tokens(network, REDUCTIONS[name]), x)
        assert relative(logits.double(), tensors[f"tome.{name}.logits_f64"]) < 1e-4
        assert trace.tokens == tensors[f"tome.{name}.tokens_after_block"].tolist()


def slow_forward(network: VisionTransformer, x: Tensor, plan: Sequence[int], *, proportional: bool) -> Tensor:
    """Logits of a transformer with a class token, attention and merging written out, one clip after another."""
    logits = []
    for clip in x:
        tokens = network._pos_embed(network.patch_embed(clip[None]))[0]
        size = torch.ones(len(tokens), dtype=x.dtype)
        for block, r in zip(network.blocks, plan, strict=True):
            attention: Any = block.attn
            n, heads = len(tokens), attention.num_heads
            q, k, v = attention.qkv(block.norm1(tokens)).view(n, 3, heads, -1).unbind(1)
            parts = []
            for head in range(heads):
                scores = q[:, head] @ k[:, head].T / q.shape[2] ** 0.5
                if proportional:
                    scores = scores + size.log()
                parts.append(scores.softmax(1) @ v[:, head])
            tokens = tokens + attention.proj(torch.cat(parts, dim=1))
            keys = k.mean(1).detach()
            tokens, size, _ = slow_step(tokens, size, keys, r, class_token=True, distillation_token=False)
            tokens = tokens + block.mlp(block.norm2(tokens))
        logits.append(network.head(network.norm(tokens)[0]))
    return torch.stack(logits)


@pytest.mark.parametrize("proportional", [True, False], ids=["proportional", "plain"])
@pytest.mark.parametrize("plan", [[9, 5, 3], [0, 20, 20]])
def test_logits_and_gradients_are_those_of_slow_loops(plan: list[int], *, proportional: bool) -> None:
    network = transformer(depth=3, width=24).double().train()
    nn.init.normal_(network.head.weight, generator=seeded(3))
    x, y = image(2).double(), torch.tensor([1, 7])
    expected = slow_forward(network, x, plan, proportional=proportional)
    slow = torch.autograd.grad(nn.functional.cross_entropy(expected, y), list(network.parameters()))
    found = merge_tokens(network, plan, proportional=proportional)(x)
    fast = torch.autograd.grad(nn.functional.cross_entropy(found, y), list(network.parameters()))
    assert torch.allclose(found, expected, rtol=0, atol=1e-9)
    assert all(gradient.abs().max() > 0 for gradient in fast)
    for one, other in zip(fast, slow, strict=True):
        assert torch.allclose(one, other, rtol=1e-6, atol=1e-9)


def test_a_merging_network_learns() -> None:
    network = merge_tokens(transformer(depth=2, width=24, drop_path_rate=0.1, attn_drop_rate=0.1), 8).train()
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    x, y = image(8), torch.arange(8) % 4
    losses = []
    for _ in range(30):
        loss = nn.functional.cross_entropy(network(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


@torch.no_grad()
@pytest.mark.parametrize(
    "options",
    [
        {"qk_norm": True},
        {"scale_attn_norm": True},
        {"init_values": 0.3},
        {"pre_norm": True},
        {"no_embed_class": True},
        {"class_token": False, "global_pool": "avg"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_attention_is_timm_s_where_nothing_was_merged_yet(options: dict[str, Any]) -> None:
    """With r in the last block alone, keys and outputs of all blocks before it are the plain network's."""
    network = transformer(**options).eval()
    seen: list[Tensor] = []
    handle = network.blocks[3].norm1.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()))
    network(image())
    merge_tokens(network, [0, 0, 0, 5])(image())
    handle.remove()
    plain, merging = seen
    assert torch.allclose(plain, merging, rtol=0, atol=1e-5)


def test_only_the_stack_is_exchanged() -> None:
    network = transformer()
    kind, blocks, names = type(network), list(network.blocks), list(network.state_dict())
    kinds = [type(module) for module in network.modules()]
    assert merge_tokens(network, 8) is network
    assert type(network) is kind
    assert all(one is other for one, other in zip(network.blocks.children(), blocks, strict=True))
    assert list(network.state_dict()) == names
    assert [type(module) for module in network.modules() if type(module) is not MergingBlocks] == [
        one for index, one in enumerate(kinds) if index != kinds.index(nn.Sequential)
    ]
    merge_tokens(network, 0)
    assert type(network.blocks) is nn.Sequential
    assert all(one is other for one, other in zip(network.blocks, blocks, strict=True))
    assert list(network.state_dict()) == names


@torch.no_grad()
def test_merging_again_replaces_and_does_not_add() -> None:
    network, x = transformer().eval(), image()
    plain = network(x)
    once = merge_tokens(network, 8)(x)
    other = merge_tokens(network, (4, -1), proportional=False)(x)
    assert not torch.allclose(once, other, atol=1e-4)
    assert torch.equal(merge_tokens(network, 8)(x), once)
    assert torch.equal(merge_tokens(network, 8)(x), once)
    assert sum(isinstance(module, MergingBlocks) for module in network.modules()) == 1
    assert torch.equal(merge_tokens(network, 0)(x), plain)


@torch.no_grad()
def test_nothing_is_kept_between_calls() -> None:
    network = merge_tokens(build("passt", width=96, depth=3, heads=3, n_classes=5), 8).eval()
    x = torch.randn(2, 1, 128, 100, generator=seeded())
    first = network(x)
    kept = {name: copy.deepcopy(vars(module)) for name, module in network.named_modules() if name == "blocks"}
    for batch, frames in ((1, 100), (5, 60), (2, 250)):
        network(torch.randn(batch, 1, 128, frames, generator=seeded(frames)))
    traced(network, x)
    assert torch.equal(network(x), first)
    blocks: Any = network.blocks
    assert {name: vars(blocks)[name] for name in ("plan", "protected", "proportional")} == {
        name: kept["blocks"][name] for name in ("plan", "protected", "proportional")
    }
    assert set(vars(blocks)) == set(kept["blocks"])
    assert not blocks._forward_hooks


@torch.no_grad()
def test_a_clip_s_logits_do_not_depend_on_its_batch() -> None:
    network, x = merge_tokens(transformer(), 8).eval(), image(5)
    assert torch.allclose(network(x)[3:4], network(x[3:4]), rtol=1e-4, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize(
    ("name", "options", "frames", "tokens"),
    [
        ("passt", {"width": 96, "depth": 3, "heads": 3, "n_classes": 5}, 100, [102, 94, 86]),
        ("ast_tiny", {"n_classes": 5, "n_frames": 64}, 64, [54, 46, 38, 30, 22, 14, 8, 5, 4, 3, 3, 3]),
        (
            "ast_tiny",
            {"n_classes": 5, "n_frames": 64, "tokens": "class"},
            64,
            [53, 45, 37, 29, 21, 13, 7, 4, 3, 2, 2, 2],
        ),
    ],
    ids=["passt", "ast", "ast with a class token"],
)
def test_the_project_s_transformers_merge(name: str, options: dict[str, Any], frames: int, tokens: list[int]) -> None:
    """Patches: 12 x 9 = 108 and 12 x 5 = 60, less 8 a block, at most half."""
    torch.manual_seed(0)
    network = merge_tokens(build(name, **options), 8).eval()
    logits, trace = traced(network, torch.randn(2, 1, 128, frames, generator=seeded()))
    assert logits.shape == (2, 5)
    assert logits.isfinite().all()
    assert trace.tokens == tokens
    protected = 1 if options.get("tokens") == "class" else 2
    assert (trace.size[:, :protected] == 1).all()
    assert (trace.places[:, :protected] == torch.arange(protected)).all()


def test_passt_merges_in_training_with_patchout_and_every_weight_that_is_used_learns() -> None:
    torch.manual_seed(0)
    network = build("passt", width=96, depth=3, heads=3, n_classes=5, s_patchout_f=6)
    merge_tokens(network, 8).train()
    logits, trace = traced(network, torch.randn(2, 1, 128, 100, generator=seeded()))
    assert trace.tokens == [48, 40, 32]  # 6 x 9 patches and two tokens, less 8 a block
    logits.square().sum().backward()
    idle = [name for name, one in network.named_parameters() if one.grad is None or not one.grad.abs().max()]
    assert {name.split(".")[0] for name in idle} == {"head_dist"}


@torch.no_grad()
def test_a_distilled_transformer_of_timm_protects_both_tokens() -> None:
    network = timm.create_model("deit_tiny_distilled_patch16_224", img_size=64, depth=3).eval()
    _, trace = traced(merge_tokens(network, 4), torch.randn(1, 3, 64, 64, generator=seeded()))
    assert trace.tokens == [14, 10, 6]
    assert trace.places[:, :2].tolist() == [[0, 1]]


@pytest.mark.parametrize(
    "make",
    [
        lambda: build("cp_mobile"),
        lambda: timm.create_model("swin_tiny_patch4_window7_224", embed_dim=24, depths=(1, 1), num_heads=(1, 2)),
        lambda: timm.create_model("beit_base_patch16_224", embed_dim=24, depth=1, num_heads=3),
        lambda: timm.create_model("vit_relpos_small_patch16_224", embed_dim=24, depth=1, num_heads=3),
        lambda: nn.Linear(2, 2),
        lambda: transformer(depth=0),
    ],
    ids=["CNN", "Swin", "BEiT", "relative positions", "linear", "no blocks"],
)
def test_a_network_without_timm_s_blocks_is_refused_in_one_sentence(make: Callable[[], nn.Module]) -> None:
    with pytest.raises(Mistake, match=r"needs one stack of timm's transformer blocks, this network has 0\.") as caught:
        merge_tokens(make(), 4)
    assert caught.value.rule == "merging.network"


def test_two_transformers_in_one_network_are_refused_too() -> None:
    with pytest.raises(Mistake, match="this network has 2"):
        merge_tokens(nn.ModuleList([transformer(depth=1), transformer(depth=1)]), 4)


@pytest.mark.parametrize("r", [None, 0])
def test_a_network_that_merges_nothing_has_no_trace(r: int | None) -> None:
    network = transformer(depth=1)
    if r is not None:
        merge_tokens(network, r)
    with pytest.raises(Mistake, match="merges no tokens") as caught:
        traced(network, image())
    assert caught.value.rule == "merging.none"


@torch.no_grad()
def test_copies_and_saved_weights_merge_alike(tmp_path: Path) -> None:
    network, x = merge_tokens(transformer(), 8).eval(), image()
    expected = network(x)
    copied = copy.deepcopy(network)
    assert copied.blocks is not network.blocks
    assert torch.equal(copied(x), expected)
    torch.save(network.state_dict(), tmp_path / "state.pt")
    other = transformer()
    nn.init.zeros_(other.blocks[0].mlp.fc1.weight)
    other.load_state_dict(torch.load(tmp_path / "state.pt"), strict=True)  # as it was, then merging
    assert torch.equal(merge_tokens(other, 8).eval()(x), expected)
    nn.init.zeros_(other.blocks[0].mlp.fc1.weight)
    other.load_state_dict(torch.load(tmp_path / "state.pt"), strict=True)
    assert torch.equal(other(x), expected)
    whole = io.BytesIO()
    torch.save(network, whole)
    whole.seek(0)
    assert torch.equal(torch.load(whole, weights_only=False)(x), expected)


@torch.no_grad()
def test_the_form_for_inference_merges_too() -> None:
    torch.manual_seed(0)
    network = merge_tokens(build("passt", width=96, depth=3, heads=3, n_classes=5), 8).eval()
    x = torch.randn(2, 1, 128, 100, generator=seeded())
    assert torch.allclose(network.for_inference()(x), network(x), rtol=0, atol=1e-5)
    half = network.for_inference(torch.bfloat16)
    logits, trace = traced(half, x)
    assert logits.isfinite().all()
    assert trace.tokens == [102, 94, 86]


@torch.no_grad()
def test_it_compiles_without_a_break_in_the_graph() -> None:
    network, x = merge_tokens(transformer(depth=2), 8).eval(), image()
    compiled = torch.compile(network, backend="eager", fullgraph=True)
    assert torch.allclose(compiled(x), network(x), rtol=0, atol=1e-5)
    torch._dynamo.reset()


@torch.no_grad()
def test_it_is_exported_for_batches_of_any_size() -> None:
    network = merge_tokens(transformer(depth=2), 8).eval()
    batch = torch.export.Dim("batch", min=1, max=64)
    exported = torch.export.export(network, (image(),), dynamic_shapes={"x": {0: batch}}).module()
    for size in (1, 2, 7):
        assert torch.allclose(exported(image(size, 5)), network(image(size, 5)), rtol=0, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_mixed_precision_gives_finite_numbers_and_whole_sizes(*, training: bool) -> None:
    network = merge_tokens(transformer(), 16).train(training)
    with torch.autocast("cpu", torch.bfloat16):
        logits, trace = traced(network, image(3))
    assert logits.isfinite().all()
    assert trace.tokens == [25, 13, 7, 4]
    assert trace.size.sum(1).tolist() == [41, 41, 41]
    logits.float().sum().backward()
    assert all(one.grad is not None and one.grad.isfinite().all() for one in network.parameters())


def test_gradient_checkpointing_is_refused_since_it_would_merge_nothing() -> None:
    network = merge_tokens(transformer(), 8)
    network.set_grad_checkpointing()
    with pytest.raises(Mistake, match="gradient checkpointing"):
        network(image())


@pytest.mark.parametrize("r", [0, 8])
def test_a_network_in_evaluation_mode_stays_in_it(r: int) -> None:
    network = merge_tokens(transformer(depth=1).eval(), r)
    assert not any(module.training for module in network.modules())


@pytest.mark.parametrize("class_token", [True, False])
def test_register_tokens_are_refused(*, class_token: bool) -> None:
    """Merging would move them, and timm averages all tokens but the first ones."""
    network = transformer(reg_tokens=4, class_token=class_token, global_pool="avg").eval()
    with pytest.raises(Mistake, match="registers"):
        merge_tokens(network, 8)
    assert isinstance(network.blocks, nn.Sequential)


def test_the_stack_gives_its_blocks_and_refuses_to_be_cut() -> None:
    network = transformer()
    blocks = list(network.blocks)
    merge_tokens(network, 8)
    assert [network.blocks[index] for index in range(len(network.blocks))] == blocks
    with pytest.raises(TypeError):
        network.blocks[:2]
    with pytest.raises(Mistake, match="one by one"):
        network.get_intermediate_layers(image())


def test_hundreds_of_patches_are_counted_exactly_at_low_precision() -> None:
    x = torch.randn(1, 601, 8, dtype=torch.bfloat16, generator=seeded())
    matching = match(torch.randn(1, 601, 8, generator=seeded()), 300)
    assert matching is not None
    merged, size = matching.merge(x, torch.ones(1, 601))
    assert merged.dtype == torch.bfloat16
    assert size.sum() == 601


@torch.no_grad()
def test_a_trace_runs_the_blocks_once() -> None:
    network, runs = merge_tokens(transformer(), 8).eval(), []
    network.blocks[0].norm1.register_forward_hook(lambda *_: runs.append(1))
    traced(network, image())
    assert len(runs) == 1


def formula(plan: Sequence[int], n: int, width: int, heads: int, *, protected: int) -> tuple[int, int, int]:
    """MACs of twelve or fewer blocks on n tokens: (layers and attention, similarities, weighted means).

    Before merging: qkv and projection 4 d², scores and values 2 n d; after it: the MLP 8 d². A step compares each even
    token with each odd one, and weighs and adds d channels and one size a token.
    """
    blocks = similarities = means = 0
    for r in plan:
        blocks += 4 * n * width**2 + 2 * n * n * width
        gone = max(0, min(r, (n - protected) // 2))
        if gone:
            similarities += ((n + 1) // 2) * (n // 2) * (width // heads)
            means += n * (width + 1)
        n -= gone
        blocks += 8 * n * width**2
    return blocks, similarities, means


def test_the_formula_gives_the_fact_sheet_s_figures_for_ast_base() -> None:
    """Section 5.2, one second, 35 classes, products in attention and similarities included."""
    rest = 144 * 256 * 768 + 768 * 35
    table = {0: 12.82, 5: 10.08, 10: 7.37, 15: 5.15, 20: 3.95, 25: 3.26, 30: 2.80, 35: 2.48, 40: 2.26}
    for r, expected in table.items():
        blocks, similarities, means = formula([r] * 12, 146, 768, 12, protected=2)
        assert round((blocks + similarities + rest) / 1e9, 2) == expected
        assert means < 0.001 * blocks
    assert formula([0] * 12, 146, 768, 12, protected=2) == (12_821_694_720 - rest, 0, 0)


@pytest.mark.parametrize("r", [2, 40])
def test_the_referee_counts_what_the_formula_says(r: int) -> None:
    found = count(merge_tokens(transformer(depth=2), r).eval(), 1, 64, 160)
    expected = sum(formula([r] * 2, 41, 48, 3, protected=1)) + 40 * 256 * 48 + 48 * 10
    assert found.metered_macs == expected
    assert expected <= found.macs <= expected + 2 * 2  # the larger of two counters
    assert found.parameters == sum(one.numel() for one in transformer(depth=2).parameters())


def test_merging_costs_no_bytes() -> None:
    plain, merging = (count(merge_tokens(transformer(depth=1), r).eval(), 1, 64, 160) for r in (0, 8))
    assert merging.parameter_bytes == plain.parameter_bytes


def test_the_referee_s_count_of_ast_falls_with_r() -> None:
    torch.manual_seed(0)
    network = build("ast_tiny", n_classes=35, n_frames=128).eval()
    rest, found = 144 * 256 * 192 + 192 * 35, []
    for r in (0, [16], [40, 40]):
        macs = count(merge_tokens(network, r), 1, 128, 128).macs
        blocks, similarities, means = formula(schedule(r, 12), 146, 192, 3, protected=2)
        assert macs == pytest.approx(blocks + similarities + means + rest, abs=2 * 12)
        found.append(macs)
    assert found[0] == 880_337_472  # facts, 4.3
    assert found == sorted(found, reverse=True)
    assert found[2] < 0.5 * found[0]  # 66 of 146 tokens from the second block on
