"""What a person sees while cells are walked: a progress bar on a terminal, quiet lines elsewhere; tables at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from tabulate import tabulate

QUIET_SECONDS = 15.0
"""Between two lines about the same step where there is no terminal."""


class Progress(Protocol):
    """Called with how far a step is, and whatever else is worth a glance."""

    def __call__(self, done: int, total: int, shown: str = "") -> None: ...


class Reporter:
    """Tells of steps and their progress on a stream; `say` for a line that stays."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._given = stream
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._step = ""
        self._next_line = 0.0
        self._first: tuple[int, float] | None = None

    @property
    def _stream(self) -> TextIO:
        return self._given or sys.stderr

    def say(self, line: str) -> None:
        """One line that stays."""
        if self._bar:
            self._bar.console.print(line, highlight=False, markup=False)
        else:
            print(line, file=self._stream, flush=True)

    @contextmanager
    def step(self, name: str) -> Iterator[Progress]:
        """A step with a beginning and an end; what it yields is called with how far it is."""
        self._step, self._next_line, self._first = name, time.monotonic() + QUIET_SECONDS, None
        if not self._stream.isatty():
            self.say(f"… {name}")
            yield self._line
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[shown]}"),
            TimeRemainingColumn(),
        )
        with Bar(*columns, console=Console(file=self._stream), transient=True) as bar:
            self._bar, self._task = bar, bar.add_task(name, total=None, shown="")
            try:
                yield self._move
            finally:
                self._bar, self._task = None, None

    def _move(self, done: int, total: int, shown: str = "") -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=total, shown=f"{done}/{total} {shown}")

    def _line(self, done: int, total: int, shown: str = "") -> None:
        now = time.monotonic()
        if self._first is None or done < self._first[0]:
            self._first = (
                done,
                now,
            )  # another stage begins, or a resumed one goes on: what was done before took no time
        if now >= self._next_line:
            self._next_line = now + QUIET_SECONDS
            self.say(f"  {self._step}: {done}/{total} {shown}{self._left(done, total, now)}")

    def _left(self, done: int, total: int, now: float) -> str:
        """About how long the rest takes, at the pace since this command first heard of the step."""
        first, since = self._first or (done, now)
        if done <= first or done >= total:
            return ""
        return f", about {(total - done) * (now - since) / (done - first) / 60:.1f} min left"


def show_table(rows: Sequence[Sequence[object]], headers: Sequence[str], stream: TextIO | None = None) -> None:
    """A plain text table on standard output; numbers stand as they were formatted."""
    columns = zip(*rows, strict=True)
    align = [
        "right" if all(not str(cell) or str(cell)[0] in "-0123456789" for cell in cells) else "left"
        for cells in columns
    ]
    text = tabulate(rows, headers=headers, disable_numparse=True, colalign=align or None)
    print(text, file=stream or sys.stdout, flush=True)
