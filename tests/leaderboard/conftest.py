"""What the tests of the pages share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.results import Result
from harness.throughput import speed
from harness.throughput.speed import Speed
from leaderboard import site
from leaderboard.site import Report
from tests.leaderboard.made import write


@dataclass(frozen=True)
class Site:
    """A built site: its folder, that of its results, and what the build reported."""

    out: Path
    results: Path
    report: Report

    def html(self, name: str) -> str:
        """A page by its path."""
        return (self.out / name).read_text(encoding="utf-8")

    def pages(self) -> dict[str, str]:
        """Every page by its path."""
        return {path.relative_to(self.out).as_posix(): path.read_text("utf-8") for path in self.out.rglob("*.html")}


Build = Callable[..., Site]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Writes results, with predictions where they were made with `predicted`, and builds the site of no entries."""

    def built(*results: Result, speeds: Sequence[Speed] = ()) -> Site:
        write(tmp_path / "results", *results)
        for one in speeds:
            speed.write(one, tmp_path / "results")
        out = tmp_path / "site"
        return Site(out, tmp_path / "results", site.build([tmp_path / "results"], out, project=tmp_path))

    return built
