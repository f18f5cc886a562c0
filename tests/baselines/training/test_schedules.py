"""Learning-rate schedules against the released code's factors, torch's schedulers, and their formulas."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from safetensors.torch import load_file

from baselines.training import Constant, Decay, Plateau, Recipe, WarmupCosine, WarmupRamp

RAMPS = {"cpm": (14, 84, 50, 0.005), "cpr": (15, 85, 50, 0.005), "passt": (3, 10, 3, 0.01), "qat": (0, 16, 1, 0.1)}


@pytest.mark.parametrize("name", RAMPS)
@pytest.mark.parametrize("steps", [1, 7])
def test_ramps_are_those_of_the_released_code(shared: Path, name: str, steps: int) -> None:
    warmup, length, start, last = RAMPS[name]
    schedule = WarmupRamp(warmup_epochs=warmup, ramp_start=start, ramp_epochs=length, last=last)
    expected = load_file(shared / "golden/kd/lr_schedules.safetensors")[f"exp_warmup_linear_down.{name}"].tolist()
    for epoch, factor in enumerate(expected):
        for step in (epoch * steps, epoch * steps + steps - 1):
            assert schedule.factor(step, steps, len(expected)) == pytest.approx(factor, rel=1e-12)


def test_the_cosine_is_a_linear_warm_up_and_half_a_cosine() -> None:
    schedule = WarmupCosine(warmup_steps=10)
    factor = [schedule.factor(step, 11, 10) for step in range(111)]
    assert [factor[step] for step in (0, 5, 10)] == [0.0, 0.5, 1.0]
    assert factor[35] == pytest.approx(0.5 * (1 + math.cos(math.pi / 4)))
    assert factor[60] == pytest.approx(0.5)
    assert factor[110] == pytest.approx(0.0)


def test_a_warm_up_longer_than_the_training_is_all_there_is() -> None:
    assert WarmupCosine(warmup_steps=2000).factor(100, 10, 10) == pytest.approx(0.05)


@pytest.mark.parametrize(("start", "every", "by"), [(2, 1, 0.5), (10, 5, 0.5), (5, 1, 0.85)])
def test_decay_is_torch_s_multi_step_schedule(start: int, every: int, by: float) -> None:
    """Oracle: MultiStepLR with the milestones of AST and PSLA, stepped after every epoch."""
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    oracle = torch.optim.lr_scheduler.MultiStepLR(optimiser, list(range(start, 1000, every)), gamma=by)
    schedule = Decay(start=start, every=every, by=by)
    for epoch in range(30):
        assert schedule.factor(epoch * 4, 4, 30) == pytest.approx(oracle.get_last_lr()[0])
        optimiser.step()
        oracle.step()


def test_decay_s_warm_up_rises_every_so_many_steps() -> None:
    schedule = Decay(start=100, warmup_steps=1000)
    assert [schedule.factor(step, 5000, 3) for step in (0, 49, 50, 99, 999, 1000, 1500)] == pytest.approx(
        [0.0, 0.0, 0.05, 0.05, 0.95, 1.0, 1.0]
    )


@given(scores=st.lists(st.floats(0, 1), max_size=25), patience=st.integers(1, 4))
def test_a_plateau_is_torch_s(scores: list[float], patience: int) -> None:
    """Oracle: ReduceLROnPlateau without threshold."""
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    oracle = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimiser, mode="max", factor=0.5, patience=patience, threshold=0.0, threshold_mode="abs", eps=0.0
    )
    for score in scores:
        oracle.step(score)
    assert Plateau(patience=patience).reduced(scores) == pytest.approx(optimiser.param_groups[0]["lr"])


@given(step=st.integers(0, 5000), steps=st.integers(1, 50), epochs=st.integers(1, 100))
def test_factors_lie_between_nothing_and_the_peak(step: int, steps: int, epochs: int) -> None:
    for schedule in (
        Constant(),
        WarmupCosine(warmup_steps=20),
        WarmupRamp(warmup_epochs=3, ramp_start=2, ramp_epochs=4, last=0.1),
        Decay(start=2, warmup_steps=100),
        Plateau(),
    ):
        assert 0 <= schedule.factor(step, steps, epochs) <= 1


def test_a_schedule_is_data() -> None:
    recipe = Recipe(epochs=1, batch_size=2, learning_rate=0.1, schedule={"kind": "decay", "start": 3})  # type: ignore[arg-type]
    assert recipe.schedule == Decay(start=3)
    with pytest.raises(ValidationError, match="cosin"):
        Recipe(epochs=1, batch_size=2, learning_rate=0.1, schedule={"kind": "cosin"})  # type: ignore[arg-type]
