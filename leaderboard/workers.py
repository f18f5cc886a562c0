"""Many alike pieces of work, spread over the processor's cores by forking: what they read is already in memory."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")

FEW = 200
"""Pieces below which processes cost more than they save."""

CHUNK = 16

_work: Callable[[int], Any] | None = None


def spread(work: Callable[[int], T], count: int, *, chunk: int = CHUNK, few: int = FEW) -> Iterator[T]:
    """`work` of 0 … count - 1, in this order; results travel by pickling, what `work` holds does not.

    Processes get `chunk` pieces at a time; with fewer than `few` pieces there are no processes.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    if count < few or cores < 2 or "fork" not in multiprocessing.get_all_start_methods():
        yield from map(work, range(count))
        return
    global _work  # noqa: PLW0603 - what a fork inherits has to lie somewhere
    before, _work = _work, work
    try:
        with multiprocessing.get_context("fork").Pool(cores) as pool:
            yield from pool.imap(_call, range(count), chunk)
    finally:
        _work = before


def _call(number: int) -> Any:  # noqa: ANN401 - whatever the work gives
    assert _work is not None  # noqa: S101 - forked from `spread`
    return _work(number)
