"""Compiled modules, run as they were written: only so can they be traced and counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def uncompiled(model: nn.Module) -> Iterator[None]:
    """Compiled modules run as they were written inside the block; compiled functions do wherever a meter looks on."""
    compiled = [module for module in model.modules() if isinstance(getattr(module, "_orig_mod", None), nn.Module)]
    kept = [(module, module.forward) for module in compiled]
    in_place = [(module, module._compiled_call_impl) for module in model.modules() if module._compiled_call_impl]
    try:
        for module in compiled:
            module.forward = module._orig_mod.forward  # type: ignore[union-attr]
        for module, _ in in_place:
            module._compiled_call_impl = None
        yield
    finally:
        for module, forward in kept:
            module.forward = forward
        for module, call in in_place:
            module._compiled_call_impl = call
