"""Every network gives the same logits in every way it is run: folded, in bfloat16, compiled, exported, channels last.

Networks are stand-ins with fewer blocks, of the same code: tracing the whole ones takes minutes. The whole ones folded
are compared with the published outputs in `test_golden.py`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import DenseNet

from baselines.models import build, densenet, efficientnet
from baselines.models.ast import AST
from baselines.models.network import Network
from baselines.models.passt import PaSST
from tests.baselines.models.golden import procedural, relative, shapes

CLASSES = 5


STAGES = ((3, 1, 1, 1, 8), (5, 2, 2, 6, 16), (3, 1, 2, 6, 24))
"""A shorter table of EfficientNet's stages: both kernels, with and without shortcut, expansion and stride."""

BLOCKS = (2, 1, 2, 1)
"""Layers of a shorter DenseNet's four blocks."""


def shallow_densenet(num_classes: int) -> DenseNet:
    return DenseNet(32, BLOCKS, 64, num_classes=num_classes)


@dataclass(frozen=True)
class Case:
    """A network of the catalogue, the features it is fed, the parameters that no forward pass reads.

    `own_norms` are batch norms that no convolution stands before.
    """

    name: str
    shape: tuple[int, int]
    options: Mapping[str, object] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    own_norms: int = 0

    def build(self) -> Network:
        mels, frames = self.shape
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(efficientnet, "STAGES", STAGES)
            patch.setattr(densenet, "densenet121", shallow_densenet)
            network = build(self.name, **{"n_classes": CLASSES, "n_mels": mels, "n_frames": frames, **self.options})
        if isinstance(network, AST):
            network.v.blocks = network.v.blocks[:2]
        return network


IMAGENET = ("v.head.weight", "v.head.bias")
BOTH_IMAGENET = (*IMAGENET, "v.head_dist.weight", "v.head_dist.bias")
NARROW = {"width": 48, "depth": 2, "heads": 3, "s_patchout_f": 2, "s_patchout_t": 1, "u_patchout": 3}


def dense_norms(blocks: tuple[int, ...]) -> int:
    """Batch norms of a DenseNet that read a concatenation: one a layer, one a transition, the last."""
    return sum(blocks) + len(blocks) - 1 + 1


CASES = {
    "cp_mobile": Case("cp_mobile", (64, 32)),
    "cp_mobile_2024": Case("cp_mobile_2024", (64, 33)),
    "cp_resnet": Case("cp_resnet", (64, 16)),
    "passt": Case("passt", (64, 60), NARROW, ("head_dist.weight", "head_dist.bias")),
    "ast": Case("ast_tiny", (64, 48), {}, BOTH_IMAGENET),
    "ast, class token": Case("ast_tiny", (64, 48), {"tokens": "class"}, IMAGENET),
    "ast, two heads": Case("ast_tiny", (64, 48), {"distillation_head": True}, BOTH_IMAGENET),
    "efficientnet": Case("efficientnet_b0", (64, 96)),
    "efficientnet lite, psla": Case("efficientnet_lite0", (64, 96), {"pooling": "psla"}),
    "hybrid": Case("hybrid_b0", (64, 96)),
    "hybrid, psla": Case("hybrid_b0", (64, 96), {"pooling": "psla"}),
    "densenet": Case("densenet121", (64, 48), own_norms=dense_norms(BLOCKS)),
    "densenet, psla": Case("densenet121", (64, 96), {"pooling": "psla"}, own_norms=dense_norms(BLOCKS)),
    "cnn_2022": Case("cnn_2022", (40, 51)),
}


UNTRACED = {"cp_mobile_2024", "ast", "efficientnet", "hybrid", "densenet"}
"""Tracing takes seconds, and these have no layers that none of the others has."""

TRACED = [name for name in CASES if name not in UNTRACED]


@dataclass(frozen=True)
class Live:
    """A network in evaluation mode none of whose parts is trivial, features, and what it makes of them."""

    case: Case
    network: Network
    x: Tensor
    expected: Tensor


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def enliven(network: Network, x: Tensor) -> None:
    """Weights from their names; batch norms see about what they stand for, perturbed so that none does nothing."""
    network.load_state_dict(network.state_dict() | procedural(shapes(network.state_dict())))
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    torch.manual_seed(0)
    network.train()(x)
    for number, (norm, momentum) in enumerate(zip(norms, momenta, strict=True)):
        norm.momentum = momentum
        assert norm.running_mean is not None
        assert norm.running_var is not None
        shift = 0.2 * noise(norm.num_features, seed=number)
        norm.running_mean += shift * norm.running_var.sqrt()
        norm.running_var *= 1 + shift.abs()
    network.eval()


