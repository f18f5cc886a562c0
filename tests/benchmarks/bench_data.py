"""Data at the size of TAU 2022 Mobile: 230,350 names, of which few have a sound of their own (see `tau_sized`)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.nursery import MEMORY
from tests.benchmarks import tau_sized

PROJECT = Path(__file__).resolve().parents[2]
LOOK_SECONDS = 0.2


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As many files as TAU has."""
    place = tmp_path_factory.mktemp("large")
    return tau_sized.folder(place / "data", tau_sized.made_sounds(place / "sounds"))


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def figures(task: str, folder: Path, cache: Path) -> dict[str, Any]:
    """What the task printed, and the most memory its processes held together (GiB, without mapped files)."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.data_tasks", task, str(folder), str(cache)],
        cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT), **MEMORY}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    peak = 0
    while process.poll() is None:
        peak = max(peak, _held(psutil.Process(process.pid)))
        time.sleep(LOOK_SECONDS)
    assert process.returncode == 0
    assert process.stdout is not None
    with process.stdout as output:
        return {**json.loads(output.read()), "peak_gib": peak / 2**30}


def _held(process: psutil.Process) -> int:
    held = 0
    try:
        for one in (process, *process.children(recursive=True)):
            memory = one.memory_info()
            held += memory.rss - memory.shared
    except psutil.Error:
        pass
    return held


@pytest.mark.parametrize("task", ["raw", "lists", "verify", "pack", "open"])
def test_tau_sized(benchmark: BenchmarkFixture, large: Path, cache: Path, task: str) -> None:
    """Tasks in this order: `open` needs the store that `pack` made."""
    found: dict[str, Any] = {}
    rounds = 3 if task == "open" else 1
    benchmark.pedantic(lambda: found.update(figures(task, large, cache)), rounds=rounds, iterations=1)
    benchmark.extra_info.update(found)


def test_shuffled_epoch(benchmark: BenchmarkFixture, cache: Path) -> None:
    found: list[dict[str, Any]] = []
    benchmark.pedantic(lambda: found.append(figures("epoch", cache, cache)), rounds=3, iterations=1)
    benchmark.extra_info.update(sorted(found, key=lambda one: one["clips_per_second"])[1])
