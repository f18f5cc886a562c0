"""Everything a classifier holds: parameters, buffers, packed weights, and what hides in its attributes.

Bytes are counted by each tensor's own type, zeros included, memory that is shared once. Statistics of batch
normalisation are held apart: they fold into the layer before it.
"""

from __future__ import annotations

import functools
import hashlib
import struct
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

Role = Literal["parameter", "buffer", "statistics", "packed", "attribute"]

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
SMALL = 1024
"""Text and Python numbers of an attribute up to this many bytes are settings. The meter counts what is used of them."""

OF_MODULES = frozenset({"_parameters", "_buffers", "_modules", "training"})
"""Attributes of every module that hold nothing else than what is walked by itself."""

SCALE_BYTES, ZERO_POINT_BYTES = 4, 1
"""What a channel's scale and zero point take beside its 8-bit weights (fbgemm and qnnpack hold float32 and int8)."""


@dataclass(frozen=True)
class Held:
    """One thing that a classifier holds.

    `values` is how many numbers, `size` how many bytes of memory that nothing before it holds; `storage` is the
    identity of that memory, 0 where it is no tensor's.
    """

    name: str
    role: Role
    dtype: str
    shape: tuple[int, ...]
    values: int
    size: int
    storage: int
    tensor: Tensor | None = field(repr=False, default=None)
    content: bytes = field(repr=False, default=b"")

    @property
    def word(self) -> str:
        """Name by which the meter knows it; statistics carry a mark."""
        return f"statistics:{self.name}" if self.role == "statistics" else self.name


def take(classifier: nn.Module) -> list[Held]:
    """Everything reachable from the classifier, parameters first, in a fixed order."""
    walk = _Walk()
    for name, parameter in classifier.named_parameters():
        walk.tensor(name, parameter, "parameter")
    for module_name, module in classifier.named_modules():
        prefix = f"{module_name}." if module_name else ""
        for name, buffer in module.named_buffers(recurse=False):
            is_statistic = isinstance(module, _NormBase) and name in STATISTICS
            walk.tensor(prefix + name, buffer, "statistics" if is_statistic else "buffer")
    for module_name, module in classifier.named_modules():
        prefix = f"{module_name}." if module_name else ""
        walk.seen.add(id(module))
        if type(module).__name__ == "OptimizedModule":
            continue  # a compiled module: what it wraps is a module of its own, the rest is the compiler's
        for name, value in vars(module).items():
            if name not in OF_MODULES:
                walk.attribute(prefix + name, value)
    return walk.found


def storages(held: Iterable[Held]) -> dict[int, str]:
    """Words of held tensors by their memory, for the meter; the first to hold it names it."""
    named: dict[int, str] = {}
    for one in held:
        if one.storage:
            named.setdefault(one.storage, one.word)
    return named


def digest(held: Iterable[Held], names: frozenset[str] | None = None) -> str:
    """SHA-256 of everything held (or of the names given): name, type, shape and bytes."""
    whole = hashlib.sha256()
    for one in sorted(held, key=lambda item: item.name):
        if names is None or one.name in names:
            whole.update(f"{one.name} {one.dtype} {one.shape} ".encode())
            whole.update(one.content if one.tensor is None else _content(one.tensor))
    return whole.hexdigest()


def by_dtype(held: Iterable[Held]) -> dict[str, int]:
    """Bytes by type."""
    sizes: Counter[str] = Counter()
    for one in held:
        sizes[one.dtype] += one.size
    return {dtype: size for dtype, size in sorted(sizes.items()) if size}


def _content(tensor: Tensor) -> bytes:
    """The bytes of a tensor's elements, and of the scales of a quantised one."""
    plain = tensor.detach().cpu()
    scales = np.asarray(_scales(plain), dtype=np.float64).tobytes() if plain.is_quantized else b""
    plain = plain.int_repr() if plain.is_quantized else plain
    plain = plain.to_dense() if plain.layout is not torch.strided else plain
    flat = plain.resolve_conj().resolve_neg().contiguous().flatten()
    return scales + (flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b"")


