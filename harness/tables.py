"""Tables for the terminal: complexity, scores, plan. Rounding happens here, where numbers are shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.editions import Edition
from harness.outcomes import Outcome
from harness.plan import System
from harness.results import Result

Row = Sequence[str]

COMPLEXITY = ("system", "outcome", "parameters", "bytes", "of limit", "MACs", "of limit", "MACs by torchinfo")
SCORES = (
    "system",
    "split",
    "seed",
    "outcome",
    "macro acc. % ↑",
    "log loss ↓",
    "real %",
    "seen %",
    "unseen %",
    "gap",
)
PLAN = ("system", "split", "seed", "training clips", "state", "estimate")


def complexity_rows(systems: Iterable[System], edition: Edition | None) -> list[Row]:
    """What each system costs, and how much of the limit that is."""
    return [_complexity_row(system, edition) for system in systems]


def _complexity_row(system: System, edition: Edition | None) -> Row:
    found = system.check.complexity
    if found is None:
        return (system.name, system.check.outcome, "", "", "", "", "", "")
    limits = edition.limits if edition else None
    return (
        system.name,
        system.check.outcome,
        f"{found.parameters:,}",
        f"{found.parameter_bytes:,}",
        f"{found.parameter_bytes / limits.parameter_bytes.value:.1%}" if limits else "no limit",
        f"{found.macs:,}",
        f"{found.macs / limits.macs.value:.1%}" if limits else "no limit",
        f"{found.official_macs:,}",
    )


def score_rows(results: Iterable[Result]) -> list[Row]:
    """What each cell scored, with its device groups; how it ended where it has no score."""
    return [_score_row(result) for result in results]


def _score_row(result: Result) -> Row:
    identity, scores = result.identity, result.scores
    start = (f"{identity.entry}/{identity.system}", identity.split, str(identity.seed), result.outcome)
    if scores is None:
        return (*start, "", "", "", "", "", "")
    groups = [scores.per_group.get(name) for name in ("real", "seen", "unseen")]
    return (
        *start,
        f"{100 * scores.macro_accuracy:.2f}",
        f"{scores.log_loss:.3f}",
        *(f"{100 * group.accuracy:.2f}" if group else "" for group in groups),
        f"{100 * scores.seen_unseen_gap:.2f}" if scores.seen_unseen_gap is not None else "",
    )


def reasons(results: Iterable[Result]) -> list[str]:
    """One line for each way in which cells failed, with how many did."""
    lines: dict[str, int] = {}
    for result in results:
        if result.outcome is not Outcome.OK and result.reason:
            reason = result.reason
            line = f"{result.identity.system}: {result.outcome}: {reason.problem} {reason.remedy} [{reason.rule}]"
            lines[line] = lines.get(line, 0) + 1
    return [f"{line} ({count} cells)" if count > 1 else line for line, count in lines.items()]
