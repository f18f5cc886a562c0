"""Processes that share the work on many files: one thread each, and none of them outlives this one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context

from harness.lifeline import die_with_parent
from harness.outcomes import Mistake


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0))


@contextmanager
def pool(workers: int, task: str) -> Iterator[ProcessPoolExecutor]:
    """A pool whose processes are spawned (the caller may hold threads); `task` is what they do, for the message.

    Raises `Mistake` when one of them is killed, as the kernel does where memory runs out.
    """
    started = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=die_with_parent)
    try:
        yield started
    except BrokenProcessPool:
        problem = f"A process that {task} was killed."
        raise Mistake("data.worker", problem, "Free some memory and run again; what is done stays.") from None
    except BaseException:  # a worker may hang in a read from a dead disk, and would be waited for
        for process in active_children():
            process.kill()
        raise
    finally:
        started.shutdown(wait=True, cancel_futures=True)
