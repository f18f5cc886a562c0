"""Networks whose cost is known: every row of the measured tables (facts 5.2 to 5.5), with the true value."""

from __future__ import annotations

import copy
import warnings

import pytest
import torch
import torch.nn.functional as F
import torchinfo
from fvcore.nn import FlopCountAnalysis
from torch import Tensor, nn
from torch.nn.utils import prune

from harness import editions
from harness.complexity.limits import require_within
from harness.complexity.measuring import measure
from harness.outcomes import OverLimit
from tests.harness.complexity import baselines_by_name
from tests.harness.complexity.probes import TASK, count


class First(nn.Module):
    """A module that returns several things, of which the first is taken."""

    def __init__(self, module: nn.Module, *, times: int = 1) -> None:
        super().__init__()
        self.module, self.times = module, times

    def forward(self, x: Tensor) -> Tensor:
        given: Tensor = self.module(*([x] * self.times))[0]
        return given


class Attention(nn.Module):
    """Linear(64, 192) and scaled-dot-product attention of four heads."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(64, 192)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part.unflatten(-1, (4, 16)).transpose(1, 2) for part in self.project(x).chunk(3, -1))
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(-2)


class RawMatrix(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(64, 64))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight


class RawFilter(nn.Module):
    """`F.conv2d` in a class whose name torchinfo does not know."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(16, 8, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, padding=1)


class Thrice(nn.Module):
    """One convolution, called three times."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.conv(self.conv(x)))


PROBES = {
    "convolution": (nn.Conv2d(8, 16, 3, padding=1), (8, 32, 10), 368_640, 373_760),
    "batch norm": (nn.BatchNorm2d(16), (16, 32, 10), 0, 32),
    "linear": (nn.Linear(64, 10), (64,), 640, 650),
    "sequence linear": (nn.Linear(64, 10), (50, 64), 32_000, 650),
    "GRU": (First(nn.GRU(64, 32, batch_first=True)), (50, 64), 460_800, 470_400),
    "multi-head attention": (First(nn.MultiheadAttention(64, 4, batch_first=True), times=3), (50, 64), 1_139_200, 0),
    "linear and attention": (Attention(), (50, 64), 934_400, 12_480),
    "raw matrix": (RawMatrix(), (50, 64), 204_800, 4_096),  # facts: 0, for a module written otherwise
    "functional convolution": (RawFilter(), (8, 32, 10), 368_640, 1_152),
    "one convolution three times": (Thrice(), (8, 16, 16), 442_368, 442_368),
}


@pytest.mark.parametrize("name", PROBES)
def test_a_probe_costs_its_true_value_and_torchinfo_says_what_it_says(name: str) -> None:
    network, shape, macs, official = PROBES[name]
    found = count(network, *shape)
    assert (found.traced_macs, found.metered_macs) == (macs, macs)
    assert (found.macs, found.official_macs) == (macs, official)


def test_six_answers_for_the_official_baseline_and_the_right_one() -> None:
    _, classifier = baselines_by_name.build("dcase2024")
    found = baselines_by_name.measured("dcase2024")
    assert (found.macs, found.traced_macs, found.metered_macs) == (29_416_448, 29_416_448, 29_416_448)
    assert (found.official_macs, found.official_parameters) == (29_419_156, 61_148)
    assert found.official_macs - found.macs == 2_708  # torchinfo adds one for each affine parameter of a norm
    assert (found.parameters, found.parameter_bytes, found.bytes_by_dtype) == (61_148, 122_296, {"float16": 122_296})
    require_within(found, editions.load("dcase2024"))
    network = copy.deepcopy(classifier.network).float().eval()
    assert _fvcore_as_installed(network, (1, 1, 256, 65)) == 31_019_968  # would be refused


def test_the_official_baseline_at_64_frames() -> None:
    _, classifier = baselines_by_name.build("dcase2024")
    network = copy.deepcopy(classifier.network).float()
    assert count(network, 1, 256, 64).official_macs == 26_954_388


def test_what_a_folded_baseline_counts_exceeds_the_limit_by_torchinfo() -> None:
    folded = baselines_by_name.measured("dcase2024").folded
    assert folded is not None
    assert (folded.parameters, folded.official_macs) == (59_794, 30_216_768)
    assert folded.official_macs > editions.load("dcase2024").limits.macs.value


def test_a_network_that_is_folded_costs_the_same_to_this_counter() -> None:
    _, classifier = baselines_by_name.build("dcase2024")
    with torch.no_grad():
        fused = torch.fx.experimental.optimization.fuse(copy.deepcopy(classifier.network).float().eval())
    found = count(fused, 1, 256, 65)
    assert (found.macs, found.parameters, found.official_macs) == (29_416_448, 59_794, 30_216_768)
    with pytest.raises(OverLimit, match="30,216,768 multiply-accumulates a clip by torchinfo"):
        require_within(found, editions.load("dcase2024"))


def test_a_prune_mask_hides_nothing() -> None:
    """torchinfo halves parameters and MACs; zeros count (2022), and the mask is held too until it is removed."""
    layer = nn.Conv2d(8, 8, 3, padding=1, bias=False)
    prune.random_unstructured(layer, "weight", amount=0.5)
    found = count(layer, 8, 16, 16)
    assert (found.macs, found.parameters) == (147_456, 576)
    assert found.official_macs == 73_728
    assert found.parameter_bytes >= 4 * 2 * 576  # weights, mask, and the product that the module keeps
    prune.remove(layer, "weight")
    assert count(layer, 8, 16, 16).parameter_bytes == 4 * 576


def test_the_mode_and_the_batch_of_the_caller_do_not_matter() -> None:
    """fvcore as installed gives 33,420,928 for a network left in training mode."""
    entry, classifier = baselines_by_name.build("dcase2024")
    classifier.train()
    assert measure(entry, classifier, TASK).complexity.macs == 29_416_448


class Quantisable(nn.Module):
    """A convolution with ReLU and a linear layer between the stubs of eager-mode quantisation."""

    def __init__(self) -> None:
        super().__init__()
        self.quant, self.dequant = torch.ao.quantization.QuantStub(), torch.ao.quantization.DeQuantStub()
        self.conv, self.relu, self.linear = nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Linear(144, 10)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.dequant(self.linear(self.relu(self.conv(self.quant(x))).flatten(1)))
        return logits


def quantised(engine: str = "x86") -> nn.Module:
    """The same with packed 8-bit weights."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = Quantisable().eval()
        network.qconfig = torch.ao.quantization.get_default_qconfig(engine)
        fused = torch.ao.quantization.fuse_modules(network, [["conv", "relu"]])
        prepared = torch.ao.quantization.prepare(fused)
        prepared(torch.randn(4, 1, 8, 8))
        return torch.ao.quantization.convert(prepared)


