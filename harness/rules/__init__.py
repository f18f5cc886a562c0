"""Every rule of this project, each with an id that stands in the messages that are about it.

rule.py         what a rule is
entries.py      what an entry must keep, checked; review.py: what people look at
packages.py     what a challenge package must keep
regression.py   what a change must keep
page.py         docs/rules.md, made from all of them (`python -m harness rules`)
"""

from __future__ import annotations

from harness.rules.entries import ENTRY_RULES
from harness.rules.packages import PACKAGE_RULES
from harness.rules.regression import REGRESSION_RULES
from harness.rules.review import REVIEW_RULES
from harness.rules.rule import Rule

__all__ = ["CHAPTERS", "ENTRY_RULES", "EVERY", "PACKAGE_RULES", "REGRESSION_RULES", "REVIEW_RULES", "Rule"]

CHAPTERS: dict[str, tuple[Rule, ...]] = {
    "Rules of an entry": ENTRY_RULES,
    "Rules that people look at": REVIEW_RULES,
    "Rules of a challenge package": PACKAGE_RULES,
    "Rules of a change": REGRESSION_RULES,
}

EVERY: tuple[Rule, ...] = tuple(rule for chapter in CHAPTERS.values() for rule in chapter)
