"""Data at the size of TAU 2022 Mobile: 230,350 names, of which few have a sound of their own (see `tau_sized`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.nursery import MEMORY
from tests.benchmarks import processes, tau_sized


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As many files as TAU has."""
    place = tmp_path_factory.mktemp("large")
    return tau_sized.folder(place / "data", tau_sized.made_sounds(place / "sounds"))


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def figures(task: str, folder: Path, cache: Path) -> dict[str, Any]:
    """What a task of `data_tasks` printed, and the memory that it took."""
    return processes.figures("data_tasks", task, folder, cache, settings=MEMORY)


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
