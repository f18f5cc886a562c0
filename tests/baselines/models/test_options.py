"""Building networks by name: options, what is refused and how, first weights, the choices of the transformers."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.models import BUILDERS, build
from baselines.models.ast import AST
from baselines.models.network import Network
from baselines.models.passt import Draws, PaSST
from baselines.models.pooling import AttentionHead, MeanHead
from harness.outcomes import Mistake

SMALL = {"passt": {"width": 48, "depth": 2, "heads": 3}}
"""Options that make a name small enough to be built for every test."""

SIZES = {"cnn_2022": (40, 51), "cp_resnet": (64, 16), "densenet121": (32, 40)}
"""Mel bands and frames that a name is fed, where they are not the others'."""


def small(name: str, **options: object) -> Network:
    return build(name, **SMALL.get(name, {}), **options)


def passt(**options: object) -> PaSST:
    network = build("passt", **{"n_classes": 4, "width": 24, "depth": 2, "heads": 3, **options})
    assert isinstance(network, PaSST)
    return network


def ast(**options: object) -> AST:
    network = build("ast_tiny", **{"n_classes": 4, "n_frames": 128, **options})
    assert isinstance(network, AST)
    return network


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_names_are_those_of_the_papers_networks() -> None:
    assert set(BUILDERS) == {
        "cp_mobile",
        "cp_mobile_2024",
        "cp_resnet",
        "passt",
        "ast_tiny",
        "ast_small",
        "ast_base",
        "efficientnet_b0",
        "efficientnet_b2",
        "efficientnet_b6",
        "efficientnet_lite0",
        "densenet121",
        "hybrid_b0",
        "hybrid_b2",
        "cnn_2022",
    }


@torch.no_grad()
@pytest.mark.parametrize("name", [name for name in BUILDERS if name not in {"ast_base", "efficientnet_b6"}])
def test_every_name_takes_classes_and_sizes_and_gives_one_number_a_class(name: str) -> None:
    mels, frames = SIZES.get(name, (64, 48))
    network = small(name, n_classes=3, n_mels=mels, n_frames=frames).eval()
    found = network(noise(2, 1, mels, frames))
    assert found.shape == (2, 3)
    assert found.isfinite().all()


@pytest.mark.parametrize("name", ["ast_base", "efficientnet_b6"])
def test_the_largest_names_do_too(name: str) -> None:
    with torch.device("meta"):
        network = build(name, n_classes=3, n_mels=64, n_frames=48).eval()
        assert network(torch.empty(2, 1, 64, 48)).shape == (2, 3)


@pytest.mark.parametrize(
    ("name", "meant"), [("cp_mobil", "cp_mobile"), ("cpresnet", "cp_resnet"), ("efficientnet-b2", "efficientnet_b2")]
)
def test_an_unknown_name_is_answered_with_the_nearest(name: str, meant: str) -> None:
    with pytest.raises(Mistake) as caught:
        build(name)
    assert caught.value.rule == "model.unknown"
    assert caught.value.problem == f'There is no model "{name}".'
    assert caught.value.remedy == f'Did you mean "{meant}"?'


def test_a_name_like_no_other_is_answered_with_all() -> None:
    with pytest.raises(Mistake) as caught:
        build("zzz")
    assert all(name in caught.value.remedy for name in BUILDERS)


@pytest.mark.parametrize(
    ("name", "option", "remedy"),
    [
        ("cp_mobile", "base_chanels", 'Did you mean "base_channels"?'),
        ("passt", "s_patchout", 'Did you mean "s_patchout_t"?'),
        ("ast_tiny", "distilation_head", 'Did you mean "distillation_head"?'),
    ],
)
def test_an_unknown_option_is_answered_with_the_nearest(name: str, option: str, remedy: str) -> None:
    with pytest.raises(Mistake) as caught:
        build(name, **{option: 1})
    assert caught.value.rule == "model.option"
    assert caught.value.problem == f'The model "{name}" has no option "{option}".'
    assert caught.value.remedy == remedy


