"""A training by several processes: each has its rank, its share of every batch, and an accelerator of its own.

The process of the stage starts them, before it has touched what a fork would break (CUDA, threads), and waits for their
ends; they meet through a file. Who fails ends the stage: the others would wait for it.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import torch
import torch.distributed as dist

from harness.files import write_bytes
from harness.job import Answer, Job, silent_end
from harness.lifeline import die_with_parent
from harness.outcomes import Outcome

RANKS = "ranks"
"""The folder, in a cell's, where the processes of a training meet and leave their answers."""

BACKENDS = {"cpu": "gloo", "cuda": "cpu:gloo,cuda:nccl"}
PATIENCE = timedelta(minutes=30)
"""How long a process waits for another one before it gives up, and the stage with it."""

LOST = ("Timed out waiting", "Connection closed by peer", "Connection reset by peer")
"""What gloo says where another process does not come, or has ended: its errors have no type of their own."""

LOOPBACK = {"GLOO_SOCKET_IFNAME": "lo"} if sys.platform == "linux" else {}
"""They are all on this machine, whose name need not be an address."""


def together(job: Job, stage: Callable[[Job], Answer]) -> Answer:
    """The answer of a stage that `job.processes` processes run: that of the first of them, or of the first to fail."""
    shutil.rmtree(job.folder / RANKS, ignore_errors=True)
    (job.folder / RANKS).mkdir()
    ranks = [job.model_copy(update={"rank": rank}) for rank in range(job.processes)]
    running = {_started(one, stage): one for one in ranks}
    failed: list[Job] = []
    answers: dict[int | None, Answer] = {}
    while running and not failed:
        for one, status in _ended(running):
            answers[one.rank] = _left(one, status)
            failed += [one] if answers[one.rank].outcome is not Outcome.OK else []
    for pid in running:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    first = min(failed, key=_time_of_answer) if failed else ranks[0]
    shutil.rmtree(job.folder / RANKS)
    return answers[first.rank]


def leave(answer: Answer, file: Path) -> NoReturn:
    """Writes the answer and ends this process without waiting for what the entry left running."""
    write_bytes(file, answer.model_dump_json(indent=1).encode())
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def join(job: Job) -> None:
    """torch.distributed connects this process with the others of its training; nothing happens where there is one."""
    if job.rank is None:
        return
    torch.set_num_threads(max(1, torch.get_num_threads() // job.processes))
    if job.device == "cuda":
        torch.cuda.set_device(job.rank)
    os.environ.update(LOOPBACK)
    store = dist.FileStore(str(job.folder / RANKS / "meeting"), job.processes)  # type: ignore[attr-defined]
    dist.init_process_group(
        BACKENDS[job.device], store=store, rank=job.rank, world_size=job.processes, timeout=PATIENCE
    )


def _started(job: Job, stage: Callable[[Job], Answer]) -> int:
    """The pid of a process that runs the stage and leaves its answer."""
    pid = os.fork()
    if pid:
        return pid
    try:
        die_with_parent()
        leave(stage(job), _answer_file(job))
    finally:
        os._exit(1)  # whatever happens, it never goes on as the one that started it


def _ended(running: dict[int, Job]) -> Iterator[tuple[Job, int]]:
    """Takes those out of `running` that have ended, with their exit status; waits for one."""
    options = 0
    while running:
        pid, status = os.waitpid(-1, options)
        if pid == 0:
            return
        yield running.pop(pid), os.waitstatus_to_exitcode(status)
        options = os.WNOHANG


def _left(job: Job, status: int) -> Answer:
    try:
        return Answer.model_validate_json(_answer_file(job).read_bytes())
    except FileNotFoundError:
        assert job.rank is not None  # noqa: S101 - it is one of several
        return silent_end(job, f"Process {job.rank + 1} of {job.processes} of the stage {job.stage}", status)


def _time_of_answer(job: Job) -> int:
    """When a process that failed said so: who lost another one says it later; 0 for who could say nothing any more."""
    file = _answer_file(job)
    return file.stat().st_mtime_ns if file.is_file() else 0


def _answer_file(job: Job) -> Path:
    return job.folder / RANKS / f"{job.rank}.answer.json"
