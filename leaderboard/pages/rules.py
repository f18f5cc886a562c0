"""The rules, as the edition files and the list of rules have them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness import editions
from harness.editions import Edition
from harness.rules import CHAPTERS, Rule
from leaderboard import display
from leaderboard.display import STATUSES, Statement
from leaderboard.page import Page, Section
from leaderboard.pages import places as at
from leaderboard.tables import Column, Field, Table

LEAD = (
    "Limits and conventions of each edition of DCASE Task 1, with where they come from, and the rules that an entry, "
    "a challenge package and a change must keep: each with what checks it, or the mark that people look at it."
)


def page() -> Page:
    """Limits by year, each with its source, and every rule with what checks it."""
    known = [editions.load(name) for name in editions.names()]
    statuses = tuple(Statement(status, f"{meaning}.") for status, meaning in STATUSES.items())
    return Page(
        path=at.RULES,
        title="Rules",
        lead=(LEAD,),
        sections=(
            *(Section(f"edition-{one.year}", one.title, statements=tuple(_facts(one))) for one in known),
            Section("statuses", "How sure the figures are", statements=statuses),
            *(Section(_id(title), title, tables=(_rules(title, rules),)) for title, rules in CHAPTERS.items()),
        ),
        crumbs=(("Leaderboard", at.INDEX),),
    )  # fmt: skip


def _facts(edition: Edition) -> Iterator[Statement]:
    limits = edition.limits
    for name, fact in (("MACs", limits.macs), ("Bytes of parameters", limits.parameter_bytes)):
        yield Statement(name, f"at most {display.count(fact.value)}", fact.status, fact.source)
    if limits.parameters:
        fact = limits.parameters
        yield Statement("Parameters", f"at most {display.count(fact.value)}", fact.status, fact.source)
    yield from display.edition(edition)


def _id(title: str) -> str:
    return title.lower().replace(" ", "-")


def _rules(title: str, rules: Sequence[Rule]) -> Table:
    columns = (
        Column("id", "Rule", number=False),
        Column("text", "What it says", number=False),
        Column("check", "Checked by", number=False),
    )
    rows = tuple((Field(one.id), Field(one.text.replace("`", "")), Field(one.checked_by)) for one in rules)
    return Table(f"{_id(title)}-table", f"{title}: {len(rows)}", columns, rows, sortable=True)
