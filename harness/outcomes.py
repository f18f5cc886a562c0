"""How a cell can end, and the one family of mistakes that are answered with a sentence instead of a traceback.

    Mistake            of an author, an organiser or a user: rule id, what is wrong, what to do
     ├ OverLimit       the network is larger than its edition allows
     └ NotCountable    an operator that nobody can count

Anything else that is raised is a bug of ours, or of an entry, and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import StrEnum


class Outcome(StrEnum):
    """The closed set of ends of a cell. Each failure is a row on the board, not a gap."""

    OK = "ok"
    REFUSED = "refused"
    OVER_LIMIT = "over_limit"
    NOT_COUNTABLE = "not_countable"
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    CRASHED = "crashed"
    INTERRUPTED = "interrupted"
    SKIPPED = "skipped"


class Mistake(Exception):
    """Something a person can put right: `rule` is its id, `problem` one sentence, `remedy` what to do."""

    outcome = Outcome.REFUSED

    def __init__(self, rule: str, problem: str, remedy: str) -> None:
        super().__init__(f"{problem} {remedy}")
        self.rule = rule
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.problem} {self.remedy} [{self.rule}]"


class OverLimit(Mistake):
    """The network is larger than its edition allows."""

    outcome = Outcome.OVER_LIMIT


class NotCountable(Mistake):
    """The network does arithmetic that nobody can count."""

    outcome = Outcome.NOT_COUNTABLE


MOST_NAMES = 60
"""Where there are more, a sentence does not list them all."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """A half sentence that names the nearest valid name, or all of them: `Did you mean "epochs"?`."""
    names = sorted(valid)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f'Did you mean "{close[0]}"?'
    if len(names) > MOST_NAMES:
        return f'The nearest of {len(names):,} valid names is "{difflib.get_close_matches(name, names, 1, 0)[0]}".'
    return f"Valid names: {', '.join(names) or 'none'}."


def first_line(error: BaseException) -> str:
    """The first line of what an exception says."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else "no message."
