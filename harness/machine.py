"""One machine, several commands: stages may run beside each other, what is timed runs alone."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = "dcase-bench.lock"


@contextmanager
def shared() -> Iterator[None]:
    """Holds the machine together with others; waits while something is timed."""
    with _held(fcntl.LOCK_SH):
        yield


@contextmanager
def alone(waiting: Callable[[], None]) -> Iterator[None]:
    """Holds the machine for one's own; `waiting` is called where stages of other commands have to end first."""
    with _held(fcntl.LOCK_EX, waiting):
        yield


@contextmanager
def _held(how: int, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """The lock ends with the process, however it ends; every user of the machine may hold it."""
    handle = os.open(Path(tempfile.gettempdir()) / LOCK, os.O_RDONLY | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(handle, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting is not None:
                waiting()
            fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)
