"""8-bit networks: rounding against torch's own, what is held in the end, and what the referee counts."""

from __future__ import annotations

import copy
import io

import pytest
import torch
from torch import Tensor, nn

from baselines.models import build
from baselines.quantisation import (
    RoundedLayer,
    activation_step,
    at_8_bit,
    byte_layer,
    calibrated,
    freeze,
    quantisable,
    weight_scale,
)
from tests.harness.complexity.probes import count


def trained(name: str, shape: tuple[int, ...]) -> tuple[nn.Module, Tensor]:
    """A network whose batch norms have seen something, and features."""
    torch.manual_seed(0)
    network = build(name, n_classes=10).train()
    for _ in range(5):
        network(torch.randn(shape))
    return network.eval(), torch.randn(shape)


def watched(network: nn.Module, x: Tensor, *, per_channel: bool = True) -> nn.Module:
    """The rounded network after it saw the range of its activations."""
    prepared = quantisable(network, per_channel=per_channel)
    with torch.no_grad():
        for _ in range(3):
            for module in prepared.modules():
                module.training = isinstance(module, RoundedLayer)
            prepared(x)
    return prepared.eval()


def test_calibration_sees_what_the_network_sees_when_it_is_tested() -> None:
    """Ranges of one batch are its least and largest activations, without dropout; weights stay."""
    network, x = trained("cnn_2022", (4, 1, 40, 51))
    before = copy.deepcopy(network.state_dict())
    prepared = calibrated(network, [x])
    layers = {name: module for name, module in prepared.named_modules() if isinstance(module, RoundedLayer)}
    first = next(iter(layers.values()))
    assert (float(first.low), float(first.high)) == (float(x.min()), float(x.max()))
    assert torch.equal(prepared(x), watched(network, x)(x))
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert not any(module.training for module in prepared.modules())
    more = calibrated(network, [x, 3 * x])
    assert float(next(module for module in more.modules() if isinstance(module, RoundedLayer)).high) > float(x.max())


NETWORKS = [("cp_mobile", (4, 1, 256, 64)), ("cp_mobile_2024", (4, 1, 256, 65)), ("cnn_2022", (4, 1, 40, 51))]


@pytest.mark.parametrize(("name", "shape"), NETWORKS)
def test_eight_bits_cost_a_little_accuracy_of_the_logits(name: str, shape: tuple[int, ...]) -> None:
    network, x = trained(name, shape)
    with torch.no_grad():
        logits, found = network(x), at_8_bit(watched(network, x))(x)
    error = (found - logits).norm() / logits.norm()
    assert 1e-6 < error < 0.05


@pytest.mark.parametrize(("name", "shape"), NETWORKS)
def test_the_network_that_is_tested_is_the_one_that_was_trained(name: str, shape: tuple[int, ...]) -> None:
    """Up to scales and biases at 16 bit, and activations that fall on the other side of a rounding."""
    network, x = trained(name, shape)
    prepared = watched(network, x)
    with torch.no_grad():
        rounded, found = prepared(x), at_8_bit(prepared, torch.float32)(x)
    assert (found - rounded).norm() / rounded.norm() < 0.02


def test_a_layer_is_rounded_as_torch_s_integers_are() -> None:
    """Oracle: torch.quantize_per_tensor and per_channel, and a product of their integers."""
    torch.manual_seed(1)
    layer, x = nn.Linear(6, 5), torch.randn(7, 6) * 2 + 0.3
    rounded = RoundedLayer(layer, per_channel=True).train()
    with torch.no_grad():
        found = rounded(x)
    step, zero = (float(value) for value in activation_step(x.min(), x.max()))
    inputs = torch.quantize_per_tensor(x, step, int(zero), torch.quint8).int_repr().long() - int(zero)
    scale = layer.weight.detach().abs().amax(1) / 127
    weights = (layer.weight.detach() / scale[:, None]).round().long()
    exact = (inputs @ weights.T).double() * step * scale.double() + layer.bias.detach().double()
    assert torch.allclose(found.double(), exact, atol=1e-5)
    with torch.no_grad():
        byte = byte_layer(rounded.eval(), torch.float32)(x)
    assert torch.allclose(byte.double(), exact, atol=1e-5)


def test_gradients_pass_as_if_nothing_were_rounded() -> None:
    layer, x = nn.Linear(4, 3), torch.randn(9, 4, requires_grad=True)
    rounded = RoundedLayer(copy.deepcopy(layer), per_channel=True).train()
    rounded(x).sum().backward()
    assert x.grad is not None
    assert torch.allclose(x.grad, layer.weight.detach().sum(0).expand(9, 4), atol=0.02)


def test_ranges_are_moving_means_until_they_are_frozen() -> None:
    rounded = RoundedLayer(nn.Linear(2, 2), per_channel=True).train()
    rounded(torch.tensor([[-1.0, 3.0]]))
    assert (float(rounded.low), float(rounded.high)) == (-1.0, 3.0)
    rounded(torch.tensor([[-2.0, 13.0]]))
    assert (float(rounded.low), float(rounded.high)) == pytest.approx((-1.01, 3.1))
    freeze(rounded)
    rounded(torch.tensor([[-50.0, 50.0]]))
    assert float(rounded.high) == pytest.approx(3.1)
    rounded.frozen = False
    rounded.eval()(torch.tensor([[-50.0, 50.0]]))
    assert float(rounded.high) == pytest.approx(3.1)


@pytest.mark.parametrize(("low", "high"), [(-1.0, 3.0), (0.5, 2.0), (-3.0, -1.0), (0.0, 0.0)])
def test_zero_stays_zero(low: float, high: float) -> None:
    step, zero = activation_step(torch.tensor(low), torch.tensor(high))
    assert float(zero) == int(zero)
    assert 0 <= float(zero) <= 255
    assert torch.isfinite(step)


def test_a_channel_of_zeros_and_one_scale_for_all() -> None:
    weight = torch.tensor([[0.0, 0.0], [2.54, -1.27]])
    assert weight_scale(weight, per_channel=True).tolist() == pytest.approx([1e-8 / 127, 0.02])
    assert weight_scale(weight, per_channel=False).tolist() == pytest.approx([0.02, 0.02])


@pytest.mark.parametrize(("per_channel", "held"), [(True, 131_336), (False, 127_198)])
def test_the_referee_counts_the_bytes_that_are_held_and_no_more_macs(per_channel: bool, held: int) -> None:
    """CP-Mobile of 2023: below 128,000 bytes with one scale a layer. The network at 32 bit is the oracle of MACs."""
    network, x = trained("cp_mobile", (2, 1, 256, 64))
    found = count(at_8_bit(watched(network, x, per_channel=per_channel)), 1, 256, 64)
    assert found.parameter_bytes == held
    assert found.macs == count(network, 1, 256, 64).macs
    assert found.bytes_by_dtype["int8"] > 120_000
    assert (found.parameters, found.official_macs) == (124_862, 29_561_088)  # facts, section 1.4: folded, 64 frames


def test_an_8_bit_network_is_saved_and_loaded() -> None:
    network, x = trained("cp_mobile_2024", (2, 1, 256, 65))
    byte = at_8_bit(watched(network, x))
    buffer = io.BytesIO()
    torch.save(byte, buffer)
    buffer.seek(0)
    with torch.no_grad():
        assert torch.equal(torch.load(buffer, weights_only=False)(x), byte(x))
    assert buffer.getbuffer().nbytes < 200_000