def test_a_statically_quantised_network_holds_bytes_and_costs_macs() -> None:
    """The organisers' functions say 0 bytes, 0 parameters and 0 MACs."""
    found = count(quantised(), 1, 8, 8)
    weights, biases, channels = 36 + 1440, 4 + 10, 4 + 10
    assert found.macs == 36 * 36 + 1440
    assert found.parameters == weights + biases
    assert found.bytes_by_dtype["qint8"] == weights + channels * 5  # a float32 scale and a zero point a channel
    assert found.bytes_by_role["packed"] == weights + channels * 5 + 4 * biases
    assert found.official_macs == 0


def test_a_dynamically_quantised_network_holds_bytes_and_costs_macs() -> None:
    plain = nn.Sequential(First(nn.GRU(64, 32, batch_first=True)), nn.Linear(32, 10))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = torch.ao.quantization.quantize_dynamic(plain, {nn.Linear, nn.GRU}, dtype=torch.qint8)
    found = count(network, 50, 64)
    assert found.macs == 460_800 + 50 * 320
    assert found.bytes_by_dtype["qint8"] >= 9_216 + 320


def test_weights_of_8_bit_in_buffers_are_bytes() -> None:
    class Buffered(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("weight", torch.randint(-128, 127, (10, 100), dtype=torch.int8))

        def forward(self, x: Tensor) -> Tensor:
            return F.linear(x, self.get_buffer("weight").float() / 128)

    found = count(Buffered(), 100)
    assert (found.parameter_bytes, found.bytes_by_dtype, found.macs) == (1_000, {"int8": 1_000}, 1_000)


def test_a_parameter_of_8_bit_is_a_byte_a_number() -> None:
    network = nn.Linear(10, 10, bias=False)
    network.weight = nn.Parameter(torch.zeros(100, 10, dtype=torch.int8), requires_grad=False)

    class Cast(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network

        def forward(self, x: Tensor) -> Tensor:
            return F.linear(x, self.inner.weight.float())

    assert count(Cast(), 10).parameter_bytes == 1_000


def test_a_network_of_16_bit_is_two_bytes_a_parameter() -> None:
    network = nn.Sequential(nn.Linear(100, 20), nn.Linear(20, 10)).to(torch.bfloat16)

    class Wide(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network

        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = self.inner(x.to(self.inner[0].weight.dtype)).float()
            return logits

    found = count(Wide(), 100)
    assert found.bytes_by_dtype == {"bfloat16": 2 * found.parameters}


def _fvcore_as_installed(network: nn.Module, shape: tuple[int, ...]) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        analysis = FlopCountAnalysis(network, torch.randn(shape))
        return int(analysis.unsupported_ops_warnings(enabled=False).total())


def test_torchinfo_is_the_version_the_organisers_used() -> None:
    assert torchinfo.__version__ == "1.8.0"
