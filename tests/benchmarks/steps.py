"""A job of jobs.py in a process of its own, one step at a time.

    python -m tests.benchmarks.steps JOB plain|ours

prints "ready" and then, for every line it reads, takes one step with that line as its argument and prints its seconds.
Several such processes can be made to take turns; each has an environment of its own.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from pytest_benchmark.fixture import BenchmarkFixture

from harness.nursery import MEMORY

PROJECT = Path(__file__).resolve().parents[2]
WARM_UP = 2


class Stepper:
    """A process that takes a step when told to."""

    def __init__(self, job: str, form: str, environment: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.steps", job, form],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT,
            env={**os.environ, "PYTHONPATH": str(PROJECT), **environment},
        )  # fmt: skip
        assert self._line() == "ready"

    def __call__(self, argument: str = "") -> float:
        """Takes one step; its seconds."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{argument}\n")
        self.process.stdin.flush()
        return float(self._line())

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def close(self) -> None:
        self.process.communicate()


def race(benchmark: BenchmarkFixture, job: str, rounds: int, clips: int) -> None:
    """Plain and ours in alternating rounds; ours with the memory settings of the referee's children, and without."""
    forms = {"plain": ("plain", {}), "ours": ("ours", MEMORY), "ours_plain_memory": ("ours", {})}
    steppers = {name: Stepper(job, form, environment) for name, (form, environment) in forms.items()}
    seconds: dict[str, list[float]] = {name: [] for name in forms}

    def others() -> None:
        for name in ("plain", "ours_plain_memory"):
            seconds[name].append(steppers[name]())

    benchmark.pedantic(lambda: seconds["ours"].append(steppers["ours"]()), setup=others, rounds=rounds, iterations=1)
    for stepper in steppers.values():
        stepper.close()
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    benchmark.extra_info.update(
        cores=len(os.sched_getaffinity(0)),
        data=seconds,
        medians=medians,
        times_faster_than_plain=medians["plain"] / medians["ours"],
        without_memory_settings=medians["plain"] / medians["ours_plain_memory"],
        clips_per_second=clips / medians["ours"],
    )


def main() -> None:
    from tests.benchmarks.jobs import JOBS

    name, form = sys.argv[1:]
    step = JOBS[name].start(form)
    for _ in range(WARM_UP):
        step("")
    print("ready", flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        step(line.strip())
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
