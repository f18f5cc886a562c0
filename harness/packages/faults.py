"""What is wrong with a package, so that whoever made it can put it right: file, line, key, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong; a `warning` is no reason to refuse the package.

    `file` as it is called in the package, `line` from 1, `key` of a meta file with dots.
    """

    rule: str
    file: str
    problem: str
    remedy: str
    line: int | None = None
    key: str | None = None
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        where = [self.file or "the package"]
        where += [f"line {self.line}"] if self.line else []
        where += [f"key {self.key}"] if self.key else []
        return f"{self.severity}: {', '.join(where)}: {self.problem} {self.remedy} [{self.rule}]"


MOST = 20
"""Faults of one kind in one file that are told one by one."""


class Faults:
    """A list of faults that does not drown its reader: of one kind in a file, the first ones and a count."""

    def __init__(self) -> None:
        self.found: list[Fault] = []
        self._often: dict[tuple[str, str], int] = {}

    def add(self, fault: Fault) -> None:
        """Keeps a fault; after many of its kind in its file it is only counted."""
        kind = (fault.rule, fault.file)
        self._often[kind] = self._often.get(kind, 0) + 1
        if self._often[kind] <= MOST:
            self.found.append(fault)

    def ordered(self) -> list[Fault]:
        """The faults by file and line, and one for each kind of which there are more."""
        more = [
            Fault(rule, file, f"there are {count - MOST:,} more of this kind.", "Correct them all.")
            for (rule, file), count in self._often.items()
            if count > MOST
        ]
        return sorted([*self.found, *more], key=lambda one: (one.severity, one.file, one.line or 1 << 60))
