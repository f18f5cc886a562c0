"""What the referee adds to a cell: the whole command, less the time inside the entry's own train and predict."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

PROJECT = Path(__file__).resolve().parents[2]
ROUNDS = 3


@pytest.mark.parametrize("entry", ["baselines/systems/linear", "baselines/systems/dcase2024"])
def test_overhead_of_a_cell(benchmark: BenchmarkFixture, tmp_path: Path, entry: str) -> None:
    """A new seed every round: data packed and system checked before, as for every cell of a sweep but the first."""
    seeds = iter(range(ROUNDS + 1))
    overheads: list[float] = []

    def command() -> None:
        seed = next(seeds)
        options = ["--seed", str(seed), "--results", str(tmp_path / "results"), "--cache", str(tmp_path / "cache")]
        small = ["--set", "epochs=1"] if entry.endswith("dcase2024") else []
        start = time.perf_counter()
        subprocess.run(
            [
                sys.executable, "-m", "harness", "evaluate", entry, *options, *small, "--no-timing",
                "--out", str(tmp_path / "site"),
            ],
            cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT)}, check=True, capture_output=True,
        )  # fmt: skip
        wall = time.perf_counter() - start
        record = json.loads(next((tmp_path / "results").rglob(f"*seed{seed}*.json")).read_text())
        overheads.append(wall - sum(record["stages"][stage]["work_seconds"] for stage in ("train", "predict")))

    command()
    first = overheads.pop()
    benchmark.pedantic(command, rounds=ROUNDS, iterations=1)
    benchmark.extra_info.update(
        overhead_median=statistics.median(overheads), overhead_data=overheads, overhead_of_the_first_cell=first
    )