@pytest.mark.parametrize(
    ("name", "option"),
    [
        *[(name, "pooling") for name in ("cp_mobile", "cp_mobile_2024", "cp_resnet", "passt", "ast_tiny", "cnn_2022")],
        ("cp_resnet", "channels_multiplier"),
        ("cp_mobile", "rho"),
        ("ast_tiny", "size"),  # what the name says is no option
        ("ast_tiny", "s_patchout_f"),
        ("efficientnet_b0", "variant"),
        ("efficientnet_b0", "attention_heads"),
        ("hybrid_b0", "attention_heads"),
        ("densenet121", "tokens"),
    ],
)
def test_options_of_other_networks_are_refused(name: str, option: str) -> None:
    with pytest.raises(Mistake, match=f'The model "{name}" has no option "{option}"') as caught:
        build(name, **{option: "psla"})
    assert caught.value.rule == "model.option"


WRONG: tuple[tuple[str, Mapping[str, object]], ...] = (
    ("cp_mobile", {"base_channels": "64"}),
    ("cp_mobile", {"base_channels": 64.5}),
    ("cp_mobile", {"base_channels": True}),
    ("cp_mobile", {"base_channels": 0}),
    ("cp_mobile", {"n_classes": 0}),
    ("cp_mobile", {"n_classes": -1}),
    ("cp_mobile", {"channels_multiplier": "2.3"}),
    ("cp_mobile", {"channels_multiplier": 0.0}),
    ("cp_mobile", {"channels_multiplier": math.nan}),
    ("cp_mobile", {"channels_multiplier": math.inf}),
    ("cp_mobile", {"expansion_rate": -1.0}),
    ("cp_mobile", {"expansion_rate": math.inf}),
    ("cp_mobile_2024", {"n_mels": "256"}),
    ("cp_resnet", {"rho": 2}),
    ("cp_resnet", {"rho": 10}),
    ("cp_resnet", {"base_channels": 33}),
    ("cp_resnet", {"base_channels": 8}),
    ("passt", {"n_mels": 15}),
    ("passt", {"n_frames": 15}),
    ("passt", {"s_patchout_f": -1}),
    ("passt", {"s_patchout_t": "40"}),
    ("passt", {"u_patchout": 0.5}),
    ("ast_tiny", {"tokens": "cls"}),
    ("ast_tiny", {"distillation_head": 1}),
    ("ast_tiny", {"n_frames": 0}),
    ("efficientnet_b0", {"pooling": "mean"}),
    ("hybrid_b2", {"pooling": None}),
    ("densenet121", {"pooling": "max"}),
    ("cnn_2022", {"n_mels": 19}),
    ("cnn_2022", {"n_frames": 4}),
)


@pytest.mark.parametrize(("name", "options"), WRONG, ids=str)
def test_a_value_that_does_not_fit_is_answered_with_one_sentence(name: str, options: Mapping[str, object]) -> None:
    ((option, value),) = options.items()
    with pytest.raises(Mistake) as caught:
        build(name, **options)
    assert caught.value.rule == "model.option"
    assert caught.value.problem == f'The option "{option}" of the model "{name}" cannot be {value!r}.'
    assert caught.value.remedy.endswith(".")
    assert "\n" not in str(caught.value)


def test_the_width_of_passt_has_to_be_shared_evenly_among_its_heads() -> None:
    with pytest.raises(Mistake) as caught:
        build("passt", width=100, heads=12, depth=1)
    assert "heads" in str(caught.value)


@pytest.mark.parametrize(("name", "value"), [("cp_mobile", 2), ("cp_mobile_2024", 2)])
def test_a_whole_number_is_a_factor_too(name: str, value: int) -> None:
    whole, real = (build(name, channels_multiplier=factor) for factor in (value, float(value)))
    assert {key: v.shape for key, v in whole.state_dict().items()} == {k: v.shape for k, v in real.state_dict().items()}