@pytest.fixture(scope="module", params=list(CASES))
def live(request: pytest.FixtureRequest) -> Iterator[Live]:
    case = CASES[request.param]
    network, x = case.build(), noise(4, 1, *case.shape) * torch.tensor([0.3, 1, 2, 4])[:, None, None, None]
    enliven(network, x)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with torch.no_grad():
        expected = network(x)
    yield Live(case, network, x, expected)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_the_clips_of_these_tests_are_told_apart(live: Live) -> None:
    """Without this, the tests below could not fail."""
    spread = (live.expected - live.expected.mean(0)).abs().max() / live.expected.abs().max()
    assert live.expected.isfinite().all()
    assert float(spread) > 0.02


@torch.no_grad()
def test_bfloat16_autocast_is_close(live: Live) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = live.network(live.x)
    assert found.isfinite().all()
    assert relative(found.float(), live.expected) < 0.08
    assert not torch.equal(found.float(), live.expected)


@torch.no_grad()
def test_channels_last_is_the_same(live: Live) -> None:
    network = copy.deepcopy(live.network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    assert relative(network(live.x.to(memory_format=torch.channels_last)), live.expected) < 1e-5


# For inference


def fed_by_convolutions(network: nn.Module, x: Tensor) -> tuple[list[str], list[str]]:
    """Names of the batch norms whose input a convolution gave, and of all that ran."""
    made: list[Tensor] = []
    fed: list[str] = []
    ran: list[str] = []

    def watch(name: str, module: nn.Module) -> None:
        if isinstance(module, nn.Conv2d):
            handles.append(module.register_forward_hook(lambda _m, _i, output: made.append(output)))
        elif isinstance(module, nn.BatchNorm2d):
            handles.append(module.register_forward_pre_hook(lambda _m, inputs: note(name, inputs[0])))

    def note(name: str, read: Tensor) -> None:
        ran.append(name)
        if any(read is output for output in made):
            fed.append(name)

    handles: list[torch.utils.hooks.RemovableHandle] = []
    for name, module in network.named_modules():
        watch(name, module)
    with torch.no_grad():
        network(x)
    for handle in handles:
        handle.remove()
    return fed, ran


def test_the_copy_for_inference_gives_the_same_logits_and_has_no_norm_to_fold(live: Live) -> None:
    fed, ran = fed_by_convolutions(live.network, live.x)
    assert len(ran) - len(fed) == live.case.own_norms
    found = live.network.for_inference()
    assert fed_by_convolutions(found, live.x)[0] == []
    left = [module for module in found.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(left) == live.case.own_norms
    with torch.no_grad():
        assert relative(found(live.x), live.expected) < 1e-5
        assert relative(live.network.for_inference(channels_last=False)(live.x), live.expected) < 1e-5
    assert not found.training
    assert not any(parameter.requires_grad for parameter in found.parameters())


@pytest.mark.parametrize("live", ["cp_mobile", "densenet"], indirect=True)
def test_every_part_of_the_copy_is_in_evaluation_mode(live: Live) -> None:
    assert [name for name, module in live.network.for_inference().named_modules() if module.training] == []


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("efficientnet_b0", 0),
        ("efficientnet_b2", 0),
        ("efficientnet_lite0", 0),
        ("hybrid_b0", 0),
        ("densenet121", dense_norms((6, 12, 24, 16))),
    ],
)
def test_of_the_whole_networks_no_norm_is_forgotten(name: str, left: int) -> None:
    network = build(name, n_classes=CLASSES).for_inference()
    assert sum(isinstance(module, nn.BatchNorm2d) for module in network.modules()) == left


def test_the_network_behind_a_copy_for_inference_stays_as_it_is(live: Live) -> None:
    network = copy.deepcopy(live.network).train()
    frozen = next(iter(network.parameters())).requires_grad_(requires_grad=False)
    modules = [(name, type(module)) for name, module in network.named_modules()]
    strides = [parameter.stride() for parameter in network.parameters()]
    found = network.for_inference(torch.bfloat16)
    with torch.no_grad():
        found(live.x)
    assert [(name, type(module)) for name, module in network.named_modules()] == modules
    assert [parameter.stride() for parameter in network.parameters()] == strides
    assert all(module.training for module in network.modules())
    assert all(parameter.requires_grad == (parameter is not frozen) for parameter in network.parameters())
    assert all(torch.equal(value, live.network.state_dict()[key]) for key, value in network.state_dict().items())
    assert not network._forward_hooks
    assert not network._forward_pre_hooks
    own = {value.data_ptr() for value in network.state_dict().values()}
    assert own.isdisjoint(value.data_ptr() for value in found.state_dict().values())


@torch.no_grad()
def test_the_copy_in_bfloat16_takes_and_gives_single_precision(live: Live) -> None:
    found = live.network.for_inference(torch.bfloat16)
    assert {value.dtype for value in found.parameters()} == {torch.bfloat16}
    for dtype in (torch.float32, torch.bfloat16):
        logits = found(live.x.to(dtype))
        assert logits.dtype == torch.float32
        assert logits.isfinite().all()
        assert relative(logits, live.expected) < 0.1


