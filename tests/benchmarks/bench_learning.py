"""What augmentations and online teachers add to a training step: the parts of a step take turns, medians."""

from __future__ import annotations

import os
import statistics

from pytest_benchmark.fixture import BenchmarkFixture

from harness.nursery import MEMORY
from tests.benchmarks.jobs import JOBS
from tests.benchmarks.steps import Stepper

ROUNDS = 7


def turns(benchmark: BenchmarkFixture, job: str, parts: tuple[str, ...]) -> dict[str, float]:
    """Median seconds of each part of a job, in alternating rounds of one process."""
    stepper = Stepper(job, "ours", MEMORY)
    seconds: dict[str, list[float]] = {part: [] for part in parts}

    def sweep() -> None:
        for part in parts:
            seconds[part].append(stepper(part))

    benchmark.pedantic(sweep, rounds=ROUNDS, iterations=1, warmup_rounds=1)
    stepper.close()
    medians = {part: statistics.median(values[1:]) for part, values in seconds.items()}
    clips = JOBS[job].clips
    benchmark.extra_info.update(cores=len(os.sched_getaffinity(0)), data=seconds, medians=medians, clips=clips)
    return medians


def test_augmentations(benchmark: BenchmarkFixture) -> None:
    """Rolling, impulse responses, masks and Freq-MixStyle: their share of the step that has them all."""
    medians = turns(benchmark, "augmentations", ("none", "mixing", "everything"))
    benchmark.extra_info["share_of_the_step"] = (medians["everything"] - medians["none"]) / medians["everything"]


def test_teachers(benchmark: BenchmarkFixture) -> None:
    """Three CP-ResNets online: what they add to the step, against their forward passes alone."""
    medians = turns(benchmark, "teachers", ("alone", "teachers", "taught"))
    added = medians["taught"] - medians["alone"]
    benchmark.extra_info["added_against_forward_passes"] = added / medians["teachers"]