@pytest.mark.parametrize("shape", [(64, 48), (2, 64, 48), (2, 3, 64, 48), (2, 1, 64, 48, 1)])
@pytest.mark.parametrize(
    "name", ["cp_mobile", "cp_resnet", "passt", "ast_tiny", "hybrid_b0", "densenet121", "cnn_2022"]
)
def test_features_without_the_four_axes_are_answered_with_a_sentence(name: str, shape: tuple[int, ...]) -> None:
    network = small(name, n_mels=64, n_frames=48).eval()
    with pytest.raises(Mistake, match="A network takes features") as caught:
        network(torch.zeros(shape))
    assert caught.value.rule == "features.shape"
    assert str(shape) in caught.value.problem


SHORT = {
    "cp_resnet": [(16, 43), (256, 4)],
    "passt": [(15, 100), (128, 15)],
    "ast_tiny": [(15, 48), (64, 15)],
    "hybrid_b0": [(31, 48), (64, 1), (64, 31)],
    "densenet121": [(28, 48), (64, 28)],
    "cnn_2022": [(63, 48), (64, 47)],
}


@pytest.mark.parametrize("name", SHORT)
def test_clips_that_are_too_short_are_answered_with_both_sizes(name: str) -> None:
    network = small(name, n_mels=64, n_frames=48).eval()
    for mels, frames in SHORT[name]:
        with pytest.raises(Mistake, match=f"{mels} mel bands x {frames} frames are smaller than") as caught:
            network(torch.zeros(2, 1, mels, frames))
        assert caught.value.rule == "features.too_short"


@torch.no_grad()
@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("cp_mobile", (1, 1)),
        ("cp_resnet", (35, 7)),
        ("passt", (16, 16)),
        ("hybrid_b0", (32, 32)),
        ("efficientnet_b2", (32, 32)),
        ("densenet121", (29, 29)),
    ],
)
def test_the_smallest_features_that_are_allowed_work(name: str, size: tuple[int, int]) -> None:
    found = small(name, n_classes=3).eval()(noise(2, 1, *size))
    assert found.shape == (2, 3)
    assert found.isfinite().all()


@torch.no_grad()
@pytest.mark.parametrize("name", ["cp_mobile", "cp_resnet", "passt", "hybrid_b0", "efficientnet_b2", "densenet121"])
def test_a_clip_of_any_length_works_or_is_answered_with_a_sentence(name: str) -> None:
    network = small(name, n_classes=3).eval()
    tracebacks = []
    for frames in (1, 2, 3, 4, 6, 8, 15, 16, 24, 28, 31, 32, 33):
        try:
            assert network(noise(1, 1, 64, frames)).isfinite().all()
        except Mistake as mistake:
            assert mistake.rule == "features.too_short"  # noqa: PT017 - either end is right
        except RuntimeError:
            tracebacks.append(frames)
    assert tracebacks == []


def test_an_ast_takes_no_other_number_of_frames_or_bands() -> None:
    network = ast().eval()
    for mels, frames in [(128, 127), (128, 129), (127, 128)]:
        with pytest.raises(Mistake, match=f"128 mel bands x 128 frames, not for {mels} mel bands x {frames}") as caught:
            network(torch.zeros(1, 1, mels, frames))
        assert caught.value.rule == "features.shape"


@pytest.mark.parametrize(("name", "built"), [("passt", {"n_mels": 64}), ("passt", {"n_mels": 16}), ("cnn_2022", {})])
def test_more_mel_bands_than_a_network_was_built_for_are_answered_with_a_sentence(
    name: str, built: Mapping[str, int]
) -> None:
    network = small(name, **built).eval()
    with pytest.raises(Mistake, match="128 mel bands"):
        network(torch.zeros(1, 1, 128, 100))


def test_the_receptive_fields_five_to_seven_are_one_network() -> None:
    networks = []
    for rho in (5, 6, 7, 8):
        torch.manual_seed(0)
        networks.append(build("cp_resnet", rho=rho).state_dict())
    five, six, seven, eight = networks
    for other in (six, seven):
        assert list(other) == list(five)
        assert all(torch.equal(other[key], five[key]) for key in five)
    assert any(eight[key].shape != five[key].shape for key in five)


@torch.no_grad()
def test_an_untrained_cp_resnet_says_nothing() -> None:
    network = build("cp_resnet").eval()
    assert torch.equal(network(noise(2, 1, 256, 43)), torch.zeros(2, 10))
    assert network.train()(noise(2, 1, 256, 43)).abs().max() == 0