@torch.no_grad()
def test_the_copy_takes_features_of_any_floating_dtype() -> None:
    """So says the docstring of `for_inference`, for every dtype that the copy computes in."""
    case = CASES["cp_mobile"]
    network, x = case.build(), noise(2, 1, *case.shape)
    enliven(network, x)
    for inside in (torch.float32, torch.bfloat16, torch.float64):
        for outside in (torch.float32, torch.float64, torch.bfloat16):
            found = network.for_inference(inside)(x.to(outside))
            assert found.dtype == torch.float32
            assert relative(found, network(x)) < 0.1


@torch.no_grad()
@pytest.mark.parametrize("live", ["cp_mobile", "cp_resnet", "passt"], indirect=True)
def test_a_copy_of_a_copy_for_inference_is_the_same_again(live: Live) -> None:
    found = live.network.for_inference().for_inference()
    assert relative(found(live.x), live.expected) < 1e-5


@torch.no_grad()
@pytest.mark.parametrize("method", ["embed", "heads"])
def test_other_outputs_of_a_copy_in_bfloat16_are_of_that_precision(method: str) -> None:
    """The dtype is converted where the copy is called; `embed` and `heads` stay in it."""
    case = CASES["ast, two heads"]
    network, x = case.build().eval(), noise(2, 1, *case.shape)
    found = getattr(network.for_inference(torch.bfloat16), method)(x.bfloat16())
    for one, expected in zip(found, getattr(network, method)(x), strict=True):
        assert one.dtype == torch.bfloat16
        assert relative(one.float(), expected) < 0.1


# Compiled and exported


def gradients(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.grad for name, value in network.named_parameters() if value.grad is not None}


def train_once(network: nn.Module, call: nn.Module, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Logits and gradients of one step from the same random numbers."""
    network.zero_grad(set_to_none=True)
    torch.manual_seed(3)
    logits = call(x)
    logits.square().mean().backward()
    return logits.detach(), gradients(network)


@pytest.mark.parametrize("live", TRACED, indirect=True)
def test_a_compiled_network_is_one_graph_and_the_same_in_evaluation_and_in_training(live: Live) -> None:
    torch._dynamo.reset()
    network = copy.deepcopy(live.network)
    compiled = torch.compile(network, backend="eager", fullgraph=True)
    with torch.no_grad():
        assert relative(compiled(live.x), live.expected) < 1e-5
    network.train()
    state = copy.deepcopy(network.state_dict())
    expected, slopes = train_once(network, network, live.x)
    network.load_state_dict(state)  # running statistics as they were
    found, compiled_slopes = train_once(network, compiled, live.x)
    assert relative(found, expected) < 1e-5
    assert set(compiled_slopes) == set(slopes)
    for name, slope in slopes.items():
        assert torch.allclose(compiled_slopes[name], slope, rtol=1e-3, atol=1e-4 * float(slope.abs().max()) + 1e-7), (
            name
        )


@torch.no_grad()
@pytest.mark.parametrize("live", TRACED, indirect=True)
def test_an_exported_network_takes_batches_of_any_size(live: Live) -> None:
    program = torch.export.export(live.network, (live.x[:2],), dynamic_shapes=({0: torch.export.Dim("batch")},))
    exported = program.module()
    assert relative(exported(live.x), live.expected) < 1e-5
    assert relative(exported(live.x[:3]), live.expected[:3]) < 1e-5


# Gradients


def test_gradients_reach_what_a_forward_pass_reads_and_nothing_else(live: Live) -> None:
    network = copy.deepcopy(live.network)
    network(live.x).square().sum().backward()
    found = gradients(network)
    assert set(dict(network.named_parameters())) - set(found) == set(live.case.unused)
    for name, slope in found.items():
        assert slope.isfinite().all()
        assert slope.abs().max() > 0, name


def test_training_reaches_the_same_parameters(live: Live) -> None:
    network = copy.deepcopy(live.network).train()
    torch.manual_seed(0)
    network(live.x).square().sum().backward()
    assert set(dict(network.named_parameters())) - set(gradients(network)) == set(live.case.unused)
    assert all(slope.isfinite().all() for slope in gradients(network).values())


def test_patchout_in_training_is_another_pass_and_as_many_tokens_less() -> None:
    """That the training pass above is not the one of evaluation."""
    case = CASES["passt"]
    network, x = case.build(), noise(2, 1, *case.shape)
    assert isinstance(network, PaSST)
    enliven(network, x)
    draws = network.draw(x)
    assert draws.tokens is not None
    assert len(draws.tokens) == (5 - 2) * (5 - 1) - 3
    with torch.no_grad():
        assert relative(network.train()(x), network.eval()(x)) > 1e-3
