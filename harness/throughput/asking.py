"""The end of a channel at which the clock runs: a process is woken and asked, and stopped again."""

from __future__ import annotations

import errno
import os
import select
import signal
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from harness.outcomes import Mistake
from harness.throughput.channel import LETTERS, MESSAGE, REPLIES, REQUESTS, Channel, Kind, Shape
from harness.validated import Record

OPENING_SECONDS = 120.0
POLL_SECONDS = 0.01


class Ended(Mistake):
    """The process that was asked gives no answer: it has ended, took too long, or did what it may not."""

    def __init__(self, name: str, rule: str, why: str, remedy: str = "The log of the stage `time` says more.") -> None:
        super().__init__(rule, f"While it was timed, the {name} {why}.", remedy)


class Party(Record):
    """A process that holds a system: its channel, and how long it may take over one request."""

    name: str
    pid: int
    folder: Path
    shape: Shape
    patience: float


class Asking:
    """One system, as the clock's process sees it: it is stopped, but while it is asked."""

    def __init__(self, party: Party) -> None:
        self.party = party
        self.channel = Channel(party.folder, party.shape)
        self._process = psutil.Process(party.pid)
        self._requests = _opened_for_writing(party)
        self._replies = os.open(party.folder / REPLIES, os.O_RDONLY)
        self._waiting = select.poll()
        self._waiting.register(self._replies, select.POLLIN | select.POLLHUP)
        self._patience = int(1000 * party.patience)
        self._scheduled = {(frozenset(os.sched_getaffinity(0)), os.getpriority(os.PRIO_PROCESS, 0))}

    def ask(self, kind: Kind, count: int) -> NDArray[np.float32]:
        """The answer, copied out of `channel.outputs`. This is what is timed: until now the process was stopped."""
        self._signal(signal.SIGCONT)
        try:
            os.write(self._requests, MESSAGE.pack(LETTERS[kind], count))
        except BrokenPipeError:
            raise Ended(self.party.name, "speed.ended", "ended") from None
        if not self._waiting.poll(self._patience):
            why = f"took longer than {self.party.patience:g} s over one request"
            raise Ended(self.party.name, "speed.time", why, "Make it faster.")
        if not os.read(self._replies, 1):
            raise Ended(self.party.name, "speed.ended", "ended")
        answer: NDArray[np.float32] = self.channel.outputs[:count].copy()
        return answer

    def stop(self) -> None:
        """Stops the process with all its threads; returns when it stands still."""
        self._signal(signal.SIGSTOP)
        deadline = time.monotonic() + self.party.patience
        while self._process.status() != psutil.STATUS_STOPPED:
            if time.monotonic() > deadline or not _alive(self.party.pid):
                raise Ended(self.party.name, "speed.ended", "ended")

    def require_untouched(self) -> None:
        """Raises `Ended` where it has started processes, or somebody has changed how its threads are scheduled."""
        if self._process.children(recursive=True):
            why = "started processes of its own"
            raise Ended(self.party.name, "speed.processes", why, "Predict in one process.")
        if self._scheduling() - self._scheduled:
            why = "was given other cores or another priority by somebody"
            raise Ended(self.party.name, "speed.meddling", why, "Leave the scheduling of all processes alone.")

    def _scheduling(self) -> set[tuple[frozenset[int], int]]:
        """Cores and niceness of its threads (Linux)."""
        threads = [thread.id for thread in self._process.threads()] if hasattr(os, "sched_getaffinity") else []
        found = set()
        for thread in threads:
            with suppress(ProcessLookupError):
                found.add((frozenset(os.sched_getaffinity(thread)), os.getpriority(os.PRIO_PROCESS, thread)))
        return found

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.party.pid, number)

    def seconds_of_processor(self) -> float:
        """What the process has used so far, all threads together."""
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def peak_memory(self) -> int:
        """The most memory that the process has had at one time, in bytes (Linux: VmHWM; elsewhere what it has now)."""
        status = Path(f"/proc/{self.party.pid}/status")
        if status.is_file():
            for line in status.read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        return int(self._process.memory_info().rss)

    def close(self) -> None:
        """Nobody will ask again: the process writes its answer and ends."""
        self._signal(signal.SIGCONT)
        os.close(self._requests)
        os.close(self._replies)


def _opened_for_writing(party: Party) -> int:
    """The pipe of requests, once somebody reads it."""
    deadline = time.monotonic() + OPENING_SECONDS
    while True:
        try:
            handle = os.open(party.folder / REQUESTS, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO or time.monotonic() > deadline or not _alive(party.pid):
                raise Ended(party.name, "speed.ended", "ended") from None
            time.sleep(POLL_SECONDS)
        else:
            os.set_blocking(handle, True)
            return handle


def _alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
