"""Tensors by the memory they lie in: identity and content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._pytree import tree_leaves


def tensors_in(values: Any) -> Iterator[Tensor]:  # noqa: ANN401
    return (value for value in tree_leaves(values) if isinstance(value, Tensor))


def key_of(tensor: Tensor) -> int:
    """The identity of a tensor's memory: of its storage, or of itself where it has none (sparse, opaque)."""
    try:
        return int(tensor.untyped_storage()._cdata)
    except (NotImplementedError, RuntimeError):
        return -id(tensor)


def reference_to(tensor: Tensor) -> StorageWeakRef | None:
    try:
        return StorageWeakRef(tensor.untyped_storage())  # type: ignore[no-untyped-call]
    except (NotImplementedError, RuntimeError):
        return None


def content_of(tensor: Tensor) -> tuple[int, str]:
    """(bytes of the memory a tensor looks at, digest of its elements)."""
    with torch._C._DisableTorchDispatch():
        plain = tensor.detach().cpu()
        if plain.layout is not torch.strided or plain.is_quantized:
            plain = plain.int_repr() if plain.is_quantized else plain.to_dense()
        flat = plain.resolve_conj().resolve_neg().contiguous().flatten()
        held = flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
        size = tensor.untyped_storage().nbytes() if reference_to(tensor) else len(held)
    return size, hashlib.sha256(held).hexdigest()
