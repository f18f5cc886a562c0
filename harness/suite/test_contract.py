"""One test for each system and rule of docs/rules.md; what is not to be seen before training is skipped."""

from __future__ import annotations

import pytest

from harness import suite
from harness.results import Reason
from harness.rules import Rule


def test(reason: Reason | None, rule: Rule) -> None:
    """Fails where the check of the system met the rule."""
    unseen = suite.why_not(reason, rule)
    if unseen:
        pytest.skip(unseen)
    if reason is not None:
        pytest.fail(f"{reason.problem} {reason.remedy} [{reason.rule}]", pytrace=False)
