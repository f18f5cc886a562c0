"""What the counter says about networks whose cost is known."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harness import complexity, editions
from harness.contract import Classifier, Clips, Task
from harness.outcomes import OverLimit
from harness.results import Complexity

PROJECT = Path(__file__).resolve().parents[2]
TASK = Task(tuple("abcdefghij"), 1.0, ("a",))


def load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(
        f"entry_{name}", PROJECT / "baselines/systems" / name / "submission.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # pydantic looks up annotations there
    spec.loader.exec_module(module)
    return module


def predict(classifier: Classifier, clips: Clips) -> Tensor:
    return classifier(clips.waveforms)


PLAIN: Any = SimpleNamespace(predict=predict)


class Frames(nn.Module):
    """(batch, 8000) to (batch, 1, 80, 100)."""

    def forward(self, waveforms: Tensor) -> Tensor:
        return waveforms.reshape(-1, 1, 80, 100)


def test_the_official_baseline_has_its_published_figures() -> None:
    entry = load("dcase2024")
    found = complexity.measure(entry, entry.build(entry.Config(), TASK), TASK)
    assert found.parameters == 61_148
    assert found.parameter_bytes == 122_296
    assert found.bytes_by_dtype == {"float16": 122_296}
    assert found.macs == 29_416_448
    assert found.official_macs == 29_419_156
    complexity.require_within(found, editions.load("dcase2024"))


def test_the_full_width_2023_shape_at_65_frames_is_over_the_limit() -> None:
    entry = load("dcase2024")
    wide = entry.Config(channels_multiplier=2.3, expansion_rate=3.0)
    found = complexity.measure(entry, entry.build(wide, TASK), TASK)
    assert found.parameters == 126_940
    with pytest.raises(OverLimit, match=r"53,1\d\d,\d\d\d multiply-accumulates a clip \(30,000,000 allowed\)"):
        complexity.require_within(found, editions.load("dcase2024"))


def test_a_convolution_a_norm_and_a_linear_layer_cost_what_the_formula_says() -> None:
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(4, 10),
    )  # fmt: skip
    found = complexity.measure(PLAIN, Classifier(Frames(), network, 8000), TASK)
    assert found.macs == 4 * 9 * 40 * 50 + 4 * 10
    assert found.official_macs == 4 * 9 * 40 * 50 + 8 + 4 * 10 + 10
    assert found.parameters == 36 + 8 + 50
    assert found.parameter_bytes == 4 * (36 + 8 + 50)


def test_a_frontend_without_weights_is_free_and_one_with_weights_is_not() -> None:
    class Learnt(Frames):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(100, 100))

        def forward(self, waveforms: Tensor) -> Tensor:
            return super().forward(waveforms) @ self.weight

    class Fixed(Frames):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("matrix", torch.ones(100, 100))

        def forward(self, waveforms: Tensor) -> Tensor:
            return super().forward(waveforms) @ self.get_buffer("matrix")

    network = nn.Sequential(nn.Flatten(), nn.Linear(8000, 10, bias=False))
    assert complexity.measure(PLAIN, Classifier(Fixed(), network, 8000), TASK).macs == 80_000
    learnt = complexity.measure(PLAIN, Classifier(Learnt(), network, 8000), TASK)
    assert learnt.macs == 80_000 + 80 * 100 * 100
    assert learnt.parameters == 80_000 + 10_000


def test_a_second_pass_in_predict_is_counted() -> None:
    twice: Any = SimpleNamespace(
        predict=lambda classifier, clips: classifier(clips.waveforms) + classifier(clips.waveforms.flip(1))
    )
    network = nn.Sequential(nn.Flatten(), nn.Linear(8000, 10, bias=False))
    assert complexity.measure(twice, Classifier(Frames(), network, 8000), TASK).macs == 2 * 80_000


def test_operators_that_the_counter_passes_over_are_kept() -> None:
    network = nn.Sequential(nn.Flatten(1, 2), nn.GRU(100, 4, batch_first=True))

    def last(classifier: Classifier, clips: Clips) -> Tensor:
        return classifier.network(classifier.frontend(clips.waveforms))[0][:, -1]

    found = complexity.measure(SimpleNamespace(predict=last), Classifier(Frames(), network, 8000), TASK)  # type: ignore[arg-type]
    assert found.uncounted == {"aten::gru": 1}


def figures(**changed: int) -> Complexity:
    given = {"parameters": 1, "parameter_bytes": 128_000, "macs": 30_000_000, "official_macs": 30_000_000, **changed}
    return Complexity(**given, bytes_by_dtype={})


@pytest.mark.parametrize("name", ["parameter_bytes", "macs", "official_macs"])
def test_a_figure_at_the_limit_passes_and_one_more_fails(name: str) -> None:
    edition = editions.load("dcase2025")
    complexity.require_within(figures(), edition)
    with pytest.raises(OverLimit):
        complexity.require_within(figures(**{name: getattr(figures(), name) + 1}), edition)


def test_the_edition_of_2022_counts_parameters_as_bytes() -> None:
    edition = editions.load("dcase2022")
    complexity.require_within(figures(parameters=128_000, parameter_bytes=512_000), edition)
    with pytest.raises(OverLimit, match="128,001 parameters"):
        complexity.require_within(figures(parameters=128_001), edition)


def test_a_digest_of_weights_changes_with_one_bit_and_not_with_the_layout() -> None:
    torch.manual_seed(0)
    network = nn.Conv2d(3, 4, 3)
    before = complexity.weights_digest(network)
    assert complexity.weights_digest(network.to(memory_format=torch.channels_last)) == before
    with torch.no_grad():
        network.weight[0, 0, 0, 0] = torch.nextafter(network.weight[0, 0, 0, 0], torch.tensor(9.0))
    assert complexity.weights_digest(network) != before
