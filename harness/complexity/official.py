"""The organisers' own figures, and those of a network whose batch normalisation is folded away."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import torch
import torchinfo
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse

from harness.complexity.eager import uncompiled
from harness.results import Folded

Features = Any  # what the frontend gives: a tensor, or a nest of them


def mult_adds(classifier: nn.Module, features: Features) -> tuple[int, int]:
    """(multiply-adds, parameters) by torchinfo of a float32 copy of the network, for features of one clip.

    The 2022 to 2024 editions call it through NeSsi's torch path, 2025 on a deep copy cast to float32: the same figure
    where the network can be cast.
    """
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchinfo uses an interface of torch that is deprecated
        network = copy.deepcopy(classifier).float()
        with uncompiled(network):
            summary = torchinfo.summary(network, input_data=features, verbose=0, device=_device(features))
    return int(summary.total_mult_adds), int(summary.total_params)


def folded(network: nn.Module, features: object) -> Folded | None:
    """What the network would count after folding; None where torch.fx cannot follow it or there is nothing to fold."""
    if not any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in network.modules()):
        return None
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fused = fuse(copy.deepcopy(network).float().eval())
            macs, parameters = mult_adds(fused, features)
    except Exception:  # noqa: BLE001 - a courtesy figure: whatever torch.fx cannot follow has none
        return None
    return Folded(parameters=parameters, official_macs=macs)


def _device(features: object) -> torch.device:
    tensors = [value for value in _leaves(features) if isinstance(value, Tensor)]
    return tensors[0].device if tensors else torch.device("cpu")


_leaves: Callable[[object], list[object]] = torch.utils._pytree.tree_leaves
