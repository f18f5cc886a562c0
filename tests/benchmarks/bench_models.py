"""Frontends, networks and training steps against their plain form: alternating rounds, the ratio of their medians."""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.benchmarks.jobs import JOBS
from tests.benchmarks.steps import race

ROUNDS = 5


@pytest.mark.parametrize(
    "job", [name for name in JOBS if not name.startswith(("merging", "augmentations", "teachers"))]
)
def test_against_the_plain_form(benchmark: BenchmarkFixture, job: str) -> None:
    race(benchmark, job, ROUNDS, JOBS[job].clips)
