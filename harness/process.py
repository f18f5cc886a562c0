"""Runs a stage in a child process and sees to its end: limits from outside, output kept, nothing left running."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from pydantic import ValidationError

from harness import machine
from harness.files import write_bytes
from harness.job import Answer, Job, silent_end
from harness.lifeline import adopt_orphans
from harness.nursery import Child, Nursery, NurseryDied
from harness.outcomes import Mistake, Outcome
from harness.results import Reason

POLL_SECONDS = 0.05
LOOK_SECONDS = 0.25
"""How often the processes and their memory are looked at; a look costs some 10 ms."""

GRACE_SECONDS = 3.0
MOST_PROCESSES = 256
GIB = 1 << 30
MIB = 1 << 20

OnProgress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Allowance:
    """What a stage may take before it is ended."""

    seconds: float
    memory_gib: float
    log_mib: float


@dataclass
class Watch:
    """What has been seen of a child; `others` are the processes below this one that do not belong to it."""

    deadline: float = 0.0
    others: frozenset[int] = frozenset()
    status: int | None = None
    peak_memory: int = 0
    verdict: tuple[Outcome, Reason] | None = None


def run(job: Job, allowance: Allowance, nursery: Nursery, on_progress: OnProgress | None = None) -> Answer:
    """Runs the stage of `job` in a process group of its own and returns its answer, whatever became of it.

    KeyboardInterrupt ends the child first and is raised again.
    """
    start = time.monotonic()
    watch = Watch()
    try:
        with machine.shared(), started(job, nursery, watch) as child:
            watch.deadline = time.monotonic() + allowance.seconds
            _attend(child, job, allowance, watch, on_progress)
    except NurseryDied:
        watch.status = -signal.SIGKILL
    took = {"seconds": time.monotonic() - start, "peak_memory_bytes": watch.peak_memory}
    answer = read_answer(job, watch).model_copy(update=took)
    write_bytes(job.answer_file, answer.model_dump_json(indent=1).encode())
    return answer


@contextmanager
def started(job: Job, nursery: Nursery, watch: Watch) -> Iterator[Child]:
    """The child process of a job; when the block is left, however that happens, nothing of it is left running.

    Where two of them run at once, both nurseries must be ready before the first is started.
    """
    adopt_orphans()
    job_file = _prepared(job)
    nursery.ready()
    watch.others = frozenset(process.pid for process in _descendants())
    child = nursery.launch(job_file)
    try:
        yield child
    finally:
        _end(child, watch)


def _prepared(job: Job) -> Path:
    """The job's file; what an earlier run has left is taken away."""
    job.folder.mkdir(parents=True, exist_ok=True)
    for left in (job.answer_file, job.progress_file, job.log_file):
        left.unlink(missing_ok=True)
    path = job.folder / f"{job.stage}.job.json"
    write_bytes(path, job.model_dump_json(indent=1).encode())
    return path


def _attend(child: Child, job: Job, allowance: Allowance, watch: Watch, on_progress: OnProgress | None) -> None:
    """Waits for the child; ends the wait with a verdict when it takes more than it may."""
    next_look = 0.0
    shown = b""
    while watch.verdict is None and not child.wait(POLL_SECONDS):
        if time.monotonic() >= next_look:
            watch.verdict = _excess(job, allowance, watch)
            shown = _pass_on(job, shown, on_progress)
            next_look = time.monotonic() + LOOK_SECONDS
    watch.status = child.status
    _pass_on(job, shown, on_progress)


def _excess(job: Job, allowance: Allowance, watch: Watch) -> tuple[Outcome, Reason] | None:
    """What the child has too much of, if anything."""
    family = _family(watch.others)
    memory = sum(_private_memory(process) for process in family)
    watch.peak_memory = max(watch.peak_memory, memory)
    if time.monotonic() > watch.deadline:
        problem = f"The stage {job.stage} took longer than {allowance.seconds:g} s."
        return Outcome.TIMED_OUT, Reason(rule="stage.time", problem=problem, remedy="Make it faster or shorter.")
    if memory > allowance.memory_gib * GIB:
        problem = f"The stage {job.stage} took more than {allowance.memory_gib:g} GiB of memory."
        return Outcome.OUT_OF_MEMORY, Reason(rule="stage.memory", problem=problem, remedy="Use smaller batches.")
    if len(family) > MOST_PROCESSES:
        problem = f"The stage {job.stage} started more than {MOST_PROCESSES} processes."
        return Outcome.CRASHED, Reason(rule="stage.processes", problem=problem, remedy="Start fewer.")
    if job.log_file.is_file() and job.log_file.stat().st_size > allowance.log_mib * MIB:
        problem = f"The stage {job.stage} printed more than {allowance.log_mib:g} MiB."
        return Outcome.CRASHED, Reason(rule="stage.output", problem=problem, remedy="Print less.")
    return None


def _family(others: frozenset[int]) -> list[psutil.Process]:
    """The child and all that descends from it, also what left its session: all below us but `others`."""
    return [process for process in _descendants() if process.pid not in others]


def _descendants() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def _private_memory(process: psutil.Process) -> int:
    """Resident bytes that are not files mapped into memory."""
    try:
        memory = process.memory_info()
    except psutil.Error:
        return 0
    return max(0, memory.rss - getattr(memory, "shared", 0))


def _pass_on(job: Job, shown: bytes, on_progress: OnProgress | None) -> bytes:
    """Tells of progress when there is something new; returns what was told last."""
    try:
        content = job.progress_file.read_bytes()
    except OSError:
        return shown
    if content == shown or on_progress is None:
        return content
    done, total, metrics = [*content.decode(errors="replace").split(" ", 2), "", "", ""][:3]
    if done.isdigit() and total.isdigit():
        on_progress(int(done), int(total), metrics)
    return content


def _end(child: Child, watch: Watch) -> None:
    """Terminates the child's group if it still runs, then kills whatever is left of its family."""
    if child.status is None:
        _signal_group(child.pid, signal.SIGTERM)
        with suppress(NurseryDied):
            child.wait(GRACE_SECONDS)
    _signal_group(child.pid, signal.SIGKILL)
    with suppress(NurseryDied):
        child.wait(GRACE_SECONDS)
    for _ in range(MOST_PROCESSES):
        left = _family(watch.others)
        for process in left:
            with suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
                process.kill()
                process.wait(GRACE_SECONDS)
        if not left:
            break


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def read_answer(job: Job, watch: Watch) -> Answer:
    """The child's own answer, or what its end says when it left none."""
    if watch.verdict is not None:
        outcome, reason = watch.verdict
        return Answer(outcome=outcome, reason=reason)
    try:
        return Answer.model_validate_json(job.answer_file.read_bytes())
    except (OSError, ValidationError):
        return silent_end(job, f"The stage {job.stage}", watch.status or 0)


def as_reason(mistake: Mistake) -> Reason:
    """A mistake as the record that results keep."""
    return Reason(rule=mistake.rule, problem=mistake.problem, remedy=mistake.remedy)
