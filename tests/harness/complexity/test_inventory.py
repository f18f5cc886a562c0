"""Everything that a classifier holds is found, in its own type, once."""

from __future__ import annotations

import copy
import functools
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from harness.complexity import inventory


def held_bytes(module: nn.Module) -> int:
    return sum(one.size for one in inventory.take(module) if one.role != "statistics")


class Holder(nn.Module):
    """A module with one plain attribute."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


WEIGHT = torch.randn(100, 10)


def closure() -> Any:
    hidden = torch.randn(100, 10)
    return lambda x: x @ hidden


class Slotted:
    __slots__ = ("weight",)

    def __init__(self) -> None:
        self.weight = torch.randn(100, 10)


HIDING = {
    "a list": lambda: [torch.randn(100, 10)],
    "a dictionary in a tuple": lambda: ({"a": torch.randn(100, 10)},),
    "a closure": closure,
    "default arguments": lambda: lambda x, w=torch.randn(100, 10): x @ w,  # noqa: B008
    "a partial function": lambda: functools.partial(torch.matmul, torch.randn(100, 10)),
    "a bound method": lambda: torch.nn.Linear(100, 10, bias=False).forward,
    "slots": Slotted,
    "a network in a list": lambda: [nn.Linear(100, 10, bias=False)],
    "an array": lambda: np.zeros((100, 10), np.float32),
    "a gradient": lambda: [torch.randn(100, 10, requires_grad=True)],
}


@pytest.mark.parametrize("place", HIDING)
def test_a_weight_in_a_plain_attribute_is_found(place: str) -> None:
    assert held_bytes(Holder(HIDING[place]())) == 4_000


def test_numbers_and_text_are_found_where_they_are_more_than_settings() -> None:
    assert held_bytes(Holder([0.5] * 1_000)) == 8_000
    assert held_bytes(Holder(b"x" * 5_000)) == 5_000
    assert held_bytes(Holder("x" * 5_000)) == 5_000
    assert held_bytes(Holder([1 << 80_000])) == 10_001
    assert held_bytes(Holder(memoryview(np.zeros((2, 1_000), np.float32)))) == 8_000
    assert held_bytes(Holder({"x" * 5_000: 1})) == 5_008
    assert held_bytes(Holder({"epochs": 150, "name": "baseline", "widths": [1, 2, 3]})) == 0


def test_a_tensor_that_is_shared_counts_once() -> None:
    first, second = nn.Linear(10, 10, bias=False), nn.Linear(10, 10, bias=False)
    second.weight = first.weight
    assert held_bytes(nn.Sequential(first, second)) == 400
    assert held_bytes(Holder([WEIGHT, WEIGHT, WEIGHT.T, WEIGHT[3:7]])) == 4_000


def test_a_view_counts_all_the_memory_it_lies_in() -> None:
    assert held_bytes(Holder([WEIGHT[:50]])) == 4_000  # the rest is held too, and `as_strided` reaches it
    assert held_bytes(Holder([WEIGHT[:50], WEIGHT[40:60]])) == 4_000
    assert held_bytes(Holder([WEIGHT[:50].clone()])) == 2_000
    assert held_bytes(Holder([torch.zeros(1).expand(1_000)])) == 4
    assert held_bytes(Holder([WEIGHT.view(torch.int32)[:1], WEIGHT])) == 4_000


def test_other_layouts_count_what_they_store() -> None:
    dense = torch.zeros(100, 100)
    dense[3, 4] = dense[50, 60] = 1.0
    assert held_bytes(Holder([dense.to_sparse()])) == 2 * 4 + 2 * 2 * 8
    quantised = torch.quantize_per_channel(torch.randn(10, 20), torch.ones(10), torch.zeros(10), 0, torch.qint8)
    assert held_bytes(Holder([quantised])) == 200 + 10 * 5
    assert held_bytes(Holder([torch.quantize_per_tensor(torch.randn(10, 20), 0.1, 0, torch.qint8)])) == 205


def test_statistics_of_batch_normalisation_are_held_apart() -> None:
    held = inventory.take(nn.Sequential(nn.BatchNorm2d(8), nn.Linear(8, 8, bias=False)))
    assert {one.name for one in held if one.role == "statistics"} == {
        "0.running_mean", "0.running_var", "0.num_batches_tracked",
    }  # fmt: skip
    assert sum(one.size for one in held if one.role == "parameter") == 4 * (16 + 64)


def test_packed_weights_are_opened() -> None:
    layer = torch.ao.nn.quantized.dynamic.Linear(100, 10, dtype=torch.qint8)
    assert {(one.role, one.dtype) for one in inventory.take(layer)} == {("packed", "qint8"), ("packed", "float32")}
    assert held_bytes(layer) == 1_000 + 5 + 40


def test_a_cycle_does_not_end_the_walk() -> None:
    value: list[Any] = [WEIGHT]
    value.append(value)
    assert held_bytes(Holder(value)) == 4_000


def digest(module: nn.Module) -> str:
    return inventory.digest(inventory.take(module))


def test_a_digest_changes_with_one_bit_and_not_with_the_layout() -> None:
    torch.manual_seed(0)
    network = nn.Conv2d(3, 4, 3)
    before = digest(network)
    assert digest(network.to(memory_format=torch.channels_last)) == before
    assert digest(copy.deepcopy(network)) == before
    assert digest(pickle.loads(pickle.dumps(network))) == before  # noqa: S301 - our own
    with torch.no_grad():
        network.weight[0, 0, 0, 0] = torch.nextafter(network.weight[0, 0, 0, 0], torch.tensor(9.0))
    assert digest(network) != before


def test_a_digest_covers_what_hides() -> None:
    hidden = torch.zeros(10)
    module = Holder({"deep": [hidden]})
    before = digest(module)
    hidden[3] = 1
    assert digest(module) != before


def test_a_tensor_that_cannot_be_flattened_in_place_is_read() -> None:
    module = Holder([torch.randn(4, dtype=torch.complex64).conj(), torch.randn(3).expand(5, 3)])
    assert digest(module) == digest(module)


def test_nothing_is_held_by_an_empty_module() -> None:
    assert inventory.take(nn.ReLU()) == []
    assert isinstance(WEIGHT, Tensor)
