"""Child processes that start at once: a process that has imported torch waits for jobs and forks a child for each.

Importing torch takes seconds; a cell starts two or three processes. The waiting process runs nothing of an entry
itself.

    python -m harness.nursery     reads a job file's path a line; answers "<pid>" and, later, "<exit status>"
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from harness.lifeline import die_with_parent

MEMORY = {"THP_MEM_ALLOC_ENABLE": "1", "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40)}
"""Freed memory is kept and large tensors lie on huge pages (glibc, Linux). A training step allocates gigabytes; to hand
them back and fault them in again at every step took longer than the arithmetic (reports/benchmarks)."""


class NurseryDied(RuntimeError):
    """The waiting process ended, and with it the child that was running."""


class Child:
    """A forked child: its pid, and its exit status once it has ended (negative: the signal that ended it)."""

    def __init__(self, pid: int, answers: _Lines) -> None:
        self.pid = pid
        self.status: int | None = None
        self._answers = answers

    def wait(self, seconds: float) -> bool:
        """True when the child has ended; waits for that at most `seconds`."""
        if self.status is None:
            line = self._answers.next(seconds)
            self.status = int(line) if line is not None else None
        return self.status is not None


class Nursery:
    """The waiting process as its owner sees it: started when first needed, ended with the block."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: _Lines | None = None

    def __enter__(self) -> Nursery:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def ready(self) -> None:
        """Sees to it that the waiting process runs; it may still be importing."""
        if self._process is None or self._process.poll() is not None:
            self._start()

    def launch(self, job_file: Path) -> Child:
        """A child that runs the job. Raises `NurseryDied` where even a fresh waiting process does not answer."""
        self.ready()
        assert self._process is not None  # noqa: S101 - started just now
        assert self._process.stdin is not None  # noqa: S101
        assert self._answers is not None  # noqa: S101
        with suppress(BrokenPipeError):
            self._process.stdin.write(f"{job_file}\n".encode())
        line = self._answers.next(None)
        assert line is not None  # noqa: S101 - waits for ever
        return Child(int(line), self._answers)

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        self._process.wait()

    def _start(self) -> None:
        self._stop()
        root = Path(__file__).resolve().parent.parent
        search = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "harness.nursery"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, start_new_session=True,
            env={**os.environ, "PYTHONPATH": search, "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1", **MEMORY},
        )  # fmt: skip
        assert self._process.stdout is not None  # noqa: S101
        self._answers = _Lines(self._process.stdout.fileno())


class _Lines:
    """Lines that come through a pipe."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._pending = b""

    def next(self, seconds: float | None) -> str | None:
        """The next line; None when none came within `seconds` (None: waits for ever)."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while b"\n" not in self._pending:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select([self._descriptor], [], [], left)
            if not ready:
                return None
            content = os.read(self._descriptor, 4096)
            if not content:
                raise NurseryDied("the process that starts children has ended")
            self._pending += content
        line, _, self._pending = self._pending.partition(b"\n")
        return line.decode()


def main() -> None:
    """Imports what every child needs, then forks one for each line until the input ends."""
    die_with_parent()
    from harness import child  # noqa: PLC0415 - the import this process exists for

    for line in sys.stdin.buffer:
        job_file = Path(os.fsdecode(line.rstrip(b"\n")))
        pid = os.fork()
        if pid == 0:
            try:
                os.setsid()
                child.run(job_file)
            finally:
                os._exit(1)  # whatever happens, a child never goes on as a nursery
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
