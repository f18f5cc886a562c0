"""What counting costs: a check, and predicting test clips under the meter."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from harness.complexity.measuring import measure
from harness.complexity.scrutiny import Scrutiny
from harness.contract import Clips
from tests.benchmarks import counting
from tests.harness.complexity.probes import TASK

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("size", "rounds"), [("small", 5), ("large", 3)])
def test_a_check_in_a_fresh_process(benchmark: BenchmarkFixture, size: str, rounds: int) -> None:
    """Seconds after the imports; at most 5 for 61,148 parameters and 30 for 86 M on two cores."""
    seconds: list[float] = []

    def command() -> None:
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.counting", size],
            cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT)}, check=True, capture_output=True, text=True,
        )  # fmt: skip
        seconds.append(float(done.stdout))

    benchmark.pedantic(command, rounds=rounds, iterations=1)
    benchmark.extra_info.update(seconds=statistics.median(seconds), seconds_data=seconds)


def test_predicting_under_the_meter(benchmark: BenchmarkFixture) -> None:
    """A batch of 256 clips with the meter and without, in turns: the ratio of the medians."""
    entry, classifier = counting.small()
    scrutiny = Scrutiny(entry, classifier, measure(entry, classifier, TASK))
    clips = Clips(torch.randn(256, 32_000, generator=torch.Generator().manual_seed(0)) * 0.1, 32_000)
    with_meter: list[float] = []
    without: list[float] = []

    def both() -> None:
        with torch.inference_mode():
            start = time.perf_counter()
            entry.predict(classifier, clips)
            between = time.perf_counter()
            scrutiny.predict(clips)
            with_meter.append(time.perf_counter() - between)
            without.append(between - start)

    benchmark.pedantic(both, rounds=5, iterations=1, warmup_rounds=1)
    ratio = statistics.median(with_meter) / statistics.median(without)
    benchmark.extra_info.update(times_slower_than_without=ratio, with_meter=with_meter, without=without)
