"""What a comparison of two revisions found, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Literal

from harness.validated import Record


class Verdict(StrEnum):
    """What a finding means; the first two decide the exit status."""

    REGRESSION = "regression"
    NOT_COMPARED = "not compared"
    ACCEPTED = "accepted"
    CHANGED = "changed"
    BETTER = "better"
    NEW = "new"


class Finding(Record):
    """One thing that differs: which rule it is about, of which system, what, before and now, and why it matters.

    `change` holds the difference, with its 95 % interval where there is one.
    """

    verdict: Verdict
    rule: str
    track: str
    system: str
    what: str
    before: str = ""
    now: str = ""
    change: str = ""
    why: str = ""


class Report(Record):
    """Every finding between `base` and `head`, and how many systems are on both sides as they were."""

    schema_version: Literal[1] = 1
    base: str
    head: str
    findings: tuple[Finding, ...]
    unchanged: int

    @property
    def status(self) -> int:
        """The exit status: 0 fine, 1 a regression, 2 something could not be compared."""
        verdicts = {one.verdict for one in self.findings}
        return 1 if Verdict.REGRESSION in verdicts else 2 if Verdict.NOT_COMPARED in verdicts else 0

    @property
    def sentence(self) -> str:
        """The verdict in a line."""
        count = {verdict: sum(one.verdict is verdict for one in self.findings) for verdict in Verdict}
        same = f"{self.unchanged} systems are as they were"
        if self.status == 1:
            return f"regression: {count[Verdict.REGRESSION]} findings; {same}"
        if self.status == 2:
            return f"could not compare: {count[Verdict.NOT_COMPARED]} findings; {same}"
        return f"no regression: {same}" + (f"; {len(self.findings)} differ" if self.findings else "")


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """By verdict, the gravest first, then by system; the order of finding among these."""
    rank = {verdict: at for at, verdict in enumerate(Verdict)}
    return tuple(sorted(findings, key=lambda one: (rank[one.verdict], one.track, one.system)))


def accepted(findings: Iterable[Finding], names: Sequence[str]) -> list[Finding]:
    """The findings; those that stop something are accepted where they are of what is named: ENTRY or ENTRY/SYSTEM."""
    found = []
    for one in findings:
        named = one.system in names or one.system.split("/")[0] in names
        stays = one.verdict not in (Verdict.REGRESSION, Verdict.NOT_COMPARED) or not named
        found.append(one if stays else one.model_copy(update={"verdict": Verdict.ACCEPTED}))
    return found
