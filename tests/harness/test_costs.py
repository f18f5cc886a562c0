"""What a training is foretold to cost, against the sums done by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from harness import costs


def cell(macs: int | None, clips: int, *teachers: Any, **config: Any) -> Any:
    """As much of a cell as its cost depends on."""
    complexity = None if macs is None else SimpleNamespace(macs=macs)
    check = SimpleNamespace(complexity=complexity, config=config, figures=config.pop("figures", {}))
    named = tuple((str(number), one) for number, one in enumerate(teachers))
    return SimpleNamespace(system=SimpleNamespace(check=check), rows=range(clips), teachers=named)


TEACHERS = (cell(70, 0), cell(30, 0))


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (cell(10, 100, epochs=5), 3 * 10 * 500),
        (cell(10, 100, epochs=5, minimum_steps=20, batch_size=50), 3 * 10 * 1000),
        (cell(10, 100, epochs=50, minimum_steps=20, batch_size=50), 3 * 10 * 5000),
        (cell(10, 100, *TEACHERS, epochs=5), 3 * 10 * 500),
        (cell(10, 100, *TEACHERS, epochs=5, distillation={"teaching": "consistent"}), 3 * 10 * 500 + 100 * 500),
        (cell(10, 100, *TEACHERS, epochs=5, distillation={"teaching": "offline"}), 3 * 10 * 500 + 100 * 100),
        (cell(10, 100, epochs=5, figures={"epochs": 60}), 3 * 10 * 6000),
        (cell(10, 0, epochs=5), 0),
        (cell(10, 100, cell(10, 100), epochs=5, network_of="another"), 0),
        (cell(30, 100, cell(10, 100), epochs=5, ensemble_of="another"), 0),
        (cell(None, 100, epochs=5), None),
        (cell(10, 100), None),
    ],
)
def test_a_step_is_three_passes_and_one_of_every_teacher_that_is_heard(one: Any, expected: int | None) -> None:
    assert costs.training_macs(one) == expected


def test_an_hour_of_an_accelerator_is_what_the_page_says_it_is() -> None:
    assert costs.gpu_hours(36 * 10**14) == 1.0
