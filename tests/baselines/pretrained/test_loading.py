"""Weights of another task, as the papers take them over: head anew, positions resized, colours joined."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn

from baselines.models import Network, build
from baselines.models.efficientnet_keys import from_timm
from baselines.pretrained import load_pretrained, load_weights, read_source
from harness.outcomes import Mistake

PARTS = ("weight", "bias", "running_mean", "running_var")


def relative(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max())


def saved(state: dict[str, Tensor], tmp_path: Path) -> Path:
    torch.save(state, tmp_path / "weights.pt")
    return tmp_path / "weights.pt"


def shaken(network: nn.Module) -> nn.Module:
    """The network with norms that are not trivial."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.1)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.8, 1.2)  # type: ignore[arg-type]
    return network.eval()


@torch.no_grad()
@pytest.mark.parametrize(("name", "size"), [("b0", 224), ("b2", 260)])
def test_an_efficientnet_of_timm_gives_its_own_features_on_one_channel(name: str, size: int, tmp_path: Path) -> None:
    """At the ImageNet size both pad alike; a spectrogram in all three colours is the sum of the stem."""
    vision = shaken(timm.create_model(f"tf_efficientnet_{name}", pretrained=False))
    network = build(f"efficientnet_{name}", n_classes=10).eval()
    loaded = load_pretrained(network, saved(vision.state_dict(), tmp_path))
    assert loaded.anew == ("attention.cla.bias", "attention.cla.weight")
    assert loaded.unused == ("effnet._fc.bias", "effnet._fc.weight")
    x = torch.randn(1, 1, size, size)
    assert relative(network.effnet(x), vision.forward_features(x.expand(-1, 3, -1, -1))) < 1e-5  # type: ignore[operator]


@torch.no_grad()
def test_the_packaged_lite0_is_timm_s_network_with_the_package_s_weights() -> None:
    state = read_source("package:efficientnet_lite0")
    vision = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    keys = list(vision.state_dict())
    numbered = from_timm({key: torch.tensor(index) for index, key in enumerate(keys)})
    names = {ours: keys[int(index)] for ours, index in numbered.items()}
    vision.load_state_dict({names[key]: value for key, value in state.items()}, strict=True)
    network = build("efficientnet_lite0", n_classes=3).eval()
    load_pretrained(network, "package:efficientnet_lite0")
    x = torch.randn(2, 1, 224, 224)
    assert relative(network.effnet(x), vision.forward_features(x.expand(-1, 3, -1, -1))) < 1e-4  # type: ignore[operator]


@torch.no_grad()
def test_a_densenet_of_torchvision_gives_its_own_features_on_one_channel(tmp_path: Path) -> None:
    vision = shaken(torchvision.models.densenet121())
    network = build("densenet121", n_classes=5).eval()
    assert load_pretrained(network, saved(vision.state_dict(), tmp_path)).anew == (
        "classifier.bias",
        "classifier.weight",
    )
    x = torch.randn(1, 1, 64, 64)
    assert relative(network.features(x), vision.features(x.expand(-1, 3, -1, -1))) < 1e-5  # type: ignore[operator]


@pytest.fixture(scope="module")
def deit() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return timm.create_model("deit_tiny_distilled_patch16_224", pretrained=False).state_dict()


def test_an_ast_starts_from_a_deit(deit: dict[str, Tensor], tmp_path: Path) -> None:
    network = build("ast_tiny", n_classes=35, n_frames=128)
    loaded = load_pretrained(network, saved(deit, tmp_path))
    assert {key.split(".")[0] for key in loaded.anew} == {"mlp_head"}
    assert loaded.unused == ()
    state = network.state_dict()
    assert torch.equal(state["v.blocks.11.mlp.fc2.weight"], deit["blocks.11.mlp.fc2.weight"])
    assert torch.equal(state["v.head_dist.weight"], deit["head_dist.weight"])
    assert torch.allclose(state["v.patch_embed.proj.weight"][:, 0], deit["patch_embed.proj.weight"].sum(1))


def test_an_ast_with_one_token_leaves_the_distillation_token_out(deit: dict[str, Tensor], tmp_path: Path) -> None:
    network = build("ast_tiny", n_classes=35, n_frames=128, tokens="class")
    loaded = load_pretrained(network, saved(deit, tmp_path))
    assert loaded.unused == ("v.dist_token", "v.head_dist.bias", "v.head_dist.weight")
    assert network.state_dict()["v.pos_embed"].shape == (1, 145, 192)
    assert torch.equal(network.state_dict()["v.pos_embed"][:, 0], deit["pos_embed"][:, 0])


