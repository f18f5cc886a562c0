"""What stands in for processes and for progress where a test is about neither."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from harness.data.packing import Progress


@contextmanager
def in_threads(workers: int, _task: str) -> Iterator[ThreadPoolExecutor]:
    """For `workers.pool`, whose processes take seconds to start."""
    with ThreadPoolExecutor(workers) as pool:
        yield pool


@contextmanager
def silently(_what: str = "") -> Iterator[Progress]:
    """For what tells of progress, with or without saying of what."""
    yield lambda _done, _total: None