class _Walk:
    """Finds things one after the other; what was seen once is not found again."""

    def __init__(self) -> None:
        self.found: list[Held] = []
        self.seen: set[int] = set()
        self._memory: set[int] = set()
        self._alive: list[Any] = []

    def tensor(self, name: str, tensor: Tensor, role: Role) -> None:
        """Adds a tensor with all the memory that it lies in, unless something before it lies there too."""
        self.seen.add(id(tensor))
        self._alive.append(tensor)
        size, storage = self._new_bytes(tensor)
        self.found.append(
            Held(
                name, role, str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape),
                tensor.numel() if size else 0, size, storage, tensor,
            )
        )  # fmt: skip

    def attribute(self, name: str, value: object) -> None:
        """Adds what is reachable from a plain attribute: tensors, arrays, networks, packed weights, numbers, text."""
        plain = _Plain()
        stack: list[tuple[str, object]] = [(name, value)]
        while stack:
            place, item = stack.pop()
            if isinstance(item, Tensor) and id(item) not in self.seen:
                self.tensor(place, item, "attribute")
            elif isinstance(item, np.ndarray | np.generic) and id(item) not in self.seen:
                self._array(place, np.asarray(item))
            elif isinstance(item, torch.ScriptObject) and id(item) not in self.seen:
                self._packed(place, item)
            elif isinstance(item, str | bytes | bytearray | memoryview | array | int | float | complex):
                plain.add(item)
                continue
            elif id(item) in self.seen or isinstance(item, type | ModuleType) or item is None:
                continue
            else:
                stack.extend((f"{place}.{key}" if key else place, part) for key, part in _parts(item))
            self.seen.add(id(item))
            self._alive.append(item)
        if plain.size > SMALL:
            self.found.append(Held(name, "attribute", "python", (), plain.values, plain.size, 0, None, plain.digest()))

    def _array(self, name: str, array: np.ndarray[Any, Any]) -> None:
        kept = np.ascontiguousarray(array).tobytes() if array.dtype != object else b""
        self.found.append(
            Held(name, "attribute", str(array.dtype), array.shape, array.size, array.nbytes, 0, None, kept)
        )

    def _packed(self, name: str, packed: torch.ScriptObject) -> None:
        """Weights and biases packed for a quantised kernel."""
        for i, tensor in enumerate(unpacked(packed)):
            self.tensor(f"{name}.{i}", tensor, "packed")

    def _new_bytes(self, tensor: Tensor) -> tuple[int, int]:
        """(bytes that nothing before held, identity of the memory)."""
        if tensor.layout is not torch.strided:
            parts = _sparse_parts(tensor)
            return sum(self._new_bytes(part)[0] for part in parts), 0
        extra = len(_scales(tensor)) * (SCALE_BYTES + ZERO_POINT_BYTES) if tensor.is_quantized else 0
        try:
            storage = tensor.untyped_storage()
        except (NotImplementedError, RuntimeError):
            return tensor.numel() * tensor.element_size(), 0
        new = 0 if storage._cdata in self._memory else storage.nbytes()
        self._memory.add(storage._cdata)
        return new + extra, storage._cdata


class _Plain:
    """Python numbers and text of all attributes, taken together."""

    def __init__(self) -> None:
        self.size = self.values = 0
        self._hash = hashlib.sha256()

    def add(self, item: str | bytes | bytearray | memoryview | array[Any] | complex) -> None:
        content = _written(item)
        self.size += len(content)
        self.values += 1 if isinstance(item, int | float | complex) else len(content)
        self._hash.update(content)

    def digest(self) -> bytes:
        return self._hash.digest()