@pytest.mark.parametrize(
    "name", [name for name in BUILDERS if name not in {"ast_base", "ast_small", "efficientnet_b6", "hybrid_b2"}]
)
def test_first_weights_follow_torch_s_seed(name: str) -> None:
    networks = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        networks.append(small(name, n_classes=3))
    first, again, other = (network.state_dict() for network in networks)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first[networks[0].STEM], other[networks[0].STEM])


@pytest.mark.parametrize("name", BUILDERS)
def test_head_and_stem_name_what_follows_the_classes_and_the_first_convolution(name: str) -> None:
    """What `baselines.pretrained` renews is exactly what another class count changes."""
    with torch.device("meta"):
        network = small(name, n_classes=3)
        three, five = network.state_dict(), small(name, n_classes=5).state_dict()
    changed = {key for key in three if three[key].shape != five[key].shape}
    assert changed
    assert all(key.startswith(network.HEAD) for key in changed)
    assert three[network.STEM].ndim == 4
    assert three[network.STEM].shape[1] == 1
    assert next(key for key, value in three.items() if value.ndim == 4 and key.endswith("weight")) == network.STEM


@torch.no_grad()
@pytest.mark.parametrize("name", ["efficientnet_b0", "efficientnet_lite0", "hybrid_b0", "densenet121"])
def test_psla_gives_probabilities_and_feature_mean_logits_from_the_same_weights(name: str) -> None:
    x = 3 * noise(4, 1, 64, 96)
    logits_network = build(name, n_classes=6).eval()
    sharpen(logits_network, 20 / float(logits_network(x).abs().max()))
    probabilities_network = build(name, n_classes=6, pooling="psla").eval()
    probabilities_network.load_state_dict(logits_network.state_dict(), strict=True)
    logits, probabilities = logits_network(x), probabilities_network(x)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    assert probabilities.max() - probabilities.min() > 0.2
    assert logits.min() < 0
    assert logits.max() > 1


def sharpen(network: Network, factor: float) -> None:
    """Make the head that much surer of itself."""
    for key, value in network.state_dict().items():
        if key.startswith(network.HEAD) and key.endswith((".weight", ".bias")):
            value.mul_(factor)


@torch.no_grad()
@pytest.mark.parametrize("name", ["efficientnet_b2", "densenet121"])
def test_where_there_is_one_step_its_sigmoid_is_all_the_difference(name: str) -> None:
    x, network = 3 * noise(4, 1, 128, 32), build(name, n_classes=6).eval()
    sharpen(network, 5 / float(network(x).abs().max()))
    other = build(name, n_classes=6, pooling="psla").eval()
    other.load_state_dict(network.state_dict(), strict=True)
    assert torch.allclose(other(x), network(x).sigmoid(), atol=1e-4)


@torch.no_grad()
def test_heads_on_feature_means_follow_their_formulas() -> None:
    """Paper 003: features are pooled, then mapped to logits; a hybrid weighs the steps of each class by a gate."""
    x = noise(2, 8, 4, 5)
    mean = MeanHead(8, 3, "feature_mean")
    weight, bias = mean.cla.weight[:, :, 0, 0], mean.cla.bias
    assert bias is not None
    assert torch.allclose(mean(x), x.flatten(2).mean(2) @ weight.T + bias, atol=1e-5)
    head = AttentionHead(8, 3, "feature_mean", heads=2)
    assert head.head_weight.tolist() == [0.5, 0.5]
    head.head_weight.copy_(torch.tensor([0.3, 2.0]))
    steps, found = x.mean(2), head(x)
    for clip in range(2):
        for label in range(3):
            expected = 0.0
            for attend, classify, share in zip(head.att, head.cla, (0.3, 2.0), strict=True):
                gates = [float(torch.sigmoid(_at(attend, steps[clip, :, t], label))) for t in range(5)]
                values = [float(_at(classify, steps[clip, :, t], label)) for t in range(5)]
                expected += share * sum(g * v for g, v in zip(gates, values, strict=True)) / sum(gates)
            assert float(found[clip, label]) == pytest.approx(expected, abs=1e-5)


