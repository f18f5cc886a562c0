"""The training loop: its schedule against the formula, and a resumed run against one that was not interrupted."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from baselines.training import Recipe, fit, warmup_cosine
from harness.contract import Batch


class Data:
    """Forty clips of two classes that a linear layer can tell apart."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(1)
        self.labels = torch.arange(40) % 2
        self.waveforms = torch.randn(40, 6, generator=generator) + self.labels[:, None]

    def __len__(self) -> int:
        return 40

    def batches(self, batch_size: int, generator: torch.Generator) -> Iterator[Batch]:
        for rows in torch.randperm(40, generator=generator).split(batch_size):
            yield Batch(self.waveforms[rows], self.labels[rows], rows)


class StoppedError(Exception):
    pass


class Run:
    """A run that keeps its checkpoint in memory and can be stopped after an epoch."""

    def __init__(self, kept: dict[str, Any] | None = None, stop_after: int | None = None) -> None:
        self.device = torch.device("cpu")
        self.seed = 0
        self.work = Path()
        self.teachers: Mapping[str, Any] = {}
        self.generator = torch.Generator().manual_seed(0)
        self.kept = kept
        self.stop_after = stop_after
        self.losses: list[float] = []

    def save(self, state: Mapping[str, Any]) -> None:
        self.kept = copy.deepcopy({"state": dict(state), "generator": self.generator.get_state()})

    def load(self) -> dict[str, Any] | None:
        if self.kept is None:
            return None
        self.generator.set_state(self.kept["generator"])
        return copy.deepcopy(self.kept["state"])

    def progress(self, done: int, total: int, **metrics: float) -> None:  # noqa: ARG002 - the contract's words
        self.losses.append(metrics["loss"])
        if done == self.stop_after:
            raise StoppedError


RECIPE = Recipe(epochs=6, batch_size=16, learning_rate=0.05, weight_decay=1e-4, warmup_steps=4)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))


def forward(net: nn.Module, batch: Batch) -> Tensor:
    return net(batch.waveforms)


def trained(run: Any, net: nn.Module) -> dict[str, Tensor]:
    fit(net, forward, Data(), run, RECIPE)  # type: ignore[arg-type]
    return net.state_dict()


@pytest.mark.parametrize("epoch", [1, 3, 5])
def test_a_resumed_run_ends_with_the_same_weights_bit_for_bit(epoch: int) -> None:
    whole = trained(Run(), network())
    stopped = Run(stop_after=epoch)
    with pytest.raises(StoppedError):
        trained(stopped, network())
    resumed = trained(Run(kept=stopped.kept), network())
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_the_loop_learns() -> None:
    run = Run()
    trained(run, network())
    assert run.losses[-1] < 0.6 * run.losses[0]


def test_the_schedule_is_a_linear_warm_up_and_half_a_cosine() -> None:
    factor = warmup_cosine(10, 110)
    assert [factor(step) for step in (0, 5, 10)] == [0.0, 0.5, 1.0]
    assert factor(35) == pytest.approx(0.5 * (1 + math.cos(math.pi / 4)))
    assert factor(60) == pytest.approx(0.5)
    assert factor(110) == pytest.approx(0.0)


def test_a_warm_up_longer_than_the_training_is_all_there_is() -> None:
    factor = warmup_cosine(2000, 100)
    assert factor(100) == pytest.approx(0.05)


@pytest.mark.parametrize(("minimum_steps", "epochs"), [(0, 6), (18, 6), (19, 7), (25, 9)])
def test_a_small_split_gets_the_epochs_that_make_the_least_number_of_steps(minimum_steps: int, epochs: int) -> None:
    """40 clips in batches of 16 are 3 steps an epoch."""
    run = Run()
    fit(network(), forward, Data(), run, replace(RECIPE, minimum_steps=minimum_steps))  # type: ignore[arg-type]
    assert len(run.losses) == epochs
