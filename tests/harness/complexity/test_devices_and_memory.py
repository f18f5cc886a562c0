"""Device-specific models (2025), peak activation memory, and the table by module."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harness import editions
from harness.complexity import activations
from harness.complexity.limits import require_within
from harness.complexity.measuring import measure
from harness.contract import Classifier, Clips, Task
from harness.outcomes import OverLimit
from harness.results import Complexity
from tests.harness.complexity import baselines_by_name
from tests.harness.complexity.probes import Frames, count, entry

TASK = Task(tuple("abc"), 1.0, ("a", "b", "s1"), device_revealed=True)


class ByDevice(nn.Module):
    """A shared layer, and a head for each of two devices and one for all others."""

    def __init__(self, **widths: int) -> None:
        super().__init__()
        self.shared = nn.Linear(50, 20, bias=False)
        self.heads = nn.ModuleDict({name: self._head(width) for name, width in widths.items()})

    @staticmethod
    def _head(width: int) -> nn.Module:
        return nn.Sequential(nn.Linear(20, width, bias=False), nn.Linear(width, 3, bias=False))

    def forward(self, x: Tensor, device: str = "other") -> Tensor:
        head = self.heads[device if device in self.heads else "other"]
        logits: Tensor = head(self.shared(x))
        return logits


def by_device(classifier: Classifier, clips: Clips) -> Any:
    assert clips.devices is not None
    features = classifier.frontend(clips.waveforms)
    rows = [classifier.network(features[i : i + 1], device) for i, device in enumerate(clips.devices)]
    return torch.cat(rows)


def measured(**widths: int) -> Complexity:
    classifier = Classifier(Frames(50), ByDevice(**widths), 8000)
    return measure(entry(by_device), classifier, TASK).complexity


def test_what_a_device_reads_is_its_model_and_the_largest_counts() -> None:
    found = measured(a=10, b=40, other=20)
    head = {"a": 230, "b": 920, "other": 460}
    assert found.bytes_by_device == {
        "a": 4 * (1_000 + head["a"]), "b": 4 * (1_000 + head["b"]), "s1": 4 * (1_000 + head["other"]),
        "unknown": 4 * (1_000 + head["other"]),
    }  # fmt: skip
    assert found.parameter_bytes == 4 * (1_000 + head["b"])
    assert found.parameters == 1_000 + 230 + 920 + 460
    assert found.macs == 1_000 + 920


def test_what_no_device_reads_counts_for_all() -> None:
    found = measured(a=10, never=100, other=20)
    assert found.bytes_by_device["a"] == 4 * (1_000 + 230 + 2_300)


def test_many_models_may_be_larger_together_than_one_may_be() -> None:
    found = measured(a=1_300, b=1_300, other=1_300)
    assert sum(row.size for row in found.modules) > 128_000
    require_within(found, editions.load("dcase2025"))
    with pytest.raises(OverLimit, match="bytes of parameters"):
        require_within(measured(a=1_400, b=10, other=10), editions.load("dcase2025"))


def test_memory_of_a_chain_is_the_largest_input_and_output() -> None:
    chain = nn.Sequential(nn.Linear(10, 100), nn.ReLU(), nn.Linear(100, 30), nn.BatchNorm1d(30))
    assert count(chain, 10).peak_activation_bytes == {"8": 130, "16": 260, "32": 520}


def test_memory_of_a_residual_block_holds_the_shortcut() -> None:
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up, self.down = nn.Linear(10, 100), nn.Linear(100, 10)

        def forward(self, x: Tensor) -> Tensor:
            return x + self.down(self.up(x).relu())

    assert count(Residual(), 10).peak_activation_bytes["8"] == 10 + 100 + 10


def test_memory_of_branches_holds_what_waits() -> None:
    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = nn.ModuleList(nn.Linear(10, 50) for _ in range(3))

        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([part(x) for part in self.parts], 1)

    assert count(Branches(), 10).peak_activation_bytes["8"] == 150 + 150


def test_the_official_baseline_needs_its_first_wide_layer() -> None:
    found = baselines_by_name.measured("dcase2024")
    assert found.peak_activation_bytes["8"] == 2 * 64 * 64 * 17 + 32 * 64 * 17  # a block's input waits for its sum


def test_rows_add_up_to_the_whole() -> None:
    found = baselines_by_name.measured("dcase2024")
    assert sum(row.macs for row in found.modules) == found.macs
    assert sum(row.size for row in found.modules) == found.parameter_bytes
    assert sum(row.parameters for row in found.modules) == found.parameters
    first = next(row for row in found.modules if row.name == "network.in_c.0.0")
    assert (first.kind, first.takes, first.gives, first.macs) == ("Conv2d", "1x1x256x65", "1x8x128x33", 304_128)


def test_nothing_is_alive_where_nothing_runs() -> None:
    assert activations.peak_numbers([], {}) == 0
