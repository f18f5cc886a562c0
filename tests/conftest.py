"""Fixtures that more than one test file needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.console import Reporter
from harness.evaluation import Hands, Places
from harness.nursery import Nursery
from tests import made

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and golden numbers beside the project; tests that need it are skipped without it."""
    folder = PROJECT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("../shared is not here: no real data, no golden numbers")
    return folder


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """One process that starts children, for the whole session: importing torch takes seconds."""
    with Nursery() as started:
        yield started


@pytest.fixture
def hands(nursery: Nursery) -> Hands:
    return Hands(nursery, Reporter())


@pytest.fixture(scope="session")
def tau_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set in the TAU layout; tests that change it make their own."""
    return made.tau_folder(tmp_path_factory.mktemp("tau") / "data")


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for the whole session; keys keep tests apart."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def places(tmp_path: Path, cache: Path) -> Places:
    return Places(data=None, lists=None, results=tmp_path / "results", cache=cache, typed_in=tmp_path)


@pytest.fixture
def track(tmp_path: Path, tau_folder: Path) -> str:
    """The path of a track over the small data set."""
    return str(made.track_file(tmp_path / "tiny.toml", tau_folder))