def _at(layer: nn.Module, step: Tensor, label: int) -> Tensor:
    assert isinstance(layer, nn.Conv2d)
    assert layer.bias is not None
    return layer.weight[label, :, 0, 0] @ step + layer.bias[label]


@torch.no_grad()
def test_a_distillation_head_reads_the_other_token() -> None:
    network = ast(distillation_head=True).eval()
    x = noise(2, 1, 128, 128)
    tokens = network.v.forward_features(x)
    label, teacher = network.heads(x)
    assert network.distillation_head is not None
    assert torch.allclose(label, network.mlp_head(tokens[:, 0]), atol=1e-6)
    assert torch.allclose(teacher, network.distillation_head(tokens[:, 1]), atol=1e-6)
    assert torch.allclose(network(x), (label + teacher) / 2, atol=1e-6)
    assert not torch.allclose(label, teacher, atol=1e-3)


@torch.no_grad()
def test_an_ast_as_released_averages_both_tokens_and_one_as_written_reads_the_only_one() -> None:
    x = noise(2, 1, 128, 128)
    for tokens, outputs in (("class_distillation", 2), ("class", 1)):
        network = ast(tokens=tokens).eval()
        every = network.v.forward_features(x)
        assert every.shape == (2, 144 + outputs, 192)
        assert network.n_outputs == outputs
        assert torch.allclose(network.embed(x), every[:, :outputs].mean(1), atol=1e-6)
        assert torch.allclose(network(x), network.mlp_head(every[:, :outputs].mean(1)), atol=1e-6)
        assert ("v.dist_token" in network.state_dict()) == (outputs == 2)


def test_a_distillation_head_needs_the_distillation_token() -> None:
    with pytest.raises(Mistake, match="distillation") as caught:
        ast(tokens="class", distillation_head=True)
    assert caught.value.rule == "model.option"
    with pytest.raises(Mistake, match="distillation_head=True"):
        ast().heads(torch.zeros(1, 1, 128, 128))


# Patchout


def kept(network: PaSST, x: Tensor, draws: Draws | None = None) -> int:
    """Tokens that reach the first block."""
    seen: list[int] = []
    handle = network.blocks[0].register_forward_hook(lambda _m, inputs, _o: seen.append(inputs[0].shape[1]))
    network(x, draws)
    handle.remove()
    return seen[0]


