"""Weights from files, whatever training framework wrote them; nothing in a file is ever run."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from harness.contract import Mistake

State = dict[str, Tensor]

PREFIXES = ("model.", "module.", "net.")
"""What Lightning, DataParallel and wrappers put before every key."""

KINDS = (".safetensors", ".pt", ".pth", ".ckpt")
REMEDY = f"Give a file of weights: {', '.join(KINDS)}."


def read_weights(path: Path) -> State:
    """The tensors of a `.safetensors`, `.pt`, `.pth` or Lightning `.ckpt` file, without the prefix of a wrapper.

    Raises `Mistake` where it cannot be read, holds no weights or would run code.
    """
    return without_prefixes(read_tensors(path))


def read_tensors(path: Path) -> State:
    """The tensors of a file under the keys they have there."""
    try:
        content: Any = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "Unsupported global" not in str(error) and "Unsupported class" not in str(error):
            raise _unreadable(path, error) from None
        problem = f"The checkpoint {path} holds more than tensors and would run code when it is opened."
        remedy = "Save its state dict alone, best as .safetensors."
        raise Mistake("checkpoint.unsafe", problem, remedy) from None
    except Exception as error:  # noqa: BLE001 - the readers raise a dozen kinds; each means the same to a person
        raise _unreadable(path, error) from None
    state = content.get("state_dict", content.get("model", content)) if isinstance(content, dict) else None
    tensors = (
        {key: value for key, value in state.items() if isinstance(value, Tensor)} if isinstance(state, dict) else {}
    )
    if not tensors:
        raise Mistake("checkpoint.unreadable", f"The checkpoint {path} holds no state dict.", REMEDY)
    return tensors


def without_prefixes(state: State) -> State:
    """The same tensors without the prefixes of wrappers, where every key has them."""
    for prefix in PREFIXES:
        if state and all(key.startswith(prefix) for key in state):
            return without_prefixes({key.removeprefix(prefix): value for key, value in state.items()})
    return state


def under_prefix(state: State, keys: set[str]) -> State | None:
    """The tensors whose keys, after the prefix of a wrapper, are exactly `keys`; None where there are no such.

    A training module may hold teachers beside its model: only the model's weights are wanted.
    """
    for prefix in ("", *PREFIXES, *(outer + inner for outer in PREFIXES for inner in PREFIXES)):
        inside = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        if inside.keys() == keys:
            return inside
    return None


def _unreadable(path: Path, error: Exception) -> Mistake:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return Mistake("checkpoint.unreadable", f"The checkpoint {path} cannot be read: {reason}.", REMEDY)
