"""Weights held at 16 bit at test time, as in the challenge: 61,148 parameters are 122,296 bytes."""

from __future__ import annotations

import copy

from torch import Tensor, nn


def logits(network: nn.Module, features: Tensor) -> Tensor:
    """Float32 logits (batch, classes) of a network whose parameters are float16.

    An accelerator computes at 16 bit. A CPU computes at 32 bit with the same 16-bit weights, which is ten times faster
    there and differs by the rounding of activations only; the 32-bit copy lives as long as the call.
    """
    if features.device.type != "cpu":
        return network(features.half()).float()  # type: ignore[no-any-return]
    return copy.deepcopy(network).float()(features)  # type: ignore[no-any-return]
