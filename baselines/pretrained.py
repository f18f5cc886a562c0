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
    """The tensors of a `.safetensors`, `.pt`, `.pth` or Lightning `.ckpt` file, without the prefix of a wrapper.

    Nothing in the file is run. Raises `Mistake` where it cannot be read or holds no weights.
    """
    return _without_prefix(_read(path))


def _read(path: Path) -> dict[str, Tensor]:
    """The tensors of a file under the keys they have there."""
    remedy = "Give a .safetensors, .pt or .ckpt file of weights."
    try:
        content: Any = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001 - the readers raise a dozen kinds; each means the same to a person
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        problem = f"The checkpoint {path} cannot be read: {reason}."
        raise Mistake("checkpoint.unreadable", problem, remedy) from None
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(state, dict):
        raise Mistake("checkpoint.unreadable", f"The checkpoint {path} holds no state dict.", remedy)
    return {key: value for key, value in state.items() if isinstance(value, Tensor)}


def load_weights(network: nn.Module, path: Path) -> None:
    """Puts the weights of a file into `network`; every key and shape must fit, or it is a `Mistake`.

    Where every key begins with the prefix of a wrapper, and the network's own keys do not, the prefix is taken away.
    """
    state = _read(path)
    if state.keys() != network.state_dict().keys():
        state = _without_prefix(state)
    try:
        network.load_state_dict(state, strict=True)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:3]]
        problem = f"The checkpoint {path} does not fit the network: {' '.join(lines)}"
        raise Mistake("checkpoint.misfit", problem, "Use the checkpoint of this configuration.") from None


def _without_prefix(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors without the prefix of a wrapper, where every key has it."""
    for prefix in PREFIXES:
        if state and all(key.startswith(prefix) for key in state):
            return {key.removeprefix(prefix): value for key, value in state.items()}
    return state