@torch.no_grad()
@pytest.mark.parametrize(
    ("rows", "columns", "tokens", "frames", "expected"),
    [
        (0, 0, 0, 100, 12 * 9),
        (6, 0, 0, 100, 54),  # scene classification
        (3, 4, 0, 100, 9 * 5),
        (0, 0, 30, 100, 78),
        (3, 4, 11, 100, 9 * 5 - 11),
        (4, 40, 0, 998, 472),  # AudioSet
        (3, 10, 0, 500, 9 * 39),  # ESC-50
    ],
)
def test_patchout_leaves_so_many_tokens_in_training_and_all_in_evaluation(
    rows: int, columns: int, tokens: int, frames: int, expected: int
) -> None:
    network = passt(s_patchout_f=rows, s_patchout_t=columns, u_patchout=tokens)
    x = noise(1, 1, 128, frames)
    assert kept(network.train(), x) == expected + 2
    every = 12 * ((frames - 16) // 10 + 1)
    assert kept(network.eval(), x) == every + 2


@torch.no_grad()
def test_evaluation_draws_nothing_and_starts_at_the_first_column() -> None:
    network, x = passt(s_patchout_f=6, s_patchout_t=2, u_patchout=3).eval(), noise(2, 1, 128, 100)
    state = torch.get_rng_state()
    found = network(x)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.allclose(found, network(x, Draws(torch.tensor([0]))), atol=1e-6)
    assert not torch.allclose(found, network(x, Draws(torch.tensor([7]))), atol=1e-6)


@torch.no_grad()
def test_patchout_follows_torch_s_seed() -> None:
    network, x = passt(s_patchout_f=6, u_patchout=3).train(), noise(2, 1, 128, 100)
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        found.append(network(x))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_draws_are_an_offset_then_columns_then_rows_then_tokens() -> None:
    network, x = passt(s_patchout_f=5, s_patchout_t=2, u_patchout=11), torch.zeros(3, 1, 128, 100)
    torch.manual_seed(7)
    found = network.draw(x)
    torch.manual_seed(7)
    offset = torch.randint(99 - 9 + 1, (1,))
    columns, rows, tokens = (torch.randperm(size) for size in (9, 12, 7 * 7))
    assert torch.equal(found.time_offset, offset)
    for kept_ones, permutation, left in (
        (found.columns, columns, 7),
        (found.rows, rows, 7),
        (found.tokens, tokens, 38),
    ):
        assert kept_ones is not None
        assert kept_ones.tolist() == sorted(permutation.tolist()[:left])


def test_what_is_not_dropped_is_not_drawn() -> None:
    found = passt(s_patchout_f=5).draw(torch.zeros(3, 1, 128, 100))
    assert found.columns is None
    assert found.tokens is None
    assert found.rows is not None


def test_offsets_reach_from_the_first_valid_column_to_the_last() -> None:
    network = passt()
    for frames, offsets in ((980, {0, 1, 2}), (998, {0}), (1500, {0})):  # 97, 99 and 149 columns of 99
        x = torch.zeros(1, 1, 128, frames)
        torch.manual_seed(0)
        assert {int(network.draw(x).time_offset) for _ in range(40)} == offsets


@torch.no_grad()
def test_tokens_are_what_a_loop_over_patches_makes_of_them() -> None:
    """Position first, then patchout, row by row, behind the two output tokens."""
    network, x = passt().train(), noise(2, 1, 128, 100)
    draws = Draws(torch.tensor([30]), torch.tensor([1, 4, 8]), torch.tensor([0, 2, 11]), torch.tensor([0, 3, 5, 8]))
    seen: list[Tensor] = []
    handle = network.blocks[0].register_forward_hook(lambda _m, inputs, _o: seen.append(inputs[0].clone()))
    network(x, draws)
    handle.remove()
    weight, bias = network.patch_embed.proj.weight, network.patch_embed.proj.bias
    assert bias is not None
    places = [(row, column) for row in (0, 2, 11) for column in (1, 4, 8)]
    for clip in range(2):
        expected = [network.cls_token[0, 0] + network.new_pos_embed[0, 0]]
        expected.append(network.dist_token[0, 0] + network.new_pos_embed[0, 1])
        for row, column in (places[place] for place in (0, 3, 5, 8)):
            patch = x[clip, 0, 10 * row : 10 * row + 16, 10 * column : 10 * column + 16]
            embedded = (weight[:, 0] * patch).sum((1, 2)) + bias
            frequency, time = network.freq_new_pos_embed[0, :, row, 0], network.time_new_pos_embed[0, :, 0, 30 + column]
            expected.append(embedded + frequency + time)
        assert torch.allclose(seen[0][clip], torch.stack(expected), atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"s_patchout_t": 10}, "s_patchout_t"),  # ESC-50's value on 9 columns
        ({"s_patchout_t": 40}, "s_patchout_t"),  # AudioSet's
        ({"s_patchout_f": 12}, "s_patchout_f"),
        ({"s_patchout_f": 15}, "s_patchout_f"),
        ({"s_patchout_f": 6, "u_patchout": 60}, "u_patchout"),
    ],
)
def test_patchout_of_more_than_there_is_is_answered_with_a_sentence(options: Mapping[str, int], word: str) -> None:
    with pytest.raises(Mistake, match=word):
        passt(**options, n_frames=100).train()(torch.zeros(2, 1, 128, 100))


# Positions of other networks


def cubic(known: int, size: int) -> Tensor:
    """Weights (size, known) of a bicubic resize of one axis without aligned corners (Keys, a = -0.75)."""
    weights = torch.zeros(size, known, dtype=torch.float64)
    for out in range(size):
        place = (out + 0.5) * known / size - 0.5
        for tap in range(math.floor(place) - 1, math.floor(place) + 3):
            d = abs(place - tap)
            near = 1.25 * d**3 - 2.25 * d**2 + 1
            far = -0.75 * d**3 + 3.75 * d**2 - 6 * d + 3
            weights[out, min(max(tap, 0), known - 1)] += near if d <= 1 else far if d < 2 else 0
    return weights


