"""One network trained by two processes of a core each, against one process of two: in alternating rounds."""

from __future__ import annotations

import os
import statistics
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.nursery import MEMORY
from tests.benchmarks import processes
from tests.benchmarks.together import BATCH

ROUNDS = 3


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core")
def test_two_processes(benchmark: BenchmarkFixture) -> None:
    """The 2024 baseline's network with its frontend and Freq-MixStyle; gradients are added up by gloo."""
    settings = MEMORY | {"OMP_NUM_THREADS": "2"}
    found: dict[str, list[dict[str, Any]]] = {"one": [], "two": []}

    def both() -> None:
        for count, name in enumerate(found, start=1):
            found[name].append(processes.figures("together", count, settings=settings))

    benchmark.pedantic(both, rounds=ROUNDS, iterations=1)
    medians = {name: statistics.median(one["step"] for one in rounds) for name, rounds in found.items()}
    benchmark.extra_info.update(
        cores=len(os.sched_getaffinity(0)),
        load=os.getloadavg(),
        data=found,
        medians=medians,
        times_faster_than_one_process=medians["one"] / medians["two"],
        clips_per_second=BATCH / medians["two"],
    )
