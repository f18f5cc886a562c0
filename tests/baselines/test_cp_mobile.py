"""CP-Mobile against the released network: sizes, names of weights, activations and logits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import Tensor, nn

from baselines.frontends import CP_MOBILE_2023, LogMel
from baselines.models.cp_mobile import SHAPE_2023, SHAPE_2024, CPMobile, ResponseNormalisation, Shape, make_divisible

GOLDEN = {
    "2023": (SHAPE_2023, "cp_mobile_2023/base32"),
    "2024": (SHAPE_2024, "cp_mobile_2024_baseline/base32"),
    "released": (SHAPE_2023, "cp_mobile_2023_ckpt_c0a7nzin/ckpt"),
}

Tensors = Mapping[str, Tensor]


def relative(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.fixture(scope="module", params=list(GOLDEN))
def golden(request: pytest.FixtureRequest, shared: Path) -> tuple[CPMobile, Tensors]:
    """A network with the stored weights, all of them and no others, and the stored tensors."""
    shape, name = GOLDEN[request.param]
    tensors = load_file(shared / "golden" / f"{name}.safetensors")
    network = CPMobile(shape).eval()
    state = {key.removeprefix("sd."): value for key, value in tensors.items() if key.startswith("sd.")}
    network.load_state_dict(state, strict=True)
    return network, tensors


def features(tensors: Tensors) -> Tensor:
    return tensors["in.x"] if "in.x" in tensors else tensors["mid.mel"][:, None]


@torch.no_grad()
def test_logits_are_those_of_the_released_code(golden: tuple[CPMobile, Tensors]) -> None:
    network, tensors = golden
    found = network(features(tensors))
    assert relative(found, tensors["out.logits"]) < 1e-4
    assert relative(found.double(), tensors["out.logits_f64"]) < 1e-4
    if "in.x65" in tensors:
        assert relative(network(tensors["in.x65"]), tensors["out.logits65"]) < 1e-4


@torch.no_grad()
@pytest.mark.parametrize(
    "name",
    [
        "in_c.0",
        "in_c",
        "stages.s1.b1",
        "stages.s1.b2",
        "stages.s1.b3",
        "stages.s2.b4",
        "stages.s3.b6",
        "feed_forward.1",
    ],
)
def test_activations_on_the_way_are_those_of_the_released_code(golden: tuple[CPMobile, Tensors], name: str) -> None:
    network, tensors = golden
    seen: list[Tensor] = []
    handle = network.get_submodule(name).register_forward_hook(lambda _m, _i, output: seen.append(output.clone()))
    network(features(tensors)[:1])
    handle.remove()
    assert seen[0].shape == tensors[f"mid.{name}"].shape
    assert relative(seen[0], tensors[f"mid.{name}"]) < 1e-4


@torch.no_grad()
def test_the_released_checkpoint_behind_our_frontend_gives_the_released_logits(shared: Path) -> None:
    tensors = load_file(shared / "golden/cp_mobile_2023_ckpt_c0a7nzin/ckpt.safetensors")
    network = CPMobile(SHAPE_2023).eval()
    network.load_state_dict({key[3:]: value for key, value in tensors.items() if key.startswith("sd.")}, strict=True)
    found = network(LogMel(CP_MOBILE_2023)(tensors["in.wave32k"]))
    assert relative(found, tensors["out.logits"]) < 1e-3  # frontends are compared at 1e-3
    assert torch.equal(found.argmax(1), tensors["out.logits"].argmax(1))


@pytest.mark.parametrize(("shape", "parameters"), [(SHAPE_2024, 61_148), (SHAPE_2023, 126_952)])
def test_the_networks_have_the_published_sizes(shape: Shape, parameters: int) -> None:
    """facts/dcase.md, 5.2 (2024), and the released checkpoint (2023)."""
    assert sum(parameter.numel() for parameter in CPMobile(shape).parameters()) == parameters


def test_another_number_of_classes_changes_the_head_alone() -> None:
    three = CPMobile(SHAPE_2024, n_classes=3).eval()
    assert three(torch.zeros(2, 1, 256, 65)).shape == (2, 3)
    ten = {name: value.shape for name, value in CPMobile(SHAPE_2024).state_dict().items()}
    other = {name for name, value in three.state_dict().items() if value.shape != ten[name]}
    assert other
    assert {name.split(".")[0] for name in other} == {"feed_forward"}


@torch.no_grad()
def test_a_clip_s_logits_do_not_depend_on_its_batch() -> None:
    network = CPMobile(SHAPE_2024).eval()
    x = torch.randn(3, 1, 256, 65, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(network(x)[1:2], network(x[1:2]), rtol=1e-4, atol=1e-5)


def test_the_first_weights_follow_torch_s_seed() -> None:
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        states.append(CPMobile(SHAPE_2024).state_dict()["in_c.0.0.weight"])
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


@torch.no_grad()
def test_first_weights_have_the_spread_of_he_et_al_by_fan_out() -> None:
    torch.manual_seed(0)
    for module in CPMobile(SHAPE_2024).modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 1000:
            fan_out = module.out_channels * module.kernel_size[0] * module.kernel_size[1]
            assert float(module.weight.std()) == pytest.approx((2 / fan_out) ** 0.5, rel=0.1)
        elif isinstance(module, nn.BatchNorm2d):
            assert (module.weight == 1).all()
            assert (module.bias == 0).all()


@settings(deadline=None)
@given(st.floats(0.1, 100) | st.floats(0.1, 5000), st.sampled_from([1, 2, 4, 8, 16]))
def test_a_divisible_width_is_the_nearest_multiple_and_never_much_less(channels: float, divisor: int) -> None:
    """The rule of MobileNet: the nearest multiple, at least one, and the next one where that is below 90 %."""
    found = make_divisible(channels, divisor)
    assert found % divisor == 0
    assert found >= divisor
    assert found >= 0.9 * channels
    fits = [multiple for multiple in range(divisor, int(channels) + 3 * divisor, divisor) if multiple >= 0.9 * channels]
    assert abs(found - channels) == pytest.approx(min(abs(multiple - channels) for multiple in fits))


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        (32, 32),
        (32 * 1.8, 56),
        (32 * 1.8**2, 104),
        (32 * 2.3, 72),
        (32 * 2.3**2, 168),
        (3, 8),
        (8.8, 8),
        (9, 16),
        (12, 16),
    ],
)
def test_widths_of_the_released_networks(channels: float, expected: int) -> None:
    """Widths of stages 1 to 3 as in the stored activations; below them, edges of the rule."""
    assert make_divisible(channels) == expected


def test_response_normalisation_starts_as_nothing_and_follows_its_formula() -> None:
    module, x = ResponseNormalisation(), torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(module(x), x)
    module.gamma.data.fill_(0.7)
    module.beta.data.fill_(-0.2)
    found = module(x)
    for clip in range(2):
        norms = [float((x[clip, channel] ** 2).sum() ** 0.5) for channel in range(3)]
        for channel in range(3):
            share = norms[channel] / (sum(norms) / 3 + 1e-6)
            expected = 0.7 * x[clip, channel] * share - 0.2 + x[clip, channel]
            assert torch.allclose(found[clip, channel], expected, atol=1e-5)
