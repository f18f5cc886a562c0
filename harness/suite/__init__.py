"""The contract as one pytest suite that runs on any entry: a test for each system and rule.

`python -m harness check ENTRY` runs it, on a laptop as in CI; `test_contract.py` are the tests, this their line.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.plan import System
from harness.results import Reason
from harness.rules import ENTRY_RULES, REVIEW_RULES, Rule

LATER = ("stage.", "speed.", "weights.", "contract.save", "count.frontend")
"""Rules that only a training, its predictions or a clock can break."""

TESTS = Path(__file__).with_name("test_contract.py")
SETTINGS = Path(__file__).with_name("pytest.ini")


class Contract:
    """The plugin that tells the tests which systems there are and what their checks found."""

    def __init__(self, systems: Sequence[System]) -> None:
        self._cases = [(system.name, system.check.reason, rule) for system in systems for rule in _rules()]

    def pytest_generate_tests(self, metafunc: Any) -> None:  # noqa: ANN401 - pytest is imported where it runs
        """A test for each system and rule."""
        names = [f"{system}-{rule.id}" for system, _, rule in self._cases]
        metafunc.parametrize(("reason", "rule"), [(reason, rule) for _, reason, rule in self._cases], ids=names)


def _rules() -> tuple[Rule, ...]:
    return (*ENTRY_RULES, *REVIEW_RULES)


def why_not(reason: Reason | None, rule: Rule) -> str | None:
    """Why nothing can be said of a rule before training; None where the check said something."""
    if rule.by_review:
        return "by review"
    if rule.id.startswith(LATER) and (reason is None or reason.rule != rule.id):
        return "seen when it is trained, predicts or is timed"
    if reason is not None and reason.rule != rule.id:
        return f"the check ended at {reason.rule}"
    return None


def run(systems: Sequence[System]) -> bool:
    """Runs the suite on checked systems and prints what failed; True where nothing did."""
    import pytest  # noqa: PLC0415 - few commands need it

    words = ["-q", "--no-header", "--tb=short", "-p", "no:cacheprovider", "-c", str(SETTINGS), str(TESTS)]
    return pytest.main(words, plugins=[Contract(systems)]) == 0
