"""Reports that scripts write from the project's own results: what is kept is what the script writes."""

from __future__ import annotations

import runpy
from pathlib import Path

from tests.conftest import PROJECT


def test_the_report_on_learning_is_that_of_the_results_that_are_kept() -> None:
    script = runpy.run_path(str(PROJECT / "reports/studies/learning.py"))
    kept = (PROJECT / "reports/studies/learning.md").read_text(encoding="utf-8")
    assert script["main"]([Path(PROJECT / "reports/results")]) == kept
