"""Speeds: only as times the baseline that was timed in the same run, and only where both sides did so repeatedly."""

from __future__ import annotations

from collections.abc import Iterator

from harness.regression.findings import Finding, Verdict
from harness.regression.sides import Side
from harness.throughput import comparing, report
from harness.throughput.comparing import Compared

RULE = "regression.speed"

LEAST = 0.95
"""A system is slower where it surely has less than this of its earlier ratio: ratios spread by some per cent."""


def slower(before: Side, now: Side) -> Iterator[Finding]:
    """A finding for each speed that was taken again, whatever came of it."""
    for key, system in now.systems.items():
        known = before.systems.get(key)
        again = [one for one in system.speeds if known is not None and one not in known.speeds]
        if known is None or not again:
            continue
        for one in comparing.compared(again, known.speeds):
            if one.batch is not None:
                yield _finding(one, *key)


def _finding(one: Compared, track: str, name: str) -> Finding:
    change = one.change
    surely = change is not None and one.verdict == "slower" and change.high is not None and change.high < LEAST
    if one.verdict == comparing.OTHER_TERMS:
        verdict = Verdict.NOT_COMPARED
    else:
        verdict = Verdict.REGRESSION if surely else Verdict.BETTER if one.verdict == "faster" else Verdict.CHANGED
    asked = "one clip" if one.batch == 1 else f"batches of {one.batch}"
    shown = f"{report.shown(change)[0]} times ({report.shown(change)[1]})" if change else ""
    before, now = (f"{report.shown(ratio)[0]} times the baseline" for ratio in (one.before, one.now))
    return Finding(
        verdict=verdict, rule=RULE, track=track, system=name, what=f"speed, {asked}", before=before, now=now,
        change=shown, why=f"surely more than {1 - LEAST:.0%} slower" if surely else one.verdict,
    )  # fmt: skip
