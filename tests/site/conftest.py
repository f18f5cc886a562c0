"""The two sites under test, and one browser for all tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from leaderboard import site as leaderboard_site
from tests.conftest import PROJECT
from tests.site import browsing, machine, made_site
from tests.site.browsing import Visit
from tests.site.pages import Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser

DEEP = "1/2/3/4"
"""Folders above the site: a name that climbs out of it lands here, where it is seen."""


@pytest.fixture(scope="session", params=["own", "made"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The site of the project's own results, and that of sixty made systems."""
    around = tmp_path_factory.mktemp(f"{request.param}-site")
    reports = around / DEEP / "reports"
    results = reports / "results"
    if request.param == "made":
        made_site.write(results)
    else:
        shutil.copytree(PROJECT / "reports" / "results", results)
    before = _files(around)
    leaderboard_site.build([results], reports / "site")
    outside = [path for path in _files(around) - before if not path.is_relative_to(reports / "site")]
    return Site(reports / "site", results, tuple(sorted(map(str, outside))))


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium of the system for the whole session."""
    playwright = machine.playwright()
    program = machine.chromium()
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=program)
        yield started
        started.close()


@pytest.fixture(scope="session")
def npm_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `node_modules` that holds axe-core and the HTML validator."""
    kept = os.environ.get(machine.PACKAGES)
    return machine.npm_packages(Path(kept).resolve() if kept else tmp_path_factory.mktemp("npm"))


@pytest.fixture(scope="session")
def visits(browser: Browser, site: Site) -> tuple[Visit, ...]:
    """A visit of every page."""
    return browsing.visited(browser, site.pages, browsing.LIGHT)


@pytest.fixture(scope="session")
def visits_without_scripts(browser: Browser, site: Site) -> tuple[Visit, ...]:
    """A visit of every page with JavaScript switched off."""
    return browsing.visited(browser, site.pages, browsing.PLAIN)
