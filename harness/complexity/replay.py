"""What a meter saw, run again: the operators that were counted must give the logits that `predict` returned.

Starting from the clip and from held memory as it was before the call, every operator is repeated on memory of its own.
Whatever else wrote a number (NumPy, a thread, an extension, a kernel that the dispatcher was not told of) is missing
from the tape, and the logits differ.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from harness.complexity.memory import key_of, tensors_in

Identity = tuple[int, int, torch.dtype]


class Reference(NamedTuple):
    """A tensor on the tape: its identity when it was seen, and where in its memory it lies."""

    identity: Identity
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class StorageReference(NamedTuple):
    """A storage on the tape."""

    key: int


class _Step(NamedTuple):
    func: Any
    given: Any  # (args, kwargs) with references
    results: tuple[Reference, ...]


@dataclass
class Tape:
    """Operators in the order in which they ran, with what they read and gave."""

    steps: list[_Step] = field(default_factory=list)
    _memory: dict[int, torch.UntypedStorage] = field(default_factory=dict)  # as it was when first seen
    _given: set[int] = field(default_factory=set)  # memory that an operator has made
    _opaque: dict[Identity, Tensor] = field(default_factory=dict)  # tensors without memory of their own
    _alive: list[Any] = field(default_factory=list)  # identities last while their tensors do

    def start(self, tensors: Iterable[Tensor]) -> None:
        """Keeps what these hold before anything runs."""
        for tensor in tensors:
            self.seen(tensor)

    def seen(self, tensor: Tensor) -> Reference:
        """A reference to a tensor; memory that nothing on the tape has made is kept as it is now."""
        self._alive.append(tensor)
        key = key_of(tensor)
        identity = (id(tensor), key, tensor.dtype)
        with torch._C._DisableTorchDispatch():
            if key < 0 or tensor.is_quantized:
                if key not in self._given:
                    self._opaque.setdefault(identity, tensor.detach().clone())
                return Reference(identity, 0, (), ())
            if key not in self._given and key not in self._memory:
                self._memory[key] = _copied(tensor.untyped_storage())
            return Reference(identity, int(tensor.storage_offset()), tuple(tensor.shape), tuple(tensor.stride()))

    def arguments(self, values: Any) -> Any:  # noqa: ANN401 - any nest of values
        """Arguments with references in place of tensors and storages, before the operator runs."""
        return tree_map(self._argument, values)

    def add(self, func: Any, given: Any, result: Any) -> None:  # noqa: ANN401
        """An operator that ran; `given` is what `arguments` made of its (args, kwargs)."""
        results = []
        for tensor in tensors_in(result):
            self._alive.append(tensor)
            self._given.add(key_of(tensor))
            results.append(self.seen(tensor))
        self.steps.append(_Step(func, given, tuple(results)))

    def play(self, wanted: Reference) -> Tensor:
        """The wanted tensor after every operator has run again. A tape plays once."""
        values: dict[Identity, Tensor] = dict(self._opaque)
        memory = dict(self._memory)

        def resolve(value: Any) -> Any:  # noqa: ANN401
            if isinstance(value, StorageReference):
                return memory[value.key]
            if not isinstance(value, Reference):
                return value
            if value.identity not in values:
                _, key, dtype = value.identity
                alias = torch.empty(0, dtype=dtype, device=memory[key].device)
                values[value.identity] = alias.set_(memory[key], value.offset, value.shape, value.stride)
            return values[value.identity]

        for func, given, results in self.steps:
            args, kwargs = tree_map(resolve, given, is_leaf=_is_reference)
            result = func(*args, **kwargs)
            for reference, tensor in zip(results, tensors_in(result), strict=True):
                values[reference.identity] = tensor
                if key_of(tensor) >= 0:
                    memory[reference.identity[1]] = tensor.untyped_storage()
        played: Tensor = resolve(wanted)
        return played

    def _argument(self, value: Any) -> Any:  # noqa: ANN401
        if isinstance(value, Tensor):
            return self.seen(value)
        if isinstance(value, torch.TypedStorage | torch.UntypedStorage):
            storage = value._untyped_storage if isinstance(value, torch.TypedStorage) else value
            self._alive.append(storage)
            if storage._cdata not in self._given and storage._cdata not in self._memory:
                self._memory[storage._cdata] = _copied(storage)
            return StorageReference(storage._cdata)
        return value


def _is_reference(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, Reference | StorageReference)


def _copied(storage: torch.UntypedStorage) -> torch.UntypedStorage:
    memory = torch.empty(0, dtype=torch.uint8, device=storage.device).set_(storage)
    copied: torch.UntypedStorage = memory.clone().untyped_storage()
    return copied
