"""The baseline's training step, batch 256, against the plain one: alternating rounds, the ratio of their medians."""

from __future__ import annotations

import statistics
import time

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from baselines.training import Compile
from tests.benchmarks import ours, plain

BATCH = 256
ROUNDS = 7
WARM_UP = 2


@pytest.mark.parametrize("choice", ["off", "on"], ids=["eager", "compiled"])
@pytest.mark.parametrize("with_frontend", [False, True], ids=["network", "with-frontend"])
def test_training_step(benchmark: BenchmarkFixture, choice: Compile, *, with_frontend: bool) -> None:
    torch.manual_seed(0)
    inputs = torch.randn(BATCH, 32000) * 0.1 if with_frontend else torch.randn(BATCH, 1, 256, 65)
    labels = torch.randint(0, 10, (BATCH,))
    plain_step = plain.step(inputs, labels, with_frontend=with_frontend)
    our_step = ours.step(inputs, labels, with_frontend=with_frontend, choice=choice)
    for _ in range(WARM_UP):
        plain_step()
        our_step()
    plain_seconds: list[float] = []

    def other_first() -> None:
        start = time.perf_counter()
        plain_step()
        plain_seconds.append(time.perf_counter() - start)

    benchmark.pedantic(our_step, setup=other_first, rounds=ROUNDS, iterations=1)
    median = statistics.median(benchmark.stats.stats.data)
    benchmark.extra_info.update(
        threads=torch.get_num_threads(),
        plain_median=statistics.median(plain_seconds),
        plain_data=plain_seconds,
        times_faster_than_plain=statistics.median(plain_seconds) / median,
        clips_per_second=BATCH / median,
    )
