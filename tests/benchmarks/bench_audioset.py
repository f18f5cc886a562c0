"""AudioSet at size: whether one training process is fed from disk, and in how little memory."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.nursery import MEMORY
from tests.benchmarks import processes

CLIPS = 100_000
NEEDED = 40 * 10**9
"""Bytes of disk that the store and some room beside it take."""


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    place = tmp_path_factory.mktemp("audioset")
    if shutil.disk_usage(place).free < NEEDED:
        pytest.skip(f"{NEEDED / 1e9:.0f} GB of free disk are needed where temporary files lie (TMPDIR)")
    processes.figures("audioset_tasks", "make", place, CLIPS)
    yield place
    shutil.rmtree(place)


@pytest.mark.parametrize("task", ["read", "fed"])
def test_shuffled_clips_of_ten_seconds(benchmark: BenchmarkFixture, packed: Path, task: str) -> None:
    """Batches of 12: clips a second, the share of time spent waiting, and memory."""
    found: dict[str, Any] = {}
    benchmark.pedantic(
        lambda: found.update(processes.figures("audioset_tasks", task, packed, CLIPS, settings=MEMORY)),
        rounds=1, iterations=1,
    )  # fmt: skip
    benchmark.extra_info.update(found, clips=CLIPS)
