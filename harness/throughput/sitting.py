"""One sitting: what the clock's process is told and what it has measured, in files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from harness.data.store import Layout
from harness.throughput.asking import Party
from harness.throughput.mixing import Mixture
from harness.validated import Record

Who = Literal["baseline", "system"]
Mode = Literal["one", "batch", "network"]
"""One clip at a time; the track's batch; the same without the frontend."""

FIRST_WARM_UP, WARM_UP = 3, 1
"""Calls before anything counts: when a system is asked in a mode for the first time, and when it wakes again."""

TURNS = 4
"""How often in a sitting the turn goes from one system to the other, in every mode."""

MOST_ROUNDS = 25
"""Of one turn."""


class Words(Record):
    """What the clock's process is told.

    `clips` are the test clips at each system's own rate, `heard_by` the number of each clip's device where a system is
    told which that is. `seconds` is about what the rounds of all modes take. What clips are mixed by is not here:
    systems could read it.
    """

    parties: dict[Who, Party]
    clips: dict[Who, Layout]
    heard_by: dict[Who, tuple[int, ...] | None]
    batch: int
    modes: tuple[Mode, ...]
    seconds: float
    accelerator: bool


class Round(Record):
    """One request. `known`: of test clips as they are; those count for nothing but whether the logits are the same."""

    seconds: float
    known: bool
    joules: float | None = None


class Turn(Record):
    """Rounds of one system in one mode, one after the other."""

    who: Who
    mode: Mode
    rounds: tuple[Round, ...]

    @property
    def seconds(self) -> list[float]:
        """Of the rounds that count."""
        return [one.seconds for one in self.rounds if not one.known]


class Answered(Record):
    """What the system under test was asked in one round, and where its logits begin in the array of all of them."""

    mode: Mode
    mixtures: tuple[Mixture, ...]
    start: int


class Sitting(Record):
    """What was measured.

    `overhead` (s): a request for nothing. `others`: cores that processes other than these kept busy meanwhile. `peak`:
    multiply-accumulates a second of the fastest product of matrices, before the turns or after them.
    """

    turns: tuple[Turn, ...]
    answered: tuple[Answered, ...]
    peak_memory: dict[Who, int]
    overhead: float
    others: float
    peak: float | None = None
    energy: tuple[str, ...] = ()


SITTING, ANSWERS, FAILURE = "sitting.json", "answers.npy", "failure.json"


def of(turns: Sequence[Turn], who: Who, mode: Mode) -> list[Turn]:
    """The turns of one system in one mode."""
    return [turn for turn in turns if (turn.who, turn.mode) == (who, mode)]


def batch_of(mode: Mode, batch: int) -> int:
    """Clips of a request."""
    return 1 if mode == "one" else batch


def words_file(folder: Path) -> Path:
    """Where the clock's process finds what it is told."""
    return folder / "words.json"
