"""A system and the baseline at the clock, in processes that are started anew for every sitting."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import process
from harness.data.store import Layout
from harness.files import write_bytes
from harness.job import TRAINED, Answer, ChannelFiles, Job
from harness.nursery import Nursery
from harness.outcomes import Mistake, Outcome
from harness.process import Watch
from harness.results import Reason
from harness.throughput import channel, sitting
from harness.throughput.asking import Party
from harness.throughput.channel import Shape
from harness.throughput.sitting import Mode, Sitting, Who, Words

GRACE_SECONDS = 60.0
"""For a process to look at its weights once more and to write its answer."""

SHORT_GRACE_SECONDS = 2.0
POLL_SECONDS = 0.2
CHANNEL = "channel"


@dataclass(frozen=True)
class Timed:
    """A system that is to be timed: its job (all but the channel), its trained classifier, the clips it is asked about.

    `heard_by` is the number of each clip's device in `job.test_devices`, where a system is told.
    """

    job: Job
    trained: Path
    clips: Layout
    heard_by: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Terms:
    """How a sitting is held; `seconds` is about what its rounds take, `patience` what one request may, at most."""

    batch: int
    modes: tuple[Mode, ...]
    seconds: float
    patience: float
    limit_seconds: float


@dataclass(frozen=True)
class Sat:
    """What came of a sitting: its record, the logits that the system gave, what both processes answered in the end."""

    record: Sitting
    logits: NDArray[np.float32]
    answers: Mapping[Who, Answer]


class Failed(Exception):
    """A sitting that came to nothing, and the answer that says why."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer.reason))
        self.answer = answer


def sit(timed: Mapping[Who, Timed], terms: Terms, folder: Path, nurseries: Mapping[Who, Nursery]) -> Sat:
    """One sitting in `folder`. Raises `Failed` where the system, or the baseline, did not go through with it."""
    for nursery in nurseries.values():
        nursery.ready()
    jobs = {who: _job(one, terms, folder / who) for who, one in timed.items()}
    watches: dict[Who, Watch] = {who: Watch() for who in timed}
    try:
        with ExitStack() as stack:
            children = {
                who: stack.enter_context(process.started(job, nurseries[who], watches[who]))
                for who, job in jobs.items()
            }
            pids = {who: child.pid for who, child in children.items()}
            words = _words(timed, jobs, pids, terms)
            stack.enter_context(_going_on(list(pids.values())))
            write_bytes(sitting.words_file(folder), words.model_dump_json().encode())
            fine = _clock(folder, terms.limit_seconds)
            for who, child in children.items():
                with suppress(ProcessLookupError):
                    os.kill(child.pid, signal.SIGCONT)
                child.wait(GRACE_SECONDS if fine else SHORT_GRACE_SECONDS)
                watches[who].status = child.status
        return _result(folder, jobs, watches)
    finally:
        for who in timed:
            shutil.rmtree(folder / who / CHANNEL, ignore_errors=True)


def _job(timed: Timed, terms: Terms, folder: Path) -> Job:
    """The job of the process that is asked, with a channel of its own."""
    job = timed.job
    shape = Shape(clips=terms.batch, samples=timed.clips.samples, classes=len(job.task.labels))
    channel.make(folder / CHANNEL, shape)
    trained = folder / TRAINED
    trained.unlink(missing_ok=True)
    trained.symlink_to(timed.trained)
    files = ChannelFiles(folder=folder / CHANNEL, shape=shape)
    return job.model_copy(update={"stage": "time", "folder": folder, "channel": files})


def _words(timed: Mapping[Who, Timed], jobs: Mapping[Who, Job], pids: Mapping[Who, int], terms: Terms) -> Words:
    parties = {}
    for who, job in jobs.items():
        assert job.channel is not None  # noqa: S101 - made just now
        parties[who] = Party(
            name=who, pid=pids[who], folder=job.channel.folder, shape=job.channel.shape, patience=terms.patience
        )
    return Words(
        parties=parties,
        clips={who: one.clips for who, one in timed.items()},
        heard_by={who: one.heard_by for who, one in timed.items()},
        batch=terms.batch,
        modes=terms.modes,
        seconds=terms.seconds,
        accelerator=any(job.device == "cuda" for job in jobs.values()),
    )


@contextmanager
def _going_on(pids: list[int]) -> Iterator[None]:
    """A process that is stopped cannot be asked to end: whatever happens, these are woken first."""
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGCONT)


def _clock(folder: Path, seconds: float) -> bool:
    """Runs the clock's process to its end; True where all turns were taken."""
    root = Path(__file__).resolve().parent.parent.parent
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    search = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    environment = {**kept, "PYTHONPATH": search, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    for left in (sitting.SITTING, sitting.ANSWERS, sitting.FAILURE):
        (folder / left).unlink(missing_ok=True)
    deadline = time.monotonic() + seconds
    with (folder / "clock.log").open("wb") as stream:
        command = [sys.executable, "-m", "harness.throughput.clock", str(folder)]
        clock = subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT, env=environment, cwd=folder
        )
        try:
            while clock.poll() is None and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)
            if clock.poll() is None:
                problem = f"It was not timed within {seconds:g} s."
                raise Mistake(
                    "speed.time", problem, "Give it more time with time_seconds of the track, or a smaller batch."
                )
        finally:
            clock.kill()
            clock.wait()
    return clock.returncode == 0


def _result(folder: Path, jobs: Mapping[Who, Job], watches: Mapping[Who, Watch]) -> Sat:
    """What was measured; else what went wrong first: what a process says itself, what the clock saw, how one ended."""
    answers = {who: process.read_answer(job, watches[who]) for who, job in jobs.items()}
    failure = folder / sitting.FAILURE
    wrong = {who: answer for who, answer in answers.items() if answer.outcome is not Outcome.OK}
    for who, answer in wrong.items():
        if jobs[who].answer_file.is_file() or not failure.is_file():
            raise Failed(answer)
    if failure.is_file():
        reason = Reason.model_validate_json(failure.read_bytes())
        raise Failed(Answer(outcome=Outcome.REFUSED, reason=reason))
    record = Sitting.model_validate_json((folder / sitting.SITTING).read_bytes())
    logits: NDArray[Any] = np.load(folder / sitting.ANSWERS)
    return Sat(record, logits, answers)
