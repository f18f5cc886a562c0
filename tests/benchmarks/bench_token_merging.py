"""Token merging on AST-base: the time each r saves, against the multiply-accumulates it saves."""

from __future__ import annotations

import os
import statistics
from itertools import pairwise

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from baselines.models.patches import grid
from harness.nursery import MEMORY
from tests.benchmarks.jobs import JOBS
from tests.benchmarks.steps import Stepper

RATES = tuple(range(0, 41, 5))
ROUNDS = 9
FRAMES = {"1s": 128, "5s": 512}
WIDTH, DEPTH = 768, 12


def macs(frames: int, r: int) -> int:
    """Multiply-accumulates of AST-base's blocks, patches and 50-class head for one clip (facts, section 5.2)."""
    rows, columns = grid(128, frames, 10)
    tokens = rows * columns + 2
    total = rows * columns * 256 * WIDTH + WIDTH * 50
    for _ in range(DEPTH):
        total += 4 * tokens * WIDTH**2 + 2 * tokens**2 * WIDTH
        gone = min(r, (tokens - 2) // 2)
        total += (-(-tokens // 2)) * (tokens // 2) * 64 if gone else 0
        tokens -= gone
        total += 8 * tokens * WIDTH**2
    return total


@pytest.mark.parametrize("job", [name for name in JOBS if name.startswith("merging")])
def test_time_follows_the_arithmetic(benchmark: BenchmarkFixture, job: str) -> None:
    stepper = Stepper(job, "ours", MEMORY)
    frames = FRAMES[job.split("-")[1]]
    seconds: dict[int, list[float]] = {r: [] for r in RATES}

    def sweep() -> None:
        for r in RATES:
            seconds[r].append(stepper(str(r)))

    benchmark.pedantic(sweep, rounds=ROUNDS, iterations=1, warmup_rounds=1)
    stepper.close()
    medians = {r: statistics.median(values[1:]) for r, values in seconds.items()}
    speed_up = {r: _median_ratio(seconds[0][1:], values[1:]) for r, values in seconds.items()}
    ratio = {r: macs(frames, 0) / macs(frames, r) for r in RATES}
    benchmark.extra_info.update(
        cores=len(os.sched_getaffinity(0)),
        data=seconds,
        medians=medians,
        speed_up=speed_up,
        mac_ratio=ratio,
        share_of_the_mac_ratio_at_40=speed_up[40] / ratio[40],
        speed_up_at_5=speed_up[5],
        faster_with_every_r=all(_median_ratio(seconds[a][1:], seconds[b][1:]) > 1 for a, b in pairwise(RATES)),
        clips_per_second=JOBS[job].clips / medians[40],
    )


def _median_ratio(seconds: list[float], others: list[float]) -> float:
    """Of pairs of one round: what slows the machine down for a while slows both."""
    return statistics.median(one / other for one, other in zip(seconds, others, strict=True))
