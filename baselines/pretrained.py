"""Weights from files: whatever training framework wrote them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from harness.contract import Mistake

PREFIXES = ("model.", "module.", "net.")
"""What Lightning, DataParallel and wrappers put before every key."""


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a `.safetensors`, `.pt`, `.pth` or Lightning `.ckpt` file, without the wrapper's prefix.

    Nothing in the file is run. Raises `Mistake` where it cannot be read.
    """
    try:
        content: Any = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001 - the readers raise a dozen kinds; each means the same to a person
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        problem = f"The checkpoint {path} cannot be read: {reason}."
        raise Mistake("checkpoint.unreadable", problem, "Give a .safetensors, .pt or .ckpt file of weights.") from None
    state = content.get("state_dict", content)
    return _without_prefix({key: value for key, value in state.items() if isinstance(value, Tensor)})


def load_weights(network: nn.Module, path: Path) -> None:
    """Puts the weights of a file into `network`; every key and shape must fit, or it is a `Mistake`."""
    try:
        network.load_state_dict(read_weights(path), strict=True)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:3]]
        problem = f"The checkpoint {path} does not fit the network: {' '.join(lines)}"
        raise Mistake("checkpoint.misfit", problem, "Use the checkpoint of this configuration.") from None


def _without_prefix(state: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in PREFIXES:
        if state and all(key.startswith(prefix) for key in state):
            return {key.removeprefix(prefix): value for key, value in state.items()}
    return state
