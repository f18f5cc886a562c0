"""What the tests of the pages share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.results import Result
from leaderboard import site
from tests.leaderboard.made import write

Page = Callable[..., str]


@pytest.fixture
def page(tmp_path: Path) -> Page:
    """Writes results and builds the page: a function that returns its HTML."""

    def built(*results: Result) -> str:
        write(tmp_path / "results", *results)
        return site.build([tmp_path / "results"], tmp_path / "site").index.read_text(encoding="utf-8")

    return built
