"""A report for people: the table of the terminal, and Markdown for a pull request."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tabulate import tabulate

from harness.regression.findings import Finding, Report, Verdict

COLUMNS = {
    "verdict": "verdict",
    "rule": "rule",
    "track": "track",
    "system": "system",
    "what": "what",
    "before": "before",
    "now": "now",
    "change": "change (95 % interval)",
    "why": "why",
}
"""Fields of a finding that are shown, and what their columns are called."""

SIGNS = {0: "✅", 1: "❌", 2: "⚠️"}

LONGEST = 60_000
"""Characters that a comment may have, some to spare (a pull request takes 65,536)."""

MARK = "<!-- dcase-bench regression -->"
"""By this the comment of an earlier run is known, and replaced."""

MEANT = "Where a change is meant, run the command again with `--accept ENTRY/SYSTEM`, and say why in the pull request."

Row = Sequence[str]


def rows(report: Report) -> tuple[list[Row], Row]:
    """Rows and headings of the table."""
    return [_row(one) for one in report.findings], tuple(COLUMNS.values())


def _row(one: Finding) -> Row:
    return tuple(str(getattr(one, field)) for field in COLUMNS)


def markdown(report: Report, command: str) -> str:
    """The report as a comment: the verdict, what is wrong in the open, what merely differs folded away."""
    grave = [one for one in report.findings if one.verdict in (Verdict.REGRESSION, Verdict.NOT_COMPARED)]
    others = [one for one in report.findings if one not in grave]
    head = [MARK, f"### {SIGNS[report.status]} {_capital(report.sentence)}", ""]
    foot = ["", f"Compared: {_safe(report.base)} with {_safe(report.head)}, by `{command}`."]
    foot += [MEANT] if report.status == 1 else []
    body: list[str] = []
    room = LONGEST - sum(map(len, [*head, *foot]))
    if grave:
        body += _table(grave, room)
    if others:
        what = "difference that stops" if len(others) == 1 else "differences that stop"
        room -= sum(map(len, body))
        body += ["", f"<details><summary>{len(others)} {what} nothing</summary>", ""]
        body += [*_table(others, room), "", "</details>"]
    return "\n".join([*head, *body, *foot]) + "\n"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _table(findings: Sequence[Finding], room: int) -> list[str]:
    """As many rows as there is room for, and how many more there are."""
    lines = [[_safe(cell) for cell in _row(one)] for one in findings]
    text = tabulate(lines, headers=list(COLUMNS.values()), tablefmt="pipe", disable_numparse=True).split("\n")
    kept, left = text[:2], room
    for line in text[2:]:
        left -= len(line) + 1
        if left < 0:
            break
        kept.append(line)
    missing = len(text) - len(kept)
    return [*kept, *([f"\n… and {missing} more: see the JSON file."] if missing else [])]


def _safe(text: str) -> str:
    """Text that is nothing but text in Markdown: names and sentences come from entries."""
    flat = re.sub(r"\s+", " ", text)
    escaped = re.sub(r"([\\`*_{}\[\]|#~])", r"\\\1", flat)
    return escaped.replace("<", "&lt;").replace(">", "&gt;").replace("@", "@\u200b")