def linear(known: int, size: int) -> Tensor:
    """Weights (size, known) of a linear resize of one axis without aligned corners."""
    weights = torch.zeros(size, known, dtype=torch.float64)
    for out in range(size):
        place = max((out + 0.5) * known / size - 0.5, 0)
        low = min(math.floor(place), known - 1)
        weights[out, low] += 1 - (place - low)
        weights[out, min(low + 1, known - 1)] += place - low
    return weights


def cropped(known: int, size: int) -> Tensor:
    """Weights (size, known) that take the middle."""
    return F.one_hot(torch.arange(size) + known // 2 - size // 2, known).double()


def test_the_positions_of_an_image_transformer_are_taken_apart_into_rows_and_columns() -> None:
    network = passt()
    for side in (24, 14):
        square = noise(1, 2 + side * side, 24)
        found = network.adapt_positions({"pos_embed": square, "norm.weight": torch.ones(24)})
        assert set(found) == {"new_pos_embed", "freq_new_pos_embed", "time_new_pos_embed", "norm.weight"}
        patches = square[0, 2:].double().reshape(side, side, 24)
        resized = torch.einsum("rs,ct,std->rcd", cubic(side, 12), cubic(side, 99), patches)
        assert torch.equal(found["new_pos_embed"], square[:, :2])
        frequency, time = found["freq_new_pos_embed"], found["time_new_pos_embed"]
        assert (frequency.shape, time.shape) == ((1, 24, 12, 1), (1, 24, 1, 99))
        assert torch.allclose(frequency[0, :, :, 0].T.double(), resized.mean(1), atol=1e-4)
        assert torch.allclose(time[0, :, 0].T.double(), resized.mean(0), atol=1e-4)


def test_positions_of_passt_itself_are_resized_where_they_differ_and_kept_where_not() -> None:
    state = {"freq_new_pos_embed": noise(1, 24, 12, 1), "time_new_pos_embed": noise(1, 24, 1, 99)}
    kept_state = passt().adapt_positions(state)
    assert all(kept_state[key] is value for key, value in state.items())
    found = passt(n_mels=64, n_frames=1500).adapt_positions(state)
    expected = state["time_new_pos_embed"][0, :, 0].double() @ cubic(99, 150).T
    assert found["time_new_pos_embed"].shape == (1, 24, 1, 150)
    assert torch.allclose(found["time_new_pos_embed"][0, :, 0].double(), expected, atol=1e-4)
    expected = state["freq_new_pos_embed"][0, :, :, 0].double() @ cubic(12, 6).T
    assert torch.allclose(found["freq_new_pos_embed"][0, :, :, 0].double(), expected, atol=1e-4)
    assert state["time_new_pos_embed"].shape == (1, 24, 1, 99)  # the caller's is left as it is


AST_POSITIONS = [
    # rows and columns of the other grid, mel bands and frames of the network, weights of rows, of columns
    (24, 24, 128, 128, cropped(24, 12), cropped(24, 12)),
    (24, 24, 64, 128, cropped(24, 5), cropped(24, 12)),
    (24, 24, 128, 512, cropped(24, 12), linear(24, 50)),
    (24, 24, 128, 1024, cropped(24, 12), linear(24, 101)),
    (14, 14, 128, 128, cropped(14, 12), cropped(14, 12)),
    (14, 14, 128, 1024, cropped(14, 12), linear(14, 101)),
    (14, 14, 256, 128, linear(14, 25), cropped(14, 12)),
    (14, 14, 256, 512, linear(14, 25), linear(14, 50)),
    (12, 101, 128, 128, cropped(12, 12), cropped(101, 12)),
    (12, 101, 128, 512, cropped(12, 12), cropped(101, 50)),
    (12, 101, 128, 1100, cropped(12, 12), linear(101, 109)),
    (12, 101, 64, 128, cropped(12, 5), cropped(101, 12)),
    (12, 101, 68, 128, cropped(12, 6), cropped(101, 12)),
]


@pytest.mark.parametrize(
    ("rows", "columns", "mels", "frames", "down", "across"), AST_POSITIONS, ids=[str(row[:4]) for row in AST_POSITIONS]
)
def test_positions_of_an_ast_are_cut_in_the_middle_or_interpolated(
    rows: int, columns: int, mels: int, frames: int, down: Tensor, across: Tensor
) -> None:
    """facts 4.1: DeiT's grids are 24 x 24 (base) and 14 x 14, AudioSet's is 12 x 101."""
    positions = noise(1, 2 + rows * columns, 192)
    with torch.device("meta"):
        network = ast(n_mels=mels, n_frames=frames)
    state = {"v.pos_embed": positions, "v.dist_token": noise(1, 1, 192)}
    found = network.adapt_positions(state)["v.pos_embed"]
    assert found.shape == network.state_dict()["v.pos_embed"].shape
    patches = positions[0, 2:].double().reshape(rows, columns, 192)
    expected = torch.einsum("rs,ct,std->rcd", down, across, patches).reshape(-1, 192)
    assert torch.equal(found[:, :2], positions[:, :2])
    assert torch.allclose(found[0, 2:].double(), expected, atol=1e-4)
    assert state["v.pos_embed"] is positions


def test_a_square_number_of_audio_patches_is_no_image() -> None:
    """5 s of 490 frames are 12 x 48 patches, as many as the 24 x 24 of an image; the stem tells them apart."""
    positions, stem = noise(1, 2 + 576, 192), noise(192, 1, 16, 16)
    with torch.device("meta"):
        network = ast(n_frames=128)
    state = {"v.pos_embed": positions, "v.dist_token": noise(1, 1, 192), "v.patch_embed.proj.weight": stem}
    found = network.adapt_positions(state)["v.pos_embed"]
    patches = positions[0, 2:].reshape(12, 48, 192)[:, 18:30]
    assert torch.equal(found[0, 2:], patches.reshape(-1, 192))
    image = network.adapt_positions(state | {"v.patch_embed.proj.weight": noise(192, 3, 16, 16)})["v.pos_embed"]
    assert torch.equal(image[0, 2:], positions[0, 2:].reshape(24, 24, 192)[6:18, 6:18].reshape(-1, 192))


def test_one_second_of_audioset_s_positions_are_columns_44_to_55() -> None:
    positions = torch.arange(1214.0)[None, :, None].expand(1, 1214, 192)
    found = ast().adapt_positions({"v.pos_embed": positions, "v.dist_token": torch.zeros(1)})["v.pos_embed"]
    assert found[0, 2:14, 0].tolist() == list(range(2 + 44, 2 + 56))
    assert found[0, 14:26, 0].tolist() == list(range(2 + 101 + 44, 2 + 101 + 56))


def test_positions_of_the_same_grid_are_kept() -> None:
    state = {"v.pos_embed": noise(1, 146, 192), "v.dist_token": torch.zeros(1)}
    assert ast().adapt_positions(state)["v.pos_embed"] is state["v.pos_embed"]


def test_one_output_token_takes_the_first_position_of_two_and_two_take_the_only_one() -> None:
    two = {"v.pos_embed": noise(1, 1214, 192), "v.dist_token": torch.zeros(1)}
    found = ast(tokens="class").adapt_positions(two)["v.pos_embed"]
    assert found.shape == (1, 145, 192)
    assert torch.equal(found[:, :1], two["v.pos_embed"][:, :1])
    one = {"v.pos_embed": noise(1, 197, 192)}
    found = ast().adapt_positions(one)["v.pos_embed"]
    assert found.shape == (1, 146, 192)
    assert torch.equal(found[:, :2], one["v.pos_embed"][:, :1].expand(1, 2, 192))


def test_a_network_without_positions_takes_a_state_as_it_is() -> None:
    state = {"v.pos_embed": torch.zeros(1)}
    assert build("cp_mobile").adapt_positions(state) is state
