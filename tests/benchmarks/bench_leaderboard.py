"""Statistics and pages of large boards, and how long a browser is busy with one."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.benchmarks.made_board import TRACK
from tests.benchmarks.processes import figures
from tests.site import machine

SORTED = "th[aria-sort]"


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,000 systems on five splits with three seeds each: 15,000 cells with their sums."""
    place = tmp_path_factory.mktemp("large")
    figures("board_tasks", "make", place / "results", 1000, 3, "sums")
    return place


def test_statistics_from_predictions(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """10,000 resamples of 50 systems, five splits and 29,680 clips: at most 30 s on two cores."""
    figures("board_tasks", "make", tmp_path, 50, 1, "predictions")
    found: list[dict[str, Any]] = []
    benchmark.pedantic(lambda: found.append(figures("board_tasks", "weigh", tmp_path)), rounds=3, iterations=1)
    benchmark.extra_info.update(_median(found))


def test_build_of_1000_systems(benchmark: BenchmarkFixture, large: Path) -> None:
    """From nothing: at most 60 s and 1 GiB; the board at most 2 MB."""
    found: dict[str, Any] = {}
    work = ("board_tasks", "build", large / "results", large / "site")
    benchmark.pedantic(lambda: found.update(figures(*work)), rounds=1, iterations=1)
    benchmark.extra_info.update(found)


def test_build_again(benchmark: BenchmarkFixture, large: Path) -> None:
    """Where nothing has changed; after the test before it."""
    found: dict[str, Any] = {}
    work = ("board_tasks", "build", large / "results", large / "site")
    benchmark.pedantic(lambda: found.update(figures(*work)), rounds=1, iterations=1)
    assert found["written"] == 0
    benchmark.extra_info.update(found)


def test_board_of_1000_systems_in_a_browser(benchmark: BenchmarkFixture, large: Path) -> None:
    """Seconds until the page is loaded, and until a click has sorted its table; after the tests before it."""
    page = (large / "site" / TRACK / "index.html").as_uri()
    loaded: list[float] = []
    sorted_in: list[float] = []
    with machine.playwright().sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=machine.chromium(), args=["--no-sandbox"])

        def visit() -> None:
            tab = browser.new_page()
            tab.goto(page)
            loaded.append(tab.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") / 1000)
            start = time.perf_counter()
            tab.click("#ranked-table thead button >> nth=2")
            tab.wait_for_selector(SORTED)
            sorted_in.append(time.perf_counter() - start)
            tab.close()

        benchmark.pedantic(visit, rounds=5, iterations=1)
        benchmark.extra_info.update(browser=browser.version)
        browser.close()
    benchmark.extra_info.update(seconds=statistics.median(loaded), sorted_in=statistics.median(sorted_in))


def _median(found: list[dict[str, Any]]) -> dict[str, Any]:
    return sorted(found, key=lambda one: one["seconds"])[len(found) // 2]
