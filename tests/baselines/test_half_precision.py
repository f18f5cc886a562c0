"""Weights of 16 bit, computed with at 32 bit on a processor."""

from __future__ import annotations

import copy

import torch
from torch import nn

from baselines import half_precision
from baselines.models import build


def test_a_processor_computes_at_32_bit_with_the_rounded_weights() -> None:
    torch.manual_seed(0)
    network = build("cp_mobile_2024").half().eval()
    features = torch.randn(2, 1, 256, 65)
    with torch.no_grad():
        found = half_precision.logits(network, features)
        expected = copy.deepcopy(network).float()(features)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


def test_the_network_keeps_its_16_bit_weights() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.Identity()).half().eval()
    held = {name: (value.data_ptr(), value.clone()) for name, value in network.state_dict().items()}
    half_precision.logits(network, torch.randn(1, 1, 3, 3))
    for name, value in network.state_dict().items():
        assert value.data_ptr() == held[name][0]
        assert torch.equal(value, held[name][1])