def _written(item: str | bytes | bytearray | memoryview | array[Any] | complex) -> bytes:
    """A number or text as bytes: what it takes to keep it."""
    if isinstance(item, str):
        return item.encode(errors="surrogatepass")
    if isinstance(item, bytes | bytearray | memoryview | array):
        return bytes(item)
    if isinstance(item, int):
        return item.to_bytes(max(8, item.bit_length() // 8 + 1), "little", signed=True)
    return struct.pack("dd", item.real, item.imag)[: 16 if isinstance(item, complex) else 8]


def _parts(item: object) -> list[tuple[str, object]]:
    """(name, value) of what an object holds."""
    if isinstance(item, Mapping):
        return [(str(i), part) for i, (key, value) in enumerate(item.items()) for part in (key, value)]
    if isinstance(item, list | tuple | set | frozenset):
        return [(str(i), value) for i, value in enumerate(item)]
    if isinstance(item, FunctionType | CellType | MethodType | functools.partial):
        return _parts_of_callable(item)
    slots = [(name, getattr(item, name, None)) for name in _slots(type(item))]
    return [*getattr(item, "__dict__", {}).items(), *slots]


def _parts_of_callable(
    item: FunctionType | CellType | MethodType | functools.partial[object],
) -> list[tuple[str, object]]:
    """Closure, defaults, the object of a method, the arguments of a partial function."""
    if isinstance(item, CellType):
        return [("", item.cell_contents)] if _is_filled(item) else []
    if isinstance(item, MethodType):
        return [("", item.__func__), ("self", item.__self__)]
    if isinstance(item, functools.partial):
        return [("function", item.func), ("arguments", item.args), ("keywords", item.keywords)]
    cells = zip(item.__code__.co_freevars, item.__closure__ or (), strict=True)
    return [*cells, ("defaults", item.__defaults__), ("defaults", item.__kwdefaults__), *vars(item).items()]


def _is_filled(cell: CellType) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


def _slots(kind: type) -> list[str]:
    """Names of the slots of a class that was written in Python."""
    named: list[str] = []
    for base in kind.__mro__:
        slots = base.__dict__.get("__slots__", ())
        named += [slots] if isinstance(slots, str) else list(slots)
    return [name for name in named if not name.startswith("__")]


def unpacked(packed: torch.ScriptObject) -> list[Tensor]:
    """Weight and bias tensors of packed parameters, those of recurrent cells too."""
    found: list[Tensor] = []
    stack: list[object] = [_state(packed)]
    while stack:
        item = stack.pop()
        if isinstance(item, Tensor):
            found.append(item)
        elif isinstance(item, torch.ScriptObject):
            stack.append(_state(item))
        elif isinstance(item, list | tuple):
            stack.extend(reversed(item))
    return found


def _state(packed: Any) -> object:  # noqa: ANN401 - torch.ScriptObject has no stubs
    """What a packed object is made of; its own words for it differ by kind."""
    for words in ("unpack", "__getstate__"):
        try:
            return getattr(packed, words)()
        except (AttributeError, RuntimeError):
            continue
    return ()


def _scales(tensor: Tensor) -> list[float]:
    """Scales of a quantised tensor: one, or one a channel."""
    if not tensor.is_quantized:
        return []
    if tensor.qscheme() in {torch.per_tensor_affine, torch.per_tensor_symmetric}:
        return [tensor.q_scale()]
    return [float(scale) for scale in tensor.q_per_channel_scales()]


def _sparse_parts(tensor: Tensor) -> list[Tensor]:
    if tensor.layout is torch.sparse_coo:
        plain = tensor.detach().coalesce()
        return [plain.indices(), plain.values()]
    if tensor.layout in {torch.sparse_csr, torch.sparse_bsr}:
        return [tensor.crow_indices(), tensor.col_indices(), tensor.values()]
    if tensor.layout in {torch.sparse_csc, torch.sparse_bsc}:
        return [tensor.ccol_indices(), tensor.row_indices(), tensor.values()]
    return [tensor.to_dense()]
