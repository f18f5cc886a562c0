"""The baseline's training step, batch 256, against the plain one: alternating rounds, the ratio of their medians."""

from __future__ import annotations

import os
import statistics

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.nursery import MEMORY
from tests.benchmarks.steps import BATCH, Stepper

ROUNDS = 7


@pytest.mark.parametrize("variant", ["eager", "compiled"])
@pytest.mark.parametrize("part", ["network", "with-frontend"])
def test_training_step(benchmark: BenchmarkFixture, variant: str, part: str) -> None:
    plain, ours = Stepper("plain", part, {}), Stepper(variant, part, MEMORY)
    plain_seconds: list[float] = []
    our_seconds: list[float] = []
    benchmark.pedantic(
        lambda: our_seconds.append(ours()), setup=lambda: plain_seconds.append(plain()), rounds=ROUNDS, iterations=1
    )
    plain.close()
    ours.close()
    median = statistics.median(our_seconds)
    benchmark.extra_info.update(
        cores=len(os.sched_getaffinity(0)),
        plain_data=plain_seconds,
        our_data=our_seconds,
        plain_median=statistics.median(plain_seconds),
        times_faster_than_plain=statistics.median(plain_seconds) / median,
        clips_per_second=BATCH / median,
    )
