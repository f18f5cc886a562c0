"""What pytest-benchmark runs: every test is a turn, one system in one mode (see `clock`)."""

from __future__ import annotations

from pytest_benchmark.fixture import BenchmarkFixture

from harness.throughput.sitting import Mode, Who
from harness.throughput.table import Table


def test_turn(table: Table, who: Who, mode: Mode, benchmark: BenchmarkFixture) -> None:
    table.take(who, mode, benchmark)