def test_a_passt_starts_from_a_deit(deit: dict[str, Tensor], tmp_path: Path) -> None:
    network = build("passt", n_classes=10, width=192, heads=3)
    loaded = load_pretrained(network, saved(deit, tmp_path))
    assert {key.split(".")[0] for key in loaded.anew} == {"head", "head_dist"}
    state = network.state_dict()
    assert torch.equal(state["new_pos_embed"], deit["pos_embed"][:, :2])
    assert torch.equal(state["blocks.3.attn.qkv.bias"], deit["blocks.3.attn.qkv.bias"])


@pytest.mark.parametrize(
    ("name", "options", "anew"),
    [
        ("passt", {"width": 48, "depth": 2, "heads": 3}, {f"head{h}.{k}" for h in (".1", "_dist") for k in PARTS[:2]}),
        ("ast_tiny", {"n_frames": 64}, {"mlp_head.1.weight", "mlp_head.1.bias"}),
        ("cp_resnet", {}, {"feed_forward.0.weight", *(f"feed_forward.1.{k}" for k in PARTS)}),
        ("hybrid_b0", {}, {f"attention.{a}.{i}.{k}" for a in ("att", "cla") for i in range(4) for k in PARTS[:2]}),
        ("cnn_2022", {}, {"classifier.3.weight", "classifier.3.bias"}),
    ],
)  # fmt: skip
def test_another_class_count_renews_the_head_alone(
    name: str, options: dict[str, Any], anew: set[str], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    audioset = build(name, n_classes=20, **options)
    torch.manual_seed(1)
    network = build(name, n_classes=4, **options)
    fresh = {key: value.clone() for key, value in network.state_dict().items()}
    loaded = load_pretrained(network, saved(audioset.state_dict(), tmp_path))
    assert set(loaded.anew) == anew
    for key, value in network.state_dict().items():
        expected = fresh[key] if key in anew else audioset.state_dict()[key]
        assert torch.equal(value, expected), key


def test_strict_loading_of_another_class_count_names_both(tmp_path: Path) -> None:
    path = saved(build("cp_resnet", n_classes=20).state_dict(), tmp_path)
    with pytest.raises(Mistake, match="for 20 classes, this network has 10") as caught:
        load_weights(build("cp_resnet"), path)
    assert "load_pretrained" in caught.value.remedy


def test_longer_clips_stretch_the_positions_of_an_audioset_ast(tmp_path: Path) -> None:
    audioset = build("ast_tiny", n_classes=20, n_frames=128)
    network = build("ast_tiny", n_classes=20, n_frames=256)
    assert load_pretrained(network, saved(audioset.state_dict(), tmp_path)).anew == ()
    assert network.state_dict()["v.pos_embed"].shape == (1, 12 * 25 + 2, 192)
    assert torch.equal(network.state_dict()["v.pos_embed"][:, :2], audioset.state_dict()["v.pos_embed"][:, :2])


@pytest.mark.parametrize("stem", ["sum", "mean", "new"])
def test_three_colours_become_one_as_asked(stem: Any, tmp_path: Path) -> None:
    colours = {
        **build("efficientnet_b0", n_classes=3).effnet.state_dict(),
        "_conv_stem.weight": torch.randn(32, 3, 3, 3),
    }  # type: ignore[operator, union-attr]
    network = build("efficientnet_b0", n_classes=3)
    before = network.state_dict()["effnet._conv_stem.weight"].clone()
    loaded = load_pretrained(network, saved(colours, tmp_path), stem=stem)
    expected = {
        "sum": colours["_conv_stem.weight"].sum(1, keepdim=True),
        "mean": colours["_conv_stem.weight"].mean(1, keepdim=True),
        "new": before,
    }[stem]
    assert torch.allclose(network.state_dict()["effnet._conv_stem.weight"], expected)
    assert ("effnet._conv_stem.weight" in loaded.anew) == (stem == "new")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: {k: v for k, v in state.items() if k != "blocks.1.norm1.bias"}, "blocks.1.norm1.bias first"),
        (lambda state: state | {"blocks.7.norm1.bias": torch.zeros(48)}, "too many, blocks.7.norm1.bias first"),
        (lambda state: state | {"norm.bias": torch.zeros(3)}, "norm.bias is (3,) and not (48,)"),
    ],
)
def test_what_adaptation_cannot_mend_is_refused_and_nothing_is_loaded(change: Any, words: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {"width": 48, "depth": 2, "heads": 3}
    network: Network = build("passt", n_classes=10, **options)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with pytest.raises(Mistake) as caught:
        load_pretrained(network, saved(change(build("passt", n_classes=20, **options).state_dict()), tmp_path))
    assert caught.value.rule == "checkpoint.misfit"
    assert words in caught.value.problem
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
